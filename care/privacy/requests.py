"""Requests about one's own data: opened once per message, answered in time, decided by people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.models import TaskKind
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from care.rows import add_new
from channels.contacts.models import Conversation
from channels.outbox.service import NOTICE_PRIORITY, enqueue
from channels.reply import Reply
from store import audit

ANSWER_WITHIN = timedelta(days=15)
"""PIPL art. 50 asks for a timely answer and names no days; GB/T 35273-2020, 8.7, says 30 days, the rules for apps of 2019 (how
unlawful collection of personal information by apps is told, item 6) 15 working days. Ours: 15 days of the calendar, never later."""


async def open_request(
    session: AsyncSession,
    kind: RequestKind,
    *,
    key: str,
    conversation_id: UUID,
    contact_id: UUID,
    patient_id: UUID | None,
    now: datetime,
    task_due: datetime | None = None,
    said: str | None = None,
) -> tuple[PrivacyRequest, bool]:
    """Write it down once per `key`; with `task_due` people are asked to see to it, else the house does it at once.

    Returns the request and whether it is new."""
    row = PrivacyRequest(
        key=key,
        kind=kind.value,
        status=RequestStatus.WAITING if task_due else RequestStatus.MAKING,
        patient_id=patient_id,
        contact_id=contact_id,
        conversation_id=conversation_id,
        said=said,
        asked_at=now,
        answer_by=now + ANSWER_WITHIN,
        attempts=0,
        due_at=None if task_due else now,
    )
    new = await add_new(session, row)
    stored = (await session.scalars(select(PrivacyRequest).where(PrivacyRequest.key == key))).one()
    if new:
        subject = audit.subject_of("contact", contact_id)
        detail = {"request": str(stored.id)}
        audit.record(session, actor=subject, action=f"privacy.{kind}", subject=subject, at=now, detail=detail)
    if new and task_due is not None:
        await desk.open_task(
            session,
            TaskKind.PRIVACY,
            dedup_key=_task_key(stored),
            now=now,
            due_at=task_due,
            note=kind.value,
            conversation_id=conversation_id,
            contact_id=contact_id,
            patient_id=patient_id,
        )
    return stored, new


async def listed(session: AsyncSession, *, limit: int = 200) -> Sequence[PrivacyRequest]:
    """What is open first, by when it must be answered; then what was settled, the newest first."""
    is_open = PrivacyRequest.status.in_((RequestStatus.WAITING, RequestStatus.MAKING))
    query = select(PrivacyRequest).order_by(
        case((is_open, 0), else_=1),
        case((is_open, PrivacyRequest.answer_by)),
        PrivacyRequest.asked_at.desc(),
    )
    return (await session.scalars(query.limit(limit))).all()


async def decided(
    session: AsyncSession,
    request: PrivacyRequest,
    status: RequestStatus,
    *,
    staff_id: UUID,
    now: datetime,
    answer: str | None,
) -> None:
    """A person decided: the row, their task and the audit trail say so. Telling the patient is `tell`."""
    request.status, request.decided_at, request.decided_by = status, now, staff_id
    if answer:
        request.answer = answer
    await desk.finish_by_key(session, _task_key(request), staff_id=staff_id, now=now)
    audit.record(
        session,
        actor=audit.subject_of("staff", staff_id),
        action=f"privacy.{status}",
        subject=audit.subject_of("contact", request.contact_id),
        at=now,
        detail={"request": str(request.id), "kind": request.kind},
    )


async def tell(session: AsyncSession, request: PrivacyRequest, reply: Reply, now: datetime) -> None:
    """The answer, as a message of its own: once a request and wording."""
    conversation = await session.get(Conversation, request.conversation_id)
    if conversation is not None:
        await enqueue(
            session,
            conversation,
            reply,
            dedup_key=f"privacy:{request.id}:{reply.key}",
            purpose="service_notice",
            now=now,
            priority=NOTICE_PRIORITY,
        )


def _task_key(request: PrivacyRequest) -> str:
    return f"privacy:{request.id}"
