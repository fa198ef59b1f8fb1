"""What staff decide about a request: delete, correct, or not. Each in one transaction with the word to the person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.privacy import deletion, requests
from care.privacy.holdings import book, whose
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from channels.reply import Reply
from store import audit

FIRST_LOOK = timedelta(seconds=5)
"""After a deletion: so long before anybody looks whether the answer has left."""
Decision = Literal["deleted", "corrected", "refused", "moved_on"]


async def delete_it(
    session: AsyncSession, request_id: UUID, *, staff_id: UUID, now: datetime, today: date
) -> Decision:
    """Delete what may go and tell the person, item by item, what stays and why. `moved_on`: somebody decided before."""
    request = await _open(session, request_id, RequestKind.DELETION)
    if request is None:
        return "moved_on"
    who = await whose(session, request.contact_id, today)
    planned = await deletion.plan(session, who)
    await requests.decided(session, request, RequestStatus.MAKING, staff_id=staff_id, now=now, answer=None)
    rows = await deletion.delete_person(
        session, who, request_id=request.id, actor=audit.subject_of("staff", staff_id), now=now
    )
    request.outcome = {
        "rows": rows,
        "kept": {item.kind: item.number for item in planned.stays},
        "contacts": [str(one) for one in who.contacts],
    }
    request.said_sealed = None
    request.due_at = now + FIRST_LOOK
    told = {"gone": spoken(planned.goes), "kept": spoken(planned.stays)}
    await requests.tell(session, request, Reply("privacy.deleted", told), now)
    return "deleted"


async def correct_it(
    session: AsyncSession, request_id: UUID, *, staff_id: UUID, answer: str, now: datetime
) -> Decision:
    """The record was put right (in the hospital's system): say what was changed."""
    request = await _open(session, request_id, RequestKind.CORRECTION)
    if request is None:
        return "moved_on"
    await requests.decided(session, request, RequestStatus.DONE, staff_id=staff_id, now=now, answer=answer)
    await requests.tell(session, request, Reply("privacy.corrected", {"answer": answer}), now)
    return "corrected"


async def refuse_it(
    session: AsyncSession, request_id: UUID, *, staff_id: UUID, answer: str, now: datetime
) -> Decision:
    """Not done, with the reason, which PIPL art. 50 asks for, and where else to turn."""
    request = await _open(session, request_id, None)
    if request is None:
        return "moved_on"
    await requests.decided(session, request, RequestStatus.REFUSED, staff_id=staff_id, now=now, answer=answer)
    request.due_at = None
    await requests.tell(session, request, Reply("privacy.refused", {"answer": answer}), now)
    return "refused"


async def _open(session: AsyncSession, request_id: UUID, kind: RequestKind | None) -> PrivacyRequest | None:
    """The request, held by this transaction, while nobody has decided on it."""
    row = await session.get(PrivacyRequest, request_id, with_for_update=True, populate_existing=True)
    if row is None or row.status != RequestStatus.WAITING or (kind is not None and row.kind != kind):
        return None
    return row


def spoken(items: Sequence[deletion.Item]) -> str:
    """The kinds as a patient reads them, a line each; what stays with the law that keeps it."""
    kinds, laws = book().kinds, book().laws
    lines = [
        f"\u00b7 {kinds[one.kind]}" + (f"\uff08{laws[one.law]}\uff09" if one.law else "") for one in items
    ]
    return "\n".join(dict.fromkeys(lines))
