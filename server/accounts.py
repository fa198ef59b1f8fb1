"""The vendors' accounts: one of each kind from the settings, further ones from a file.

`BANYI_ACCOUNTS_FILE` is JSON: `{"wechat": [{"account_id": …, "appid": …}], "sms": [{"driver": "tencent", "account_id": …}]}`;
the fields are those of `WeChatAccount` and of the driver's account. It holds secrets: readable by its owner only.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from channels.sms.aliyun import PUBLIC_API as SMS_API
from channels.sms.aliyun import AliyunAccount
from channels.sms.drivers import DRIVERS
from channels.sms.port import SmsAccount
from channels.wechat.account import DISASTER_API, OPEN_PAGES, WeChatAccount
from channels.wechat.account import PUBLIC_API as WECHAT_API
from server.settings import DEMO_SECRETS, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Accounts:
    """By account id, in order. The first WeChat account and `sms_default` are what the demo and codes use."""

    wechat: dict[str, WeChatAccount]
    sms: dict[str, SmsAccount]
    sms_default: str

    @property
    def per_second(self) -> dict[tuple[str, str], int]:
        """How fast each account may be used, by channel and account id."""
        return {("wechat", one.account_id): one.per_second for one in self.wechat.values()} | {
            ("sms", one.account_id): one.per_second for one in self.sms.values()
        }


def read_accounts(settings: Settings) -> Accounts:
    """Raises `SettingsError` naming the account and what is wrong with it."""
    given = _file(settings)
    first = wechat_account(settings)
    wechat = {first.account_id: first}
    for entry in given.get("wechat", []):
        one = _at_home(settings, _make(WeChatAccount, entry, "wechat"), f"{settings.loopback}/sim/wechat")
        _add(wechat, one.account_id, one)
    sms: dict[str, SmsAccount] = {}
    for entry in given.get("sms", []):
        other = _at_home(settings, _sms_entry(entry), f"{settings.loopback}/sim/sms")
        _add(sms, other.account_id, other)
    if settings.sms_account not in sms:
        sms = {settings.sms_account: sms_account(settings), **sms}
    return Accounts(wechat, sms, settings.sms_account)


def wechat_account(settings: Settings) -> WeChatAccount:
    """The account of the plain settings."""
    base = settings.wechat_base_url or (
        f"{settings.loopback}/sim/wechat" if settings.simulators else WECHAT_API
    )
    return WeChatAccount(
        account_id=settings.wechat_account,
        appid=settings.wechat_appid,
        secret=settings.wechat_secret,
        tokens=tuple(settings.wechat_token.split(",")),
        aes_keys=tuple(key for key in settings.wechat_aes_key.split(",") if key),
        mode=settings.wechat_mode,
        account_type=settings.wechat_account_type,
        passive_wait=settings.wechat_passive_wait,
        customer_messages=settings.wechat_customer_messages,
        custom_daily=settings.wechat_custom_daily,
        template_daily=settings.wechat_template_daily,
        base_url=base,
        fallback_url=DISASTER_API if base == WECHAT_API else "",
        open_url=f"{settings.base}/sim/wechat" if settings.simulators else OPEN_PAGES,
    )


def sms_account(settings: Settings) -> AliyunAccount:
    """The Aliyun account of the plain settings."""
    base = settings.sms_base_url or (f"{settings.loopback}/sim/sms" if settings.simulators else SMS_API)
    return AliyunAccount(
        account_id=settings.sms_account,
        access_key_id=settings.sms_access_key_id,
        access_key_secret=settings.sms_access_key_secret,
        sign=settings.sms_sign,
        callback_secrets=tuple(settings.sms_callback_secret.split(",")),
        base_url=base,
    )


def _file(settings: Settings) -> dict[str, Any]:
    if not settings.accounts_file:
        return {}
    path = Path(settings.accounts_file)
    try:
        given = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"BANYI_ACCOUNTS_FILE {path} cannot be read as JSON: {error}.") from error
    unknown = set(given) - {"wechat", "sms"} if isinstance(given, dict) else {"the whole of it"}
    if unknown:
        raise SettingsError(
            f"BANYI_ACCOUNTS_FILE: unknown part {', '.join(sorted(unknown))}; see docs/operations.md."
        )
    if wrong := sorted(part for part, entries in given.items() if not isinstance(entries, list)):
        raise SettingsError(f"BANYI_ACCOUNTS_FILE: {', '.join(wrong)} must be a list of accounts.")
    return dict(given)


def _make(kind: type[Any], entry: Any, part: str) -> Any:
    """An account from its JSON object: lists become tuples, unknown fields are an error that names them."""
    if not isinstance(entry, dict):
        raise SettingsError(f"BANYI_ACCOUNTS_FILE: every entry of {part} must be an object.")
    name = str(entry.get("account_id") or "without account_id")
    known = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(entry) - known):
        raise SettingsError(
            f"BANYI_ACCOUNTS_FILE: {part} account {name} has unknown fields {', '.join(unknown)}; "
            f"known are {', '.join(sorted(known))}."
        )
    for field, wanted in get_type_hints(kind).items():
        if field in entry and not _is_of(entry[field], wanted):
            raise SettingsError(
                f"BANYI_ACCOUNTS_FILE: {part} account {name}: {field} is {_meant(wanted)}, "
                f"not {_shown(entry[field])}."
            )
    try:
        return kind(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        )
    except (TypeError, ValueError) as error:
        raise SettingsError(f"BANYI_ACCOUNTS_FILE: {part} account {name}: {error}.") from error


_MEANT = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _is_of(value: Any, wanted: Any) -> bool:
    """Whether a JSON value is what an account's field holds. A text is no list: its letters would be taken for callback
    tokens of one letter, which anybody guesses. And no number is true."""
    if get_origin(wanted) is tuple:
        return isinstance(value, list) and all(_is_of(one, get_args(wanted)[0]) for one in value)
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    if wanted is float:
        return type(value) in (int, float)
    return type(value) is wanted


def _meant(wanted: Any) -> str:
    if get_origin(wanted) is tuple:
        kind = _MEANT[get_args(wanted)[0]].rpartition(" ")[2]
        return f"a list of {kind}s" + (', like ["one", "two"]' if kind == "text" else "")
    if get_origin(wanted) is Literal:
        return "one of " + ", ".join(get_args(wanted))
    return _MEANT[wanted]


def _shown(value: Any) -> str:
    """What was given, without what it says: it may be a secret."""
    kinds = {str: "a text", bool: "true or false", type(None): "null", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _not_demo(settings: Settings, account: Any) -> Any:
    """`account`, unless a real vendor is meant and it bears one of the demo's secrets, which everybody knows."""
    if settings.environment != "production" and settings.simulators:
        return account
    known = {str(type(settings).model_fields[name].default) for name in DEMO_SECRETS}
    for field in dataclasses.fields(account):
        value = getattr(account, field.name)
        if known.intersection(map(str, value if isinstance(value, tuple) else (value,))):
            raise SettingsError(
                f"BANYI_ACCOUNTS_FILE: account {account.account_id}: {field.name} still has its demo value."
            )
    return account


def _at_home(settings: Settings, account: Any, simulator: str) -> Any:
    """With the simulators no account speaks to a real vendor, unless its `base_url` says so; without them none with known
    secrets."""
    _not_demo(settings, account)
    default = {field.name: field.default for field in dataclasses.fields(account)}.get("base_url")
    if settings.simulators and default is not None and account.base_url == default:
        return dataclasses.replace(account, base_url=simulator)
    return account


def _sms_entry(entry: Any) -> SmsAccount:
    name = entry.get("driver") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in DRIVERS:
        raise SettingsError(
            f"BANYI_ACCOUNTS_FILE: an sms account's driver is one of {', '.join(DRIVERS)}, not {name!r}."
        )
    fields = {key: value for key, value in entry.items() if key != "driver"}
    made: SmsAccount = _make(DRIVERS[name].account, fields, "sms")
    return made


def _add(known: dict[str, Any], account_id: str, account: Any) -> None:
    if account_id in known:
        raise SettingsError(f"BANYI_ACCOUNTS_FILE: account {account_id} is there twice.")
    known[account_id] = account
