"""Which of WeChat's notices a reply can be told by, and their fields filled in.

`data/seed/wording/notices.yml` says which reply goes into which template; every account has its own template ids, given in a
file: `{"hospital": {"visit_long": {"id": "…", "fields": {"thing1": "thing7"}}}}` (`fields` only where the account's template
numbers its fields differently). Whether a person has agreed to a template is asked of `channels.wechat.grants`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from channels.outbox.ports import Notice, Rung
from channels.reply import Reply, discreet
from channels.wechat.notice_fields import Unfit, fit

Kind = Literal["long", "once", "template"]
RUNGS: Mapping[str, Rung] = {
    "long": Rung.SUBSCRIPTION_LONG,
    "once": Rung.SUBSCRIPTION_ONCE,
    "template": Rung.TEMPLATE,
}
NEVER = frozenset({"marketing"})
"""Purposes no notice may carry."""
TEMPLATE_PURPOSES = frozenset({"reply", "staff_reply", "service_notice"})
"""Template messages only tell what the patient's own action led to, never plans or education:
https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html"""


class NoticeError(ValueError):
    """The notices' file or an account's ids are wrong; the message names the entry."""


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """`fields` names WeChat's fields with what they are called (`thing1`: 就诊人)."""

    name: str
    kind: Kind
    title: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """One account's template: the vendor's id, and where its fields are numbered differently, our field → its."""

    template_id: str
    fields: Mapping[str, str]


class NoticeBook:
    """Implements `channels.outbox.ports.Notices`."""

    def __init__(
        self, path: Path, facts: Mapping[str, str], ids: Mapping[str, Mapping[str, OwnTemplate]] | None = None
    ) -> None:
        """`ids`: account → template name → its own; None: names are the ids (the simulator's accounts)."""
        raw = yaml.safe_load(path.read_text("utf-8"))
        self._facts = dict(facts)
        self._ids = ids
        self.templates = {name: _template(name, entry) for name, entry in raw["templates"].items()}
        self._notices: dict[str, dict[str, dict[str, str]]] = raw["notices"]
        for key, uses in self._notices.items():
            for name, fields in uses.items():
                template = self.templates.get(name)
                if template is None or set(fields) != set(template.fields):
                    raise NoticeError(f"{path.name}: {key}: {name} is no template, or its fields differ")

    def offers(self, account_id: str, reply: Reply, purpose: str) -> dict[Rung, Notice]:
        """The notices that could tell `reply`, in the ladder's order; a value that does not fit leaves its notice out."""
        if purpose in NEVER:
            return {}
        found: dict[Rung, Notice] = {}
        for name, fields in self._notices.get(reply.key, {}).items():
            template = self.templates[name]
            rung = RUNGS[template.kind]
            own = self._own(account_id, name)
            if own is None or (template.kind == "template" and purpose not in TEMPLATE_PURPOSES):
                continue
            values = self._values(fields, reply.params)
            if values is not None and rung not in found:
                renamed = {own.fields.get(field, field): value for field, value in values.items()}
                found[rung] = Notice(own.template_id, renamed)
        order = list(RUNGS.values())
        return dict(sorted(found.items(), key=lambda item: order.index(item[0])))

    def kind_of(self, account_id: str, template_id: str) -> Kind:
        """Whether consent to it is for good or for one message; an unknown template counts as `once`: the lesser right."""
        for name, template in self.templates.items():
            own = self._own(account_id, name)
            if own is not None and own.template_id == template_id:
                return template.kind
        return "once"

    def ids_of(self, name: str, accounts: Iterable[str]) -> dict[str, str]:
        """Account → its own id of the template `name`, where it has one."""
        own = {account: self._own(account, name) for account in accounts}
        return {account: one.template_id for account, one in own.items() if one is not None}

    def replies_of(self, name: str) -> list[str]:
        """The replies the template `name` may tell."""
        return [key for key, uses in self._notices.items() if name in uses]

    def simulator_templates(self) -> dict[str, tuple[str, ...]]:
        """Template id → fields, as the demo's account has them registered."""
        return {name: tuple(template.fields) for name, template in self.templates.items()}

    def _own(self, account_id: str, name: str) -> OwnTemplate | None:
        if self._ids is None:
            return OwnTemplate(name, {})
        return self._ids.get(account_id, {}).get(name)

    def _values(self, fields: Mapping[str, str], params: Mapping[str, Any]) -> dict[str, str] | None:
        values: dict[str, str] = {}
        for field, text in fields.items():
            try:
                values[field] = fit(field, text.format_map({**discreet(params), **self._facts}))
            except (KeyError, Unfit):
                return None
        return values


def read_ids(path: Path) -> dict[str, dict[str, OwnTemplate]]:
    """The accounts' own template ids; `NoticeError` names what is wrong."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        return {
            account: {
                name: OwnTemplate(str(entry["id"]), {**entry.get("fields", {})})
                for name, entry in own.items()
            }
            for account, own in raw.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoticeError(f"{path}: {type(error).__name__}: {error}") from error


def _template(name: str, entry: Mapping[str, Any]) -> NoticeTemplate:
    if entry.get("kind") not in RUNGS or not entry.get("fields"):
        raise NoticeError(f"notices: {name}: needs a kind ({', '.join(RUNGS)}) and fields")
    return NoticeTemplate(name, entry["kind"], str(entry["title"]), dict(entry["fields"]))
