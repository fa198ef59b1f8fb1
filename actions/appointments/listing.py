"""Telling what is booked, how long the queue is, and the way into moving an appointment."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from actions.appointments import flow, waiting, words
from actions.appointments.booking import BookingDialog
from actions.appointments.picking import nothing_to_come, unbound, upcoming
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.appointments import service as appointments
from care.appointments.models import Status
from care.patients import family
from channels.wording.labels import label

LISTED = 6
"""Appointments told in one message; the rest is counted."""
LATE = timedelta(hours=2)
"""So long after its start an appointment nobody came to is no longer in the queue."""


class ListAppointments(BanyiAction):
    """`check_appointment`: everything to come for the contact's patients."""

    action: ClassVar[str] = "action_list_appointments"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        linked = await flow.linked_patients(turn)
        if not linked:
            unbound(turn)
            return
        meant = family.meant(turn.text, linked) or linked
        views = await upcoming(turn, meant)
        await waiting.tell_standing(turn, meant)
        if not views:
            nothing_to_come(turn)
            return
        people = words.names(linked)
        rows = [
            label("appointment_row", **words.card(turn, view, people.get(view.patient_id, "")))
            for view in views[:LISTED]
        ]
        more = label("more_rows", count=len(views) - LISTED) if len(views) > LISTED else ""
        first = words.card(turn, views[0], people.get(views[0].patient_id, ""))
        options = (
            way_to("reschedule_appointment", label("reschedule_appointment")),
            way_to("cancel_appointment", label("cancel_appointment")),
        )
        turn.say(
            "appointments.list", *options, count=len(views), rows="\n".join([*rows, more]).strip(), **first
        )


class Queue(BanyiAction):
    """`ask_queue`: the place in today's queue, or when the next appointment is."""

    action: ClassVar[str] = "action_queue"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        linked = await flow.linked_patients(turn)
        if not linked:
            unbound(turn)
            return
        meant = family.meant(turn.text, linked) or linked
        people = words.names(linked)
        today = await appointments.today_of(
            turn.session, [one.patient.id for one in meant], turn.local_now.date()
        )
        for view in today:
            if view.status != Status.ARRIVED and view.start < turn.now - LATE:
                continue
            queue = await appointments.queue_position(turn.session, view.appointment_id)
            if queue is not None:
                turn.say(
                    "queue.place" if queue.ahead else "queue.next",
                    **words.card(turn, view, people.get(view.patient_id, "")),
                    number=queue.number,
                    ahead=queue.ahead,
                    minutes=queue.minutes,
                )
                return
        later = await upcoming(turn, meant)
        if later:
            turn.say("queue.not_today", **words.card(turn, later[0], people.get(later[0].patient_id, "")))
            return
        nothing_to_come(turn)


class RescheduleStart(BanyiAction):
    """`reschedule_appointment`: picks the appointment and goes into the booking form."""

    action: ClassVar[str] = "action_reschedule_start"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        await BookingDialog().start_move(turn)


__all__ = ["ListAppointments", "Queue", "RescheduleStart"]
