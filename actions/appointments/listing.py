"""Telling what is booked, and the way into moving an appointment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from actions.appointments import flow, waiting, words
from actions.appointments.booking import BookingDialog
from actions.appointments.picking import nothing_to_come, unbound, upcoming
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.appointments.models import Status
from care.appointments.views import AppointmentView
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
        if await waiting.left_by_word(turn, meant):
            return
        waits = await waiting.tell_standing(turn, meant)
        if not views and waits:
            return
        if not views:
            nothing_to_come(turn)
            return
        people = words.names(linked)
        rows = [label("appointment_row", **_card(turn, view, people)) for view in views[:LISTED]]
        more = label("more_rows", count=len(views) - LISTED) if len(views) > LISTED else ""
        if turn.is_sms and len(views) > 1:
            _one_of(turn, views, people)
            return
        first = _card(turn, views[0], people)
        options = (
            way_to("reschedule_appointment", label("reschedule_appointment")),
            way_to("cancel_appointment", label("cancel_appointment")),
        )
        turn.say(
            "appointments.list", *options, count=len(views), rows="\n".join([*rows, more]).strip(), **first
        )


def _one_of(turn: Turn, views: Sequence[AppointmentView], people: Mapping[UUID, str]) -> None:
    """An SMS holds one: each in its turn by digits, to be moved or cancelled by digits."""
    said = str(turn.params.get("at") or "")
    at = int(said) % len(views) if said.isdecimal() else 0
    view, more = views[at], at + 1 < len(views)
    which = {"appointment_id": view.appointment_id.hex}
    turn.say(
        "appointments.list",
        way_to("reschedule_appointment", label("reschedule_appointment"), **which),
        way_to("cancel_appointment", label("cancel_appointment"), **which),
        way_to("check_appointment", label("next_one" if more else "from_the_start"), at=str(at + 1)),
        count=len(views),
        number=at + 1,
        rows="",
        **_card(turn, view, people),
    )


def _card(turn: Turn, view: AppointmentView, people: Mapping[UUID, str]) -> dict[str, Any]:
    """One of the list; what the hospital's system has not confirmed says so."""
    card = words.card(turn, view, people.get(view.patient_id, ""))
    if view.status == Status.PENDING:
        card |= {one: label("not_confirmed", when=card[one]) for one in ("when", "when_short")}
    return card


class RescheduleStart(BanyiAction):
    """`reschedule_appointment`: picks the appointment and goes into the booking form."""

    action: ClassVar[str] = "action_reschedule_start"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        await BookingDialog().start_move(turn)


__all__ = ["ListAppointments", "RescheduleStart"]
