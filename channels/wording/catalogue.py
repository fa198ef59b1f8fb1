"""The wording of every reply, read from YAML, rendered per channel.

A file maps keys to `wechat` (text with `{param}`), `tail` (under a menu) and `sms`: one template, or a mapping from the number
of options to a template; where there is none, `no_sms` says why. SMS templates use the vendor's `${name}`; `${o1}`…`${o4}` are
option labels; `{hospital}` and `{landline}` are filled in when the file is read, because an approved text may not vary there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from channels.ports import MenuItem, Rendered
from channels.reply import JOINED, Reply
from channels.wording.labels import label

VARIABLE = re.compile(r"\$\{(\w+)\}")
SMS_VARIABLE_LIMIT = 35
"""Characters in one variable; https://help.aliyun.com/document_detail/463270.htm"""
NOT_REPLIES = frozenset({"labels.yml", "notices.yml"})
"""Files beside the wordings that hold something else."""
CALL_US = "common.call_us"
MODEL_MADE = "model_made"
"""Set on a reply whose words a model has made: it carries the visible mark that the law asks for (人工智能生成合成内容标识办法, in force
2025-09-01). Words of ours, written by people, carry none."""


class WordingError(ValueError):
    """A wording file is wrong; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One reply's words on each channel."""

    key: str
    wechat: str
    tail: str = ""
    sms: Mapping[int, str] = field(default_factory=dict)
    no_sms: str = ""
    """Why there is no template: `wechat_only` (never said by SMS), or `own` (each such reply names one by `sms_key`)."""


@dataclass(frozen=True, slots=True)
class Template:
    """An SMS template: `code` is derived from its key and text, so that an edited text is a new template to approve."""

    code: str
    key: str
    options: int
    revision: str
    text: str

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.text)


def make_template(key: str, options: int, text: str) -> Template:
    revision = hashlib.sha256(text.encode()).hexdigest()[:12]
    number = int(hashlib.sha256(f"{key}/{options}/{revision}".encode()).hexdigest(), 16) % 10**9
    return Template(code=f"SMS_{number:09d}", key=key, options=options, revision=revision, text=text)


class _Forgiving(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


class Catalogue:
    """All wordings. The templates an SMS account has approved are what it may say; see `use_templates`."""

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self._facts = dict(facts)
        self._wordings: dict[str, Wording] = {}
        self._room: dict[str, int] = {}
        self._approved: dict[str, dict[tuple[str, int], Template]] = {}
        for path in sorted(folder.glob("*.yml")):
            if path.name not in NOT_REPLIES:
                self._read(path)

    def _read(self, path: Path) -> None:
        entries = yaml.safe_load(path.read_text("utf-8")) or {}
        for key, entry in entries.items():
            if not isinstance(entry, dict) or not isinstance(entry.get("wechat"), str):
                raise WordingError(f"{path.name}: {key}: needs a text under 'wechat'")
            if key in self._wordings:
                raise WordingError(f"{path.name}: {key}: is defined twice")
            raw = entry.get("sms") or {}
            sms = raw if isinstance(raw, dict) else {0: raw}
            self._wordings[key] = Wording(
                key=key,
                wechat=entry["wechat"].strip(),
                tail=str(entry.get("tail") or "").strip(),
                sms={int(count): self._constant(text) for count, text in sms.items()},
                no_sms=str(entry.get("no_sms") or ""),
            )

    def _constant(self, text: str) -> str:
        for name, value in self._facts.items():
            text = text.replace(f"{{{name}}}", value)
        return " ".join(text.split())

    def keys(self) -> list[str]:
        return sorted(self._wordings)

    def wording(self, key: str) -> Wording:
        """Raises `KeyError` naming the missing key."""
        return self._wordings[key]

    def sms_templates(self) -> list[Template]:
        """Every template the wording files ask for."""
        return [
            make_template(word.key, count, text)
            for word in self._wordings.values()
            for count, text in word.sms.items()
        ]

    def sms_text(self, text: str) -> str:
        """A text from elsewhere (an FAQ's) with the hospital's facts filled in."""
        return self._constant(text)

    def use_templates(self, approved: Iterable[Template], account_id: str = "") -> None:
        """Replace the set of templates that may be sent by an account; by one without a set of its own if none is named.

        For an account whose driver takes free text that is every template there is.
        """
        self._approved[account_id] = {(template.key, template.options): template for template in approved}

    def also(self, templates: Sequence[Template]) -> Catalogue:
        """A catalogue beside this one in which every account may say these as well: for a plan that is only tried."""
        more = {(one.key, one.options): one for one in templates}
        found = copy(self)
        found._approved = {account: {**said, **more} for account, said in self._approved.items()}
        return found

    def render_wechat(self, reply: Reply, question_id: UUID | None) -> Rendered:
        """Text, with a menu when the reply opened a question."""
        if reply.key == JOINED:
            return Rendered(text="\n\n".join(self.render_wechat(part, None).text for part in reply.parts()))
        word = self._wordings[reply.key]
        values = _Forgiving({**self._facts, **reply.params})
        menu = tuple(
            MenuItem(f"{question_id}:{option.id}", option.label, option.digit) for option in reply.options
        )
        text = word.wechat.format_map(values).strip()
        if reply.params.get(MODEL_MADE):
            text = f"{text}\n{label('ai_mark')}"
        return Rendered(text=text, menu=menu, tail=word.tail.format_map(values))

    def narrow(self, account_id: str, characters: int) -> None:
        """This account's vendor takes at most so many characters a variable."""
        self._room[account_id] = characters

    def render_sms(self, reply: Reply, account_id: str = "") -> Rendered | None:
        """The account's approved template with its variables in their limits; None when there is none for this reply.

        None as well where the account takes shorter variables than this reply has: a date must not be cut in half.
        """
        approved = self._approved.get(account_id, self._approved.get("", {}))
        key = str(reply.params.get("sms_key") or reply.key)
        template = approved.get((key, len(reply.options))) or approved.get((key, 0))
        if template is None:
            return None
        values = {f"o{n}": option.label for n, option in enumerate(reply.options, 1)}
        values.update({name: str(value) for name, value in reply.params.items()})
        variables = {name: _fit(values.get(name, "")) for name in template.variables}
        if any(len(value) > self._room.get(account_id, SMS_VARIABLE_LIMIT) for value in variables.values()):
            return None
        return Rendered(text=fill(template.text, variables), template_code=template.code, variables=variables)


def fill(text: str, variables: Mapping[str, str]) -> str:
    """The template's text as the patient will read it (without signature)."""
    return VARIABLE.sub(lambda match: variables.get(match[1], ""), text)


def _fit(value: str) -> str:
    """A variable's value as the vendor takes it: one line, no 【】, 1 to 35 characters."""
    value = " ".join(value.replace("【", "(").replace("】", ")").split())
    if len(value) > SMS_VARIABLE_LIMIT:
        value = value[: SMS_VARIABLE_LIMIT - 1] + "…"
    return value or "-"
