"""The nightly sweep: who is found again, who is overdue, and the next step for each. Each step is a transaction of its own; killed
anywhere, the next run goes on, and nothing is told twice.

Overdue → the responsible doctor (`DOCTOR`) → a message to the patient (`PATIENT`) → a call (`CALL`) → `LOST` or `RECOVERED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Status
from care.consents.models import ConsentNow, Purpose
from care.desk import service as desk
from care.desk.due import soon
from care.desk.models import DeskTask, TaskKind
from care.followup import losses, service
from care.followup.models import RUNNING, Loss, LossReason, Stage
from care.followup.noticing import notice
from care.followup.responsible import doctors_of
from care.followup.rules import Rule, rules
from care.followup.scripts import words
from care.patients.models import Patient, PatientContact, PatientStatus
from care.questionnaires.models import QuestionnaireResponse
from care.records.models import Encounter
from channels.contacts.models import Contact, Conversation
from store.clock import Clock
from store.database import Database
from store.events import PatientEvent

BATCH = 100


class Invite(Protocol):
    """Writes to the patient. False: there is nobody to write to."""

    async def __call__(self, session: AsyncSession, loss: Loss, now: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class Swept:
    """What one run did."""

    recovered: int
    ended: int
    noticed: int
    moved: int


class Sweep:
    """`invite` writes to the patient (`actions/followup`)."""

    def __init__(self, database: Database, clock: Clock, invite: Invite) -> None:
        self._database, self._clock, self._invite = database, clock, invite

    async def run(self) -> Swept:
        now = self._clock.now()
        ended = await self._database.transact(lambda session: end(session, now), "losses that end")
        found = await self._database.transact(lambda session: find_again(session, now), "losses found again")
        noticed = 0
        for rule in rules().values():
            noticed += await self._notice(rule, now)
        moved = 0
        while batch := await self._database.transact(
            lambda session: self._step(session, now), "losses go on"
        ):
            moved += batch
        return Swept(found, ended, noticed, moved)

    async def _notice(self, rule: Rule, now: datetime) -> int:
        """Up to the rule's number a local day, whoever has begun with it."""
        today = self._clock.local(now).date()
        midnight = self._clock.to_utc(datetime.combine(today, time()))

        async def some(session: AsyncSession) -> int:
            counted = select(func.count()).where(Loss.rule == rule.name, Loss.noticed_at >= midnight)
            left = rule.most - (await session.scalar(counted) or 0)
            return await notice(session, rule, today=today, now=now, limit=left) if left > 0 else 0

        return await self._database.transact(some, "losses noticed")

    async def _step(self, session: AsyncSession, now: datetime) -> int:
        """One batch of those whose next step is due; how many."""
        due = or_(Loss.told.is_(False), Loss.next_at <= now)
        chosen = (
            select(Loss)
            .where(Loss.stage.in_((Stage.DOCTOR, Stage.PATIENT)), due)
            .order_by(Loss.noticed_at, Loss.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        rows = (await session.scalars(chosen)).all()
        doctors = await doctors_of(session, [one.patient_id for one in rows])
        refused = await _refused(session, [one.patient_id for one in rows])
        for row in rows:
            await self._go_on(session, row, now, doctors, row.patient_id in refused)
        return len(rows)

    async def _go_on(
        self, session: AsyncSession, row: Loss, now: datetime, doctors: dict[UUID, UUID], refused: bool
    ) -> None:
        rule = rules().get(row.rule) or next(iter(rules().values()))
        if row.stage == Stage.DOCTOR and not row.told:
            await _tell_doctor(session, row, rule, doctors.get(row.patient_id), self._clock, now)
            row.told, row.next_at = True, now + rule.doctor
        elif refused:
            await losses.lose(session, row.patient_id, LossReason.REFUSED, now)
        elif row.stage == Stage.DOCTOR or not row.told:
            row.stage, row.stage_at = Stage.PATIENT, now
            row.told, row.next_at = True, now + rule.patient
            sent = await self._invite(session, row, now)
            row.reason = await _why_silent(session, row.patient_id) or row.reason
            if not sent:
                unknown = row.reason == LossReason.OVERDUE
                row.reason = LossReason.UNREACHABLE if unknown else row.reason
                await _ring(session, row, self._clock, now)
        else:
            await _ring(session, row, self._clock, now)


async def _why_silent(session: AsyncSession, patient_id: UUID) -> LossReason | None:
    """Why nobody hears us: they left the account, or the number is wrong. None: nothing is known."""
    linked = select(Contact.status).join(PatientContact, PatientContact.contact_id == Contact.id)
    statuses = set(await session.scalars(linked.where(PatientContact.patient_id == patient_id)))
    if "active" in statuses:
        return None
    if "wrong_number" in statuses:
        return LossReason.WRONG_NUMBER
    left = select(PatientEvent.id).where(
        PatientEvent.patient_id == patient_id, PatientEvent.kind == "contact.unbound"
    )
    gone = await session.scalar(left.limit(1)) is not None
    return LossReason.UNFOLLOWED if gone else None


async def _ring(session: AsyncSession, row: Loss, clock: Clock, now: datetime) -> None:
    """The last step of the ladder: somebody rings, and what becomes of it ends the loss (`calling.settle`)."""
    row.stage, row.stage_at, row.told, row.next_at = Stage.CALL, now, True, None
    await service.open_call(
        session,
        row.patient_id,
        key=losses.call_key(row.id),
        due_on=clock.local(now).date(),
        script="revisit",
        source="lost",
        now=now,
    )


async def _tell_doctor(
    session: AsyncSession, row: Loss, rule: Rule, doctor: UUID | None, clock: Clock, now: datetime
) -> None:
    """A task of the responsible doctor's; of whoever takes it where nobody is responsible."""
    days = (clock.local(now).date() - row.since).days
    task, new = await desk.open_task(
        session,
        TaskKind.FOLLOW_UP,
        dedup_key=losses.task_key(row.id),
        now=now,
        due_at=soon(TaskKind.FOLLOW_UP, now),
        note=words("lost", "doctor_note", since=row.since, days=days, ahead=rule.doctor.days),
        patient_id=row.patient_id,
    )
    if new and doctor is not None:
        await session.execute(
            update(DeskTask).where(DeskTask.id == task.id).values(status="taken", assigned_to=doctor)
        )


async def _refused(session: AsyncSession, ids: Sequence[UUID]) -> frozenset[UUID]:
    rows = await session.scalars(
        select(ConsentNow.subject_id).where(
            ConsentNow.subject_id.in_(ids),
            ConsentNow.purpose == Purpose.FOLLOW_UP,
            ConsentNow.granted.is_(False),
        )
    )
    return frozenset(rows)


async def end(session: AsyncSession, now: datetime) -> int:
    """Who died or moved away is looked for no longer."""
    ended = 0
    for status, reason in ((PatientStatus.DIED, LossReason.DIED), (PatientStatus.MOVED, LossReason.MOVED)):
        gone = select(Loss.patient_id).join(Patient, Patient.id == Loss.patient_id)
        live = await session.scalars(gone.where(Loss.stage.in_(RUNNING), Patient.status == status))
        for patient_id in list(live):
            await losses.lose(session, patient_id, reason, now)
            await service.drop(session, patient_id=patient_id, reason=reason, now=now)
            ended += 1
    return ended


async def find_again(session: AsyncSession, now: datetime) -> int:
    """Visits, answers and replies since the loss was noticed. A reply of who refused does not count; the dead are never found."""
    visited = exists().where(
        Encounter.patient_id == Loss.patient_id, Encounter.start_date > Loss.since
    ) | exists().where(
        Appointment.patient_id == Loss.patient_id,
        Appointment.status.in_((Status.ARRIVED, Status.FULFILLED)),
        Appointment.start > Loss.noticed_at,
    )
    answered = exists().where(
        QuestionnaireResponse.patient_id == Loss.patient_id,
        QuestionnaireResponse.completed_at > Loss.noticed_at,
    )
    replied = exists().where(
        PatientContact.patient_id == Loss.patient_id,
        Conversation.contact_id == PatientContact.contact_id,
        Conversation.last_inbound_at > Loss.stage_at,
    )
    told = Loss.stage.in_((Stage.PATIENT, Stage.CALL, Stage.LOST)) & (Loss.reason != LossReason.REFUSED)
    found = 0
    for by, condition in (("visit", visited), ("answer", answered), ("reply", told & replied)):
        found += await _back(session, by, condition, now)
    return found


async def _back(session: AsyncSession, by: str, condition: ColumnElement[bool], now: datetime) -> int:
    lost = select(Loss.patient_id).where(
        Loss.stage.in_(losses.BACK), Loss.reason != LossReason.DIED, condition
    )
    found = 0
    for patient_id in set(await session.scalars(lost)):
        found += await losses.recover(session, patient_id, by, now) > 0
    return found
