"""What we decide and the hospital's system must agree to: written down in the transaction that decides it (`care.appointments.outside`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.decided import free_place
from care.appointments.models import Appointment
from care.systems import messages
from care.systems.models import OPEN, Direction, Said, SystemMessage

BOOK, CANCEL, MOVE, CHECK, MISSED = "book", "cancel", "move", "check", "missed"
KINDS = (BOOK, CANCEL, MOVE, CHECK, MISSED)
_MAKES = (BOOK, MOVE)


class Outward:
    """Implements `care.appointments.outside.Outside` for the system called `system`."""

    def __init__(self, system: str, *, lists_times: bool = True) -> None:
        self.system, self.lists_times = system, lists_times

    async def booked(
        self, session: AsyncSession, appointment_id: UUID, replaces_id: UUID | None, now: datetime
    ) -> None:
        moves = replaces_id is not None and not await self._unsaid(session, replaces_id, now)
        if replaces_id is not None and not moves:
            await _free(session, replaces_id)
        await self._put(session, MOVE if moves else BOOK, appointment_id, now)

    async def cancelled(self, session: AsyncSession, appointment_id: UUID, now: datetime) -> bool:
        if await self._unsaid(session, appointment_id, now):
            return False
        await self._put(session, CANCEL, appointment_id, now, f":{now.timestamp():.3f}")
        return True

    async def cancel_there(
        self, session: AsyncSession, appointment_id: UUID, version: str, now: datetime
    ) -> bool:
        """It has, in a version of its own, what was cancelled here. Whether it is asked to cancel that only now."""
        return await self._put(session, CANCEL, appointment_id, now, f":{version}"[:100])

    async def missed(
        self, session: AsyncSession, appointment_id: UUID, said: str, now: datetime, due_at: datetime
    ) -> None:
        """The patient did not come: told once for each time it was `said`, where nobody has taken it back by `due_at`."""
        await self._put(session, MISSED, appointment_id, now, f":{said}", due_at)

    async def check(self, session: AsyncSession, appointment_id: UUID, version: str, now: datetime) -> None:
        """Ask how it has the appointment, once for each `version`."""
        await self._put(session, CHECK, appointment_id, now, f":{version}"[:100])

    async def _unsaid(self, session: AsyncSession, appointment_id: UUID, now: datetime) -> bool:
        """Take the booking back before it was said. Whether the system has never heard of it."""
        taken_back = await session.scalar(
            update(SystemMessage)
            .where(
                SystemMessage.system == self.system,
                SystemMessage.subject_id == appointment_id,
                SystemMessage.kind == BOOK,
                SystemMessage.status == Said.QUEUED,
                SystemMessage.said_at.is_(None),
            )
            .values(status=Said.SETTLED, reason="taken_back", due_at=None, settled_at=now)
            .returning(SystemMessage.id)
            .execution_options(synchronize_session=False)
        )
        return taken_back is not None

    async def _put(
        self,
        session: AsyncSession,
        kind: str,
        appointment_id: UUID,
        now: datetime,
        suffix: str = "",
        due_at: datetime | None = None,
    ) -> bool:
        patient_id = await session.scalar(
            select(Appointment.patient_id).where(Appointment.id == appointment_id)
        )
        made = await messages.put(
            session,
            system=self.system,
            direction=Direction.OUT,
            kind=kind,
            key=f"{kind}:{appointment_id}{suffix}",
            body=None,
            now=now,
            subject_id=appointment_id,
            patient_id=patient_id,
            due_at=due_at,
        )
        return made is not None


async def underway(
    session: AsyncSession, appointment_id: UUID, *, besides: UUID | None = None, before: UUID | None = None
) -> bool:
    """Whether anything about the appointment, or about what it replaces or is replaced by, is still open between the system and us.

    `before`: only what was put before that message (ids grow with time).
    """
    family = select(Appointment.id).where(
        or_(
            Appointment.id == appointment_id,
            Appointment.replaces_id == appointment_id,
            Appointment.id
            == select(Appointment.replaces_id).where(Appointment.id == appointment_id).scalar_subquery(),
        )
    )
    found = select(func.count()).where(
        SystemMessage.subject_id.in_(family),
        SystemMessage.direction == Direction.OUT,
        SystemMessage.kind.in_((*_MAKES, CANCEL)),
        SystemMessage.status.in_(OPEN),
    )
    if besides is not None:
        found = found.where(SystemMessage.id != besides)
    if before is not None:
        found = found.where(SystemMessage.id < before)
    return bool(await session.scalar(found))


async def _free(session: AsyncSession, appointment_id: UUID) -> None:
    slot_id = await session.scalar(select(Appointment.slot_id).where(Appointment.id == appointment_id))
    if slot_id is not None:
        await free_place(session, slot_id)
