"""Several accounts from a file: what is wrong with it is said by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from channels.sms.drivers import driver_of
from server.accounts import read_accounts
from server.house import build
from server.settings import Settings, SettingsError
from store.crypto import Keyring

SECOND = {
    "account_id": "campus-east",
    "appid": "wxeast",
    "secret": "east-secret",
    "tokens": ["east-token", "old-token"],
    "aes_keys": ["e" * 43],
}


CMPP = {
    "driver": "cmpp",
    "account_id": "line",
    "sign": "云江示范医院",
    "host": "10.0.0.8",
    "source_addr": "901234",
    "secret": "key-of-the-gateway",
    "service_id": "YJYY",
    "src_id": "106900001",
}


def settings_with(folder: Path, given: Any) -> Settings:
    path = folder / "accounts.json"
    path.write_text(given if isinstance(given, str) else json.dumps(given))
    return Settings(var_dir=folder, accounts_file=str(path))


def test_further_accounts_stand_beside_the_settings_own(tmp_path: Path) -> None:
    accounts = read_accounts(settings_with(tmp_path, {"wechat": [SECOND]}))
    assert list(accounts.wechat) == ["hospital", "campus-east"]
    assert accounts.wechat["campus-east"].tokens == ("east-token", "old-token")
    assert accounts.sms_default in accounts.sms


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{not json", "cannot be read as JSON"),
        ({"wecat": []}, "unknown part wecat"),
        ({"wechat": ["x"]}, "every entry of wechat must be an object"),
        ({"wechat": [{**SECOND, "colour": "red"}]}, "account campus-east has unknown fields colour"),
        ({"wechat": [{**SECOND, "aes_keys": []}]}, "account campus-east"),
        ({"wechat": [{"account_id": "half"}]}, "account half"),
        ({"wechat": [{**SECOND, "tokens": "east-token"}]}, "campus-east: tokens is a list of texts"),
        ({"wechat": [{**SECOND, "tokens": [7]}]}, "campus-east: tokens is a list of texts"),
        (
            {"wechat": [{**SECOND, "per_second": "20"}]},
            "campus-east: per_second is a whole number, not a text",
        ),
        (
            {"wechat": [{**SECOND, "per_second": 2.5}]},
            "campus-east: per_second is a whole number, not a number",
        ),
        ({"wechat": [{**SECOND, "per_second": True}]}, "campus-east: per_second is a whole number, not true"),
        ({"wechat": [{**SECOND, "passive_wait": "4"}]}, "campus-east: passive_wait is a number, not a text"),
        (
            {"wechat": [{**SECOND, "customer_messages": "false"}]},
            "customer_messages is true or false, not a text",
        ),
        ({"wechat": [{**SECOND, "secret": 12345}]}, "campus-east: secret is a text, not a number"),
        ({"wechat": [{**SECOND, "appid": None}]}, "campus-east: appid is a text, not null"),
        (
            {"wechat": [{**SECOND, "mode": "sicher"}]},
            "campus-east: mode is one of plain, compat, safe, not a text",
        ),
        (
            {"sms": [{**CMPP, "reconnect_after": ["1"]}]},
            "line: reconnect_after is a list of numbers, not a list",
        ),
        ({"sms": [{**CMPP, "port": "7890"}]}, "line: port is a whole number, not a text"),
        ({"wechat": {"one": SECOND}}, "wechat must be a list of accounts"),
        ({"wechat": [SECOND, SECOND]}, "campus-east is there twice"),
        ({"wechat": [{**SECOND, "account_id": "hospital"}]}, "hospital is there twice"),
    ],
)
def test_a_wrong_file_names_what_is_wrong(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(SettingsError, match="BANYI_ACCOUNTS_FILE") as raised:
        read_accounts(settings_with(tmp_path, given))
    assert said in str(raised.value)


TENCENT = {
    "driver": "tencent",
    "account_id": "tencent",
    "sign": "云江示范医院",
    "callback_secrets": ["t" * 24],
    "secret_id": "id",
    "secret_key": "key-of-tencent",
    "sdk_app_id": "1400000000",
}
TWILIO = {
    "driver": "twilio",
    "account_id": "abroad",
    "sign": "云江示范医院",
    "callback_secrets": ["u" * 24],
    "account_sid": "AC" + "0" * 32,
    "auth_token": "token-of-twilio",
    "from_number": "+15005550006",
    "callback_base": "https://hospital.example",
}


def test_an_sms_account_is_of_its_driver(tmp_path: Path) -> None:
    accounts = read_accounts(settings_with(tmp_path, {"sms": [TENCENT]}))
    assert [driver_of(one) for one in accounts.sms.values()] == ["aliyun", "tencent"]


def test_with_the_simulators_nobody_speaks_to_a_real_vendor(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, {"sms": [TENCENT], "wechat": [SECOND]})
    accounts = read_accounts(settings)
    urls = [one.base_url for one in (*accounts.sms.values(), *accounts.wechat.values())]  # type: ignore[attr-defined]
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    real = read_accounts(settings.model_copy(update={"simulators": False}))
    assert "tencent" in real.sms["tencent"].base_url  # type: ignore[attr-defined]


def test_numbers_may_be_whole_and_lists_may_hold_them(tmp_path: Path) -> None:
    given = {
        "wechat": [{**SECOND, "passive_wait": 4}],
        "sms": [{**CMPP, "reconnect_after": [1, 2.5], "flow_results": [8, 107]}],
    }
    accounts = read_accounts(settings_with(tmp_path, given))
    assert accounts.wechat["campus-east"].passive_wait == 4
    assert accounts.sms["line"].reconnect_after == (1, 2.5)  # type: ignore[attr-defined]


def test_an_unknown_driver_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="driver is one of aliyun, tencent, twilio, cmpp, not 'pigeon'"):
        read_accounts(settings_with(tmp_path, {"sms": [{**TENCENT, "driver": "pigeon"}]}))


async def test_a_vendor_abroad_needs_leave(tmp_path: Path, keyring: Keyring) -> None:
    settings = settings_with(tmp_path, {"sms": [TWILIO]})
    (tmp_path / "models").symlink_to(Settings().models)
    with pytest.raises(SettingsError, match="BANYI_ALLOW_SENDING_ABROAD"):
        build(settings)
    house = build(settings.model_copy(update={"allow_sending_abroad": True}))
    assert ("sms", "abroad") in house.vendors.senders
    await house.close()


def test_secrets_do_not_show(tmp_path: Path) -> None:
    shown = repr(read_accounts(settings_with(tmp_path, {"wechat": [SECOND]})))
    assert "east-secret" not in shown and "east-token" not in shown


@pytest.mark.parametrize(
    ("part", "entry", "field"),
    [
        ("wechat", {**SECOND, "tokens": ["east-token", "demo-token"]}, "tokens"),
        ("wechat", {**SECOND, "aes_keys": ["demo0" * 8 + "dem"]}, "aes_keys"),
        ("wechat", {**SECOND, "secret": "demo-secret"}, "secret"),
        ("sms", {**TENCENT, "callback_secrets": ["demo-callback-secret-0123456789"]}, "callback_secrets"),
    ],
)
def test_with_real_vendors_no_account_bears_a_secret_everybody_knows(
    tmp_path: Path, part: str, entry: dict[str, Any], field: str
) -> None:
    settings = settings_with(tmp_path, {part: [entry]})
    read_accounts(settings)
    for real in ({"simulators": False}, {"environment": "production"}):
        with pytest.raises(SettingsError, match=f"{field} still has its demo value"):
            read_accounts(settings.model_copy(update=real))
