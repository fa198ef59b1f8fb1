"""The queue on the day: 还要等多久, and 我到了 for who has come. It reads the queue the counter and the big screen work with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from actions.appointments import flow, words
from actions.appointments.calling import called_to
from actions.appointments.picking import nothing_to_come, unbound, upcoming
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.appointments import service as appointments
from care.appointments.models import Status
from care.appointments.queue import service as queue
from care.appointments.queue.models import TicketState
from care.appointments.queue.position import Position, position
from care.appointments.views import AppointmentView
from care.patients import family
from channels.reply import Option
from channels.wording.labels import label

LATE = timedelta(hours=2)
"""So long after its start an appointment nobody came to is no longer in the queue."""


class Queue(BanyiAction):
    """`ask_queue`: the place in today's queue, or when the next appointment is. Its option checks in."""

    action: ClassVar[str] = "action_queue"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        linked = await flow.linked_patients(turn)
        if not linked:
            unbound(turn)
            return
        meant = family.meant(turn.text, linked) or linked
        here = str(turn.params.get("here") or "")
        people = words.names(linked)
        today = await appointments.today_of(turn.session, list(people), turn.local_now.date())
        wanted = {one.patient.id for one in meant}
        for view in today:
            late = view.status != Status.ARRIVED and view.start < turn.now - LATE
            if view.appointment_id.hex != here and (here or late or view.patient_id not in wanted):
                continue
            if here and _may_check_in(turn, view):
                await queue.check_in(turn.session, view.appointment_id, now=turn.now, by="patient")
            found = await position(turn.session, view.appointment_id, turn.now)
            if found is not None:
                await _tell(turn, view, found, people[view.patient_id])
                return
        later = await upcoming(turn, meant)
        if later:
            turn.say("queue.not_today", **words.card(turn, later[0], people.get(later[0].patient_id, "")))
            return
        nothing_to_come(turn)


async def _tell(turn: Turn, view: AppointmentView, found: Position, name: str) -> None:
    values: dict[str, Any] = {
        **words.card(turn, view, name),
        "number": found.number,
        "ahead": found.ahead,
        "minutes": found.minutes,
    }
    if found.state is None:
        turn.say("queue.place" if found.ahead else "queue.next", *_way_in(turn, view), **values)
    elif found.state == TicketState.CALLED:
        said, where = called_to(await queue.room(turn.session, view.practitioner_id, view.day))
        turn.say(f"queue.{said}", **values, **where)
    elif found.state == TicketState.PASSED:
        turn.say("queue.passed", **values)
    else:
        turn.say("queue.waiting" if found.ahead else "queue.first", **values)


def _way_in(turn: Turn, view: AppointmentView) -> tuple[Option, ...]:
    if not _may_check_in(turn, view):
        return ()
    return (way_to("ask_queue", label("check_in"), here=view.appointment_id.hex),)


def _may_check_in(turn: Turn, view: AppointmentView) -> bool:
    """Not hours before: who is called and is not there yet holds up the others."""
    return view.status == Status.BOOKED and turn.now >= view.start - queue.OPENS
