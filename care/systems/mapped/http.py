"""`HospitalSystem` over a hospital's own HTTP messages, JSON or SOAP, by a mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import httpx2
import jmespath
from jmespath.exceptions import JMESPathError
from lxml import etree

from care.systems.mapped.messages import MessagesMapping, Operation, charset_of
from care.systems.mapped.reading import Values
from care.systems.port import (
    Accepted,
    Changes,
    Checked,
    Found,
    NotThere,
    OfferedSlot,
    Outcome,
    Refused,
    SystemAway,
    Unclear,
    Unread,
    Waiting,
    Wanted,
)
from care.systems.wire import NotSaid, send
from store.clock import Clock, real_now

DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_NOT_EVEN = (400, 404, 405, 415)
"""Statuses with which a server says that it did not take the request at all."""


class HttpSystem:
    """`base` is the services' root; `token` goes as a bearer token where it is set."""

    name = "http"

    def __init__(
        self,
        base: str,
        mapping: MessagesMapping,
        clock: Clock,
        zone: ZoneInfo,
        *,
        token: str = "",
        timeout: float = 10.0,
    ) -> None:
        self._base, self._mapping, self._clock, self._zone = base.rstrip("/"), mapping, clock, zone
        self._values = Values(mapping.formats, zone, mapping.sex)
        self.repeatable = mapping.repeatable
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.AsyncClient(timeout=timeout, headers=headers)

    async def close(self) -> None:
        await self._http.aclose()

    # --- reading ---

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot | Unread]:
        start = datetime.combine(first, time(), self._zone)
        end = datetime.combine(last + timedelta(days=1), time(), self._zone)
        rows = await self._read(self._mapping.schedules, {"first": first, "last": last})
        every = [self._values.slot_or_not(row) for row in rows]
        return [one for one in every if isinstance(one, Unread) or start <= one.start < end]

    async def find(self, wanted: Wanted) -> Found | NotThere:
        rows = await self._read(self._mapping.find, self._words(wanted, None))
        found = [self._found(self._mapping.find, row) for row in rows]
        mine = [one for one in found if one.key in (None, wanted.key)]
        live = [one for one in mine if one.status != "cancelled"] or mine
        return live[0] if live else NotThere()

    async def changed_since(self, cursor: str | None) -> Changes:
        changed = self._mapping.changed
        if changed is None:
            return Changes([], cursor or "-")
        if cursor is None:
            return Changes([], real_now().astimezone(self._zone).strftime(self._mapping.formats.moment))
        rows = await self._read(changed, {"cursor": cursor})
        last = max([cursor, *(self._values.text(row.get("changed")) for row in rows)])
        return Changes([self._found_or_not(changed, row) for row in rows], last)

    def _found_or_not(self, operation: Operation, row: Mapping[str, Any]) -> Found | Unread:
        try:
            return self._found(operation, row)
        except SystemAway as away:
            return Unread(self._values.text(row["id"]), away.said, self._values.text(row.get("changed")))

    def _found(self, operation: Operation, row: Mapping[str, Any]) -> Found:
        status = operation.status.get(self._values.text(row["status"]))
        if status is None:
            raise SystemAway("not_understood", f"status {row['status']}")
        try:
            return self._values.found(row, status)
        except ValueError as error:
            raise SystemAway("not_understood", str(error)[:200]) from error

    async def check(self) -> Checked:
        """The mapped check, else today's times."""
        today = self._clock.local().date()
        operation = self._mapping.check or self._mapping.schedules
        try:
            rows = await self._read(operation, {"first": today, "last": today})
        except SystemAway as away:
            return Checked(away.reason, away.said)
        return Checked(facts={"rows": len(rows)})

    # --- telling ---

    async def book(self, wanted: Wanted) -> Outcome:
        return await self._tell(self._mapping.book, wanted, None)

    async def cancel(self, wanted: Wanted) -> Outcome:
        return await self._tell(self._mapping.cancel, wanted, None)

    async def move(self, old: Wanted, new: Wanted) -> Outcome:
        if self._mapping.move is None:
            return await self.book(new)
        return await self._tell(self._mapping.move, new, old)

    async def _tell(self, operation: Operation, wanted: Wanted, old: Wanted | None) -> Outcome:
        if wanted.slot is None and operation is not self._mapping.cancel and "slot" in operation.words():
            return Refused("gone")  # its time has become another's
        try:
            return self._judged(operation, wanted, await self._ask(operation, self._words(wanted, old)))
        except NotSaid as error:
            return error.outcome

    def _judged(self, operation: Operation, wanted: Wanted, answer: _Answer) -> Outcome:
        """Raises `NotSaid`."""
        said = answer.text(operation.said)
        if operation.waiting and answer.holds(operation.waiting):
            return Waiting()
        if answer.holds(operation.ok or ""):
            there = answer.text(operation.id) or wanted.external_id
            return Accepted(there) if there else Unclear("not_understood", said)
        return Refused(operation.reasons.get(answer.text(operation.reason), "other"), said)

    # --- inside ---

    async def _read(self, operation: Operation, words: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            answer = await self._ask(operation, words)
            if operation.ok and not answer.holds(operation.ok):
                raise SystemAway("not_understood", answer.text(operation.said))
            return [
                {ours: row.value(expression) for ours, expression in operation.columns.items()}
                for row in answer.rows(operation.rows)
            ]
        except NotSaid as error:
            raise error.away from error

    async def _ask(self, operation: Operation, words: Mapping[str, Any]) -> _Answer:
        url = f"{self._base}/{operation.path.lstrip('/').format_map(_Filled(words, quote=_quoted))}"
        how: dict[str, Any] = {"headers": operation.headers}
        if operation.body is not None:
            text = operation.body.format_map(_Filled(words, quote=escape))
            how["content"] = text.encode(operation.charset, "xmlcharrefreplace")
        elif operation.json_body is not None and operation.charset == "utf-8":
            how["json"] = _fill(operation.json_body, words)
        elif operation.json_body is not None:
            how["content"] = json.dumps(_fill(operation.json_body, words), ensure_ascii=False).encode(
                operation.charset
            )
        got = await send(self._http, operation.method, url, **how)
        if got.status in _NOT_EVEN:
            raise NotSaid(Unclear("not_understood", f"HTTP {got.status}"))
        answer = _parse(got.body, self._mapping.format, charset_of(got.headers.get("content-type", "")))
        if not operation.inner:
            return answer
        inside = DECLARATION.sub(
            "", answer.text(operation.inner), count=1
        )  # it speaks of bytes: this is a text
        return _parse(inside.encode(), self._mapping.format)

    def _words(self, wanted: Wanted, old: Wanted | None) -> dict[str, Any]:
        who = wanted.patient
        return {
            "key": wanted.key,
            "slot": wanted.slot,
            "practitioner": wanted.practitioner,
            "service": wanted.service,
            "start": self._values.local(wanted.start),
            "end": self._values.local(wanted.end),
            "fee_yuan": f"{wanted.fee_fen / 100:.2f}",
            "fee_fen": wanted.fee_fen,
            "record_number": who.record_number,
            "name": who.name,
            "sex": self._mapping.sex.get(who.sex, who.sex),
            "birth_date": who.birth_date,
            "phone": who.phone,
            "id_number": who.id_number,
            "external_id": wanted.external_id,
            "old_key": old.key if old is not None else "",
            "old_external_id": old.external_id if old is not None else "",
        }


class _Filled(dict[str, Any]):
    """The words of a template; what is not known is empty."""

    def __init__(self, words: Mapping[str, Any], quote: Any = str) -> None:
        super().__init__({name: quote(one) if isinstance(one, str) else one for name, one in words.items()})

    def __missing__(self, _name: str) -> str:
        return ""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name) if name in self else ""
        return "" if found is None else found


