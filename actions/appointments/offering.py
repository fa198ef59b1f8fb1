"""Other times in the message that takes one away: handed out so that not everybody is offered the same two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.services import Services
from care.appointments import slots
from care.appointments.views import AppointmentView, SlotView
from channels.ports import ChannelName
from channels.reply import Option
from channels.wording.labels import label

OFFERED = 2
"""Times offered in the message: an SMS holds no more beside the rest."""


@dataclass(slots=True)
class Places:
    """Free places handed out one by one, so that eighty patients are not all offered the same two.

    Nothing is held: who answers first has it, the others are offered what is left then.
    """

    slots: list[SlotView]
    left: dict[UUID, int]

    @classmethod
    async def after(
        cls,
        session: AsyncSession,
        department_id: UUID,
        practitioner_id: UUID | None,
        now: datetime,
        need: int,
    ) -> Places:
        """Enough for `need` patients: half with the doctor they had, half the department's soonest, as far ahead as there are slots."""
        found: dict[UUID, SlotView] = {}
        for doctor in (practitioner_id, None):
            if doctor is None or practitioner_id is not None:
                for one in await slots.find_slots(
                    session,
                    now=now,
                    department_id=department_id,
                    practitioner_id=doctor,
                    limit=need * OFFERED,
                ):
                    found.setdefault(one.slot_id, one)
        return cls(list(found.values()), {one.slot_id: one.left for one in found.values()})

    def offer(self, doctor: UUID) -> list[SlotView]:
        """One with the same doctor if there is one, and the soonest; on different half-days."""
        chosen: list[SlotView] = []
        own = (one for one in self.slots if one.practitioner_id == doctor)
        for source in (own, iter(self.slots), iter(self.slots)):
            if len(chosen) < OFFERED and (one := self._next(source, chosen)) is not None:
                chosen.append(one)
        return sorted(chosen, key=lambda one: one.start)

    def _next(self, source: Iterator[SlotView], chosen: Sequence[SlotView]) -> SlotView | None:
        taken = {(one.practitioner_id, one.day, one.part) for one in chosen}
        for one in source:
            if self.left[one.slot_id] > 0 and (one.practitioner_id, one.day, one.part) not in taken:
                self.left[one.slot_id] -= 1
                return one
        return None


def other_times(
    services: Services, view: AppointmentView, channel: str, others: Sequence[SlotView]
) -> tuple[Option, ...]:
    """The times as options, each of which holds that very place, and one for any other time."""
    who = {"patient_id": view.patient_id.hex}
    options = [
        Option(
            f"slot{number}",
            half_day(services, one, channel),
            "book_appointment",
            {**who, "slot_id": one.slot_id.hex},
        )
        for number, one in enumerate(others, 1)
    ]
    other = {**who, "department_id": view.department_id.hex}
    options.append(Option("other", label("closure_other_time"), "book_appointment", other))
    return tuple(options)


def half_day(services: Services, one: SlotView, channel: str) -> str:
    """A half-day offered, with its doctor: the words on an option."""
    at = services.clock.local_naive(one.start)
    part = say.part_name(one.part)
    if channel == ChannelName.SMS:
        return f"{say.day_short(at.date())}{part}{one.practitioner}"
    return f"{say.day(at.date())}{part} {one.practitioner} {one.title}"
