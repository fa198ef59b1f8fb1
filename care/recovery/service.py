"""Dissatisfied visits: opened from a finished survey, taken, closed with an outcome, looked at a second time. Nothing commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.desk import service as desk
from care.desk.models import DeskTask, TaskKind
from care.hospital.models import HealthcareService, Practitioner
from care.questionnaires.models import QuestionnaireResponse
from care.recovery.models import Outcome, RecoveryCase
from care.recovery.words import comment_of, low, words
from care.rows import add_new
from store import audit, events

Complains = Callable[[str], bool]
"""Whether a comment is a complaint (`language.sentiment`)."""
DueAt = Callable[[TaskKind, datetime], datetime]
SECOND_LOOK = timedelta(0)
"""After the promised hour: the moment it is over somebody else is asked."""


def task_key(response_id: UUID) -> str:
    return f"recovery:{response_id}"


def wants_call(response: QuestionnaireResponse, complains: Complains) -> str | None:
    """`score`, `comment`, or None: nobody need call."""
    limit = low(response.name)
    if limit is None:
        return None
    if response.score is not None and response.score <= limit:
        return "score"
    comment = comment_of(response.name, response.answers)
    return "comment" if comment and complains(comment) else None


async def consider(
    session: AsyncSession,
    response: QuestionnaireResponse,
    *,
    complains: Complains,
    due_at: DueAt,
    hospital: str,
    now: datetime,
) -> RecoveryCase | None:
    """Open the case and the desk's task for a finished survey that asks for it, once; None: it does not, or was opened."""
    why = wants_call(response, complains)
    if why is None:
        return None
    due = due_at(TaskKind.COMPLAINT, now)
    where = await _where(session, response.appointment_id)
    text = note(response, why, where, hospital)
    task, new = await desk.open_task(
        session,
        TaskKind.COMPLAINT,
        dedup_key=task_key(response.id),
        now=now,
        due_at=due,
        note=text,
        conversation_id=response.conversation_id,
        contact_id=response.contact_id,
        patient_id=response.patient_id,
    )
    if not new:  # opened in the conversation already: say more than the comment
        task.note, due = text, task.due_at
    row = RecoveryCase(
        response_id=response.id,
        patient_id=response.patient_id,
        contact_id=response.contact_id,
        conversation_id=response.conversation_id,
        department_id=where.department_id,
        practitioner_id=where.practitioner_id,
        why=why,
        score=response.score,
        task_id=task.id,
        opened_at=now,
        due_at=due,
        second_at=due + SECOND_LOOK,
    )
    if not await add_new(session, row):
        return None
    if response.patient_id is not None:
        events.emit(session, response.patient_id, "recovery.opened", now, why=why)
    return row


@dataclass(frozen=True, slots=True)
class Where:
    department_id: UUID | None = None
    practitioner_id: UUID | None = None
    department: str = ""
    doctor: str = ""


async def _where(session: AsyncSession, appointment_id: UUID | None) -> Where:
    if appointment_id is None:
        return Where()
    row = (
        await session.execute(
            select(HealthcareService.id, Practitioner.id, HealthcareService.name, Practitioner.name)
            .join_from(Appointment, HealthcareService, HealthcareService.id == Appointment.department_id)
            .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
            .where(Appointment.id == appointment_id)
        )
    ).first()
    return Where(*row) if row is not None else Where()


def note(response: QuestionnaireResponse, why: str, where: Where, hospital: str) -> str:
    """What whoever calls has to know, with a script."""
    return words(
        "note",
        "text",
        why=words("why", why),
        department=where.department or words("note", "nowhere"),
        doctor=f" {where.doctor}" if where.doctor else "",
        score=response.score if response.score is not None else "-",
        comment=comment_of(response.name, response.answers) or words("note", "none"),
        script=words("scripts", why, hospital=hospital),
    )


async def second_look(session: AsyncSession, *, due_at: DueAt, now: datetime) -> int:
    """Cases whose hour is over: a second task for somebody else, once. How many."""
    rows = (
        await session.scalars(
            select(RecoveryCase)
            .where(
                RecoveryCase.closed_at.is_(None),
                RecoveryCase.second_at <= now,
                RecoveryCase.second_task_id.is_(None),
            )
            .order_by(RecoveryCase.second_at)
            .limit(100)
        )
    ).all()
    firsts = {
        one.id: one
        for one in await session.scalars(
            select(DeskTask).where(DeskTask.id.in_([row.task_id for row in rows]))
        )
    }
    for row in rows:
        before = firsts.get(row.task_id)
        task, _ = await desk.open_task(
            session,
            TaskKind.COMPLAINT,
            dedup_key=f"recovery2:{row.response_id}",
            now=now,
            due_at=due_at(TaskKind.COMPLAINT, now),
            note=words("note", "second", text=(before.note if before else "") or ""),
            conversation_id=row.conversation_id,
            contact_id=row.contact_id,
            patient_id=row.patient_id,
        )
        row.second_task_id = task.id
    return len(rows)


async def open_cases(session: AsyncSession, limit: int = 100) -> Sequence[RecoveryCase]:
    """Not closed, the most urgent first."""
    query = select(RecoveryCase).where(RecoveryCase.closed_at.is_(None)).order_by(RecoveryCase.due_at)
    return (await session.scalars(query.limit(limit))).all()


async def take(session: AsyncSession, case_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Whoever takes it calls. False when a colleague has it, or it is closed."""
    changed = await session.execute(
        update(RecoveryCase)
        .where(RecoveryCase.id == case_id, RecoveryCase.owner_id.is_(None), RecoveryCase.closed_at.is_(None))
        .values(owner_id=staff_id)
        .returning(RecoveryCase.task_id)
    )
    task_id = changed.scalar()
    if task_id is None:
        return False
    await desk.take_task(session, task_id, staff_id=staff_id)
    _audit(session, case_id, staff_id, "recovery.take", now)
    return True


async def close(
    session: AsyncSession, case_id: UUID, outcome: Outcome, note: str, *, staff_id: UUID, now: datetime
) -> bool:
    """How it ended; its tasks are done. False when it was closed already."""
    row = await session.get(RecoveryCase, case_id, with_for_update=True, populate_existing=True)
    if row is None or row.closed_at is not None:
        return False
    row.outcome, row.closed_at, row.closed_by = outcome.value, now, staff_id
    row.owner_id = row.owner_id or staff_id
    if note:
        row.note = note
    for key in (task_key(row.response_id), f"recovery2:{row.response_id}"):
        await desk.finish_by_key(session, key, staff_id=staff_id, now=now)
    _audit(session, case_id, staff_id, "recovery.close", now)
    return True


def _audit(session: AsyncSession, case_id: UUID, staff_id: UUID, action: str, now: datetime) -> None:
    actor, subject = audit.subject_of("staff", staff_id), audit.subject_of("recovery", case_id)
    audit.record(session, actor=actor, action=action, subject=subject, at=now)