def _quoted(text: str) -> str:
    return str(httpx2.QueryParams({"": text}))[1:]


def _fill(value: Any, words: Mapping[str, Any]) -> Any:
    """A JSON template with its leaves filled."""
    if isinstance(value, str):
        return value.format_map(_Filled(words))
    if isinstance(value, dict):
        return {name: _fill(one, words) for name, one in value.items()}
    return [_fill(one, words) for one in value] if isinstance(value, list) else value


class _Answer:
    """What came back, in either format."""

    def __init__(self, found: Any, is_xml: bool) -> None:
        self._found, self._xml = found, is_xml

    def value(self, expression: str) -> Any:
        found = self._search(expression)
        if not self._xml:
            return found
        if isinstance(found, list):
            found = found[0] if found else None
        return found.text if isinstance(found, etree._Element) else found

    def text(self, expression: str | None) -> str:
        found = self.value(expression) if expression else None
        return "" if found is None else str(found).strip()

    def holds(self, expression: str) -> bool:
        """Whether a JSON expression is true, or an XPath finds something."""
        return self._search(expression) not in (None, False, "", [], {})

    def rows(self, expression: str | None) -> list[_Answer]:
        if not self._xml:
            found = self._search(expression or "[@]") or []
            return [_Answer(one, False) for one in (found if isinstance(found, list) else [found])]
        return [_Answer(one, True) for one in self._search(expression or "/*")]

    def _search(self, expression: str) -> Any:
        """Raises `NotSaid` for an answer the expression cannot be asked of."""
        try:
            return self._found.xpath(expression) if self._xml else jmespath.search(expression, self._found)
        except (JMESPathError, etree.XPathError) as error:
            raise NotSaid(Unclear("not_understood", str(error)[:200])) from error


def _parse(body: bytes, format_: str, charset: str = "") -> _Answer:
    """`charset`: what the transport says, where the answer itself says nothing. Raises `NotSaid`. No entities, no DTD from outside: an
    answer is data."""
    try:
        if format_ == "json":
            return _Answer(_json(body, charset), False)
        body = body.strip()
        named = None if not charset or DECLARATION.match(body[:200].decode("latin-1")) else charset
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding=named
        )
        return _Answer(etree.fromstring(body, parser), True)
    except (ValueError, LookupError, etree.XMLSyntaxError):
        raise NotSaid(Unclear("not_understood", body[:200].decode("utf-8", "replace"))) from None


def _json(body: bytes, charset: str) -> Any:
    """JSON is UTF-8 by its standard; older services here write GB 18030. Raises `ValueError`."""
    for encoding in ("utf-8-sig" if charset in ("", "utf-8") else charset, "gb18030"):
        try:
            return json.loads(body.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise ValueError("no encoding")
