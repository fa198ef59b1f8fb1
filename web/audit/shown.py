"""How a row of the trail is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from store.audit import AuditRow
from web.audit.ports import People
from web.audit.search import staff_ids
from web.signin import staffing
from web.words import Words

words = Words(Path(__file__).parents[1] / "templates" / "audit" / "words.yml")


@dataclass(frozen=True, slots=True)
class Line:
    """A row as the page and the export show it."""

    id: int
    at: datetime
    who: str
    action: str
    whom: str
    subject: str
    where: str
    detail: str
    sealed: int | None


async def lines(session: AsyncSession, people: People, rows: Sequence[AuditRow]) -> list[Line]:
    """Names for everybody in `rows`, asked for together."""
    named = {text for row in rows for text in (row.actor, row.subject)}
    staff = await staffing.names(session, staff_ids(named))
    labels = await people.labels(session, named)
    return [
        Line(
            id=row.id,
            at=row.at,
            who=_called(row.actor, staff, labels),
            action=words("actions", row.action),
            whom=_called(row.subject, staff, labels),
            subject=row.subject,
            where=words("pages", row.detail["page"]) if "page" in row.detail else "",
            detail=_detail(row.detail),
            sealed=row.seal_no,
        )
        for row in rows
    ]


def _called(text: str, staff: Mapping[UUID | None, str], labels: Mapping[str, str]) -> str:
    """`张护士`, `患者 王＊兰`, `消息 0190…`: the kind in words, then whatever is known."""
    kind, _, key = text.partition(":")
    if kind == "staff":
        name = next((name for one, name in staff.items() if str(one) == key), "")
        return name or words("kinds", "staff_unknown")
    said = words("kinds", kind)
    rest = labels.get(text, "") or (f"…{key[-6:]}" if len(key) > 20 else key)
    return f"{said} {rest}".strip()


def _detail(detail: Mapping[str, Any]) -> str:
    """The rest of what was written down, in words where there are any."""
    said = []
    for name, value in detail.items():
        if isinstance(value, Mapping):
            said.append(_detail(value))
        elif name != "page":
            values = value if isinstance(value, list) else [value]
            said.append(
                f"{words('details', name)} {', '.join(words('values', one) for one in values)}".strip()
            )
    return "; ".join(filter(None, said))
