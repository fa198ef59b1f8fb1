"""Telling what is booked, and the way into moving an appointment."""

from __future__ import annotations

from typing import ClassVar

from actions.appointments import flow, waiting, words
from actions.appointments.booking import BookingDialog
from actions.appointments.picking import nothing_to_come, unbound, upcoming
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.patients import family
from channels.wording.labels import label

LISTED = 6
"""Appointments told in one message; the rest is counted."""


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


class RescheduleStart(BanyiAction):
    """`reschedule_appointment`: picks the appointment and goes into the booking form."""

    action: ClassVar[str] = "action_reschedule_start"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        await BookingDialog().start_move(turn)


__all__ = ["ListAppointments", "RescheduleStart"]
