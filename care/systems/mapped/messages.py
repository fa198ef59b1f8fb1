"""The mapping of a hospital's own messages over HTTP: JSON or SOAP, each operation a request and how its answer is read.

A request's texts are filled by `str.format` with our words (`{name}`, `{start:%Y-%m-%d}`); an answer is read by JMESPath
(https://jmespath.org/specification.html) or by XPath 1.0 (https://www.w3.org/TR/1999/REC-xpath-19991116/).
"""

from __future__ import annotations

import codecs
import re
from string import Formatter
from typing import Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from lxml import etree
from pydantic import Field, model_validator

from care.systems.mapped.reading import REASONS, STATUSES, WHO, Formats, Strict, needs, one_of

WORDS = frozenset(
    {
        *("key", "slot", "practitioner", "service", "start", "end", "fee_yuan", "fee_fen", "external_id"),
        *("record_number", "name", "sex", "birth_date", "phone", "id_number"),
        *("old_key", "old_external_id", "first", "last", "cursor"),
    }
)
"""What a request may speak of. `old_…`: of the appointment that is moved; `first`, `last`: days; `cursor`: where reading goes on."""
_FOUND = ("id", "status")
_FOUND_MORE = ("key", "start", "date", "slot", "practitioner", "service", "said", "changed", *WHO)
_SLOT = ("id", "practitioner", "start", "free")
_SLOT_MORE = ("service", "date", "end", "capacity", "fee")


def charset_of(content_type: str) -> str:
    """The encoding a Content-Type names, as Python has it (GBK as the GB 18030 it is part of); empty where it names none we know."""
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    try:
        name = codecs.lookup(found[1]).name if found else ""
    except LookupError:
        return ""
    return "gb18030" if name in ("gbk", "gb2312") else name


class Operation(Strict):
    """One request. `json` is filled leaf by leaf, `body` as a text (XML: values are escaped).

    `ok`: holds if it was done. `rows`: the list in an answer, whose `columns` are read of each row. `inner`: the answer is a text
    inside the answer, as SOAP services of hospitals have it. `reason` with `reasons` says why not, `waiting` that the answer comes later.
    """

    path: str
    method: Literal["GET", "POST"] = "POST"
    headers: dict[str, str] = {}
    json_body: Any = Field(None, alias="json")
    body: str | None = None
    inner: str | None = None
    ok: str | None = None
    id: str | None = None
    reason: str | None = None
    reasons: dict[str, str] = {}
    said: str | None = None
    waiting: str | None = None
    rows: str | None = None
    columns: dict[str, str] = {}
    status: dict[str, str] = {}

    @model_validator(mode="after")
    def _known(self) -> Operation:
        strange = sorted(self.words() - WORDS)
        if strange:
            raise ValueError(f"speaks of {', '.join(strange)}; it may speak of {', '.join(sorted(WORDS))}")
        named = self._content_type()
        if "charset" in named.lower() and not charset_of(named):
            raise ValueError(f"headers: {named} names no encoding")
        one_of("reasons", self.reasons, REASONS)
        one_of("status", self.status, STATUSES)
        return self

    def words(self) -> set[str]:
        """What the request speaks of."""
        return _names([self.path, self.body, self.json_body])

    @property
    def charset(self) -> str:
        """What the request's text is written in: as its Content-Type says, else UTF-8."""
        return charset_of(self._content_type()) or "utf-8"

    def _content_type(self) -> str:
        return next((one for name, one in self.headers.items() if name.lower() == "content-type"), "")

    def expressions(self) -> dict[str, str]:
        """Every expression over an answer, by the name of its field."""
        named = {name: getattr(self, name) for name in ("ok", "id", "reason", "said", "waiting", "rows")}
        return {name: one for name, one in named.items() if one} | {
            f"columns.{name}": one for name, one in self.columns.items()
        }


class MessagesMapping(Strict):
    """`move` may be left out: a move is then a booking and a cancelling. So may `changed`: then its own changes are not heard.

    `repeatable`: the system keeps our key and does a thing once however often it is said; without it nothing is ever said twice.
    """

    format: Literal["json", "xml"]
    repeatable: bool = False
    formats: Formats = Formats()
    sex: dict[str, str] = {}
    schedules: Operation
    book: Operation
    cancel: Operation
    find: Operation
    move: Operation | None = None
    changed: Operation | None = None
    check: Operation | None = None

    @model_validator(mode="after")
    def _complete(self) -> MessagesMapping:
        needs("schedules.columns", self.schedules.columns, _SLOT, _SLOT_MORE)
        needs("find.columns", self.find.columns, _FOUND, _FOUND_MORE)
        if self.changed is not None:
            needs("changed.columns", self.changed.columns, (*_FOUND, "changed"), _FOUND_MORE)
        for name in ("book", "cancel", "move"):
            one: Operation | None = getattr(self, name)
            if one is not None and one.ok is None:
                raise ValueError(f"{name} lacks ok")
        if self.book.id is None:
            raise ValueError("book lacks id")
        for name in type(self).model_fields:
            if isinstance(operation := getattr(self, name), Operation):
                for field, expression in operation.expressions().items():
                    _compiles(f"{name}.{field}", expression, self.format)
                if operation.inner:
                    _compiles(f"{name}.inner", operation.inner, self.format)
        return self


def _compiles(field: str, expression: str, format_: str) -> None:
    try:
        if format_ == "json":
            jmespath.compile(expression)
        else:
            etree.XPath(expression)
    except (JMESPathError, etree.XPathError) as error:
        raise ValueError(
            f"{field} {expression!r} is no {'JMESPath' if format_ == 'json' else 'XPath'}"
        ) from error


def _names(value: Any) -> set[str]:
    """The words a template speaks of."""
    if isinstance(value, str):
        return {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    every = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for one in every for name in _names(one)}
