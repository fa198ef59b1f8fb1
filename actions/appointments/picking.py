"""Which of a contact's appointments a sentence means, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from actions.appointments import flow
from actions.appointments.reading import Wish
from actions.turn import Turn, way_to
from care.appointments import service as appointments
from care.appointments.models import Status
from care.appointments.views import AppointmentView
from care.patients.service import LinkedPatient
from channels.wording.labels import label


async def upcoming(turn: Turn, linked: Sequence[LinkedPatient]) -> list[AppointmentView]:
    """What is still to come for everyone this contact speaks for, soonest first."""
    return await appointments.upcoming(turn.session, [one.patient.id for one in linked], now=turn.now)


async def movable(turn: Turn, linked: Sequence[LinkedPatient]) -> list[AppointmentView]:
    """Those that can still be moved or cancelled (nobody has arrived)."""
    return [view for view in await upcoming(turn, linked) if view.status in (Status.PENDING, Status.BOOKED)]


async def changeable(turn: Turn) -> tuple[list[LinkedPatient], list[AppointmentView]] | None:
    """Whom the contact speaks for, and what can be moved or cancelled; None when there is nobody or nothing, and that was said."""
    linked = await flow.linked_patients(turn)
    if not linked:
        unbound(turn)
        return None
    views = await movable(turn, linked)
    if not views:
        nothing_to_come(turn)
        return None
    return linked, views


def unbound(turn: Turn) -> None:
    """The contact speaks for nobody yet."""
    turn.say("bind.needed", way_to("bind_patient", label("bind")), way_to("request_human", label("human")))


def nothing_to_come(turn: Turn) -> None:
    turn.say(
        "appointments.none",
        way_to("book_appointment", label("book")),
        way_to("request_human", label("human")),
    )


def order(views: Sequence[AppointmentView], wanted: Sequence[UUID]) -> list[AppointmentView]:
    """Only the wanted ones, if any were remembered."""
    return [view for view in views if view.appointment_id in wanted] or list(views)


def narrow(turn: Turn, views: Sequence[AppointmentView], wish: Wish) -> list[AppointmentView]:
    """Those that fit all that the wish names: person, department, doctor, day, part, hour."""
    people = {one.patient.id for one in wish.people}
    doctors = {one.id for one in wish.doctors}
    kept: list[AppointmentView] = []
    for view in views:
        at = turn.services.clock.local_naive(view.start)
        fits = (
            (not people or view.patient_id in people)
            and (wish.department is None or view.department_id == wish.department.id)
            and (not doctors or view.practitioner_id in doctors)
            and (wish.start is None or wish.end is None or wish.start <= at < wish.end)
            and (wish.part is None or view.part == wish.part)
            and (wish.clock is None or at.hour == wish.clock.hour)
        )
        if fits:
            kept.append(view)
    return kept


def names_something(wish: Wish) -> bool:
    """Whether the wish says which appointment at all."""
    return bool(wish.people or wish.department or wish.doctors or wish.start or wish.part or wish.clock)
