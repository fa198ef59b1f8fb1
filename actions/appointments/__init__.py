"""The appointment conversations: booking, moving, cancelling, listing, the queue."""

from __future__ import annotations

from actions.appointments.booking import BookingDialog
from actions.appointments.cancel import CancelDialog
from actions.appointments.listing import ListAppointments, RescheduleStart
from actions.appointments.queueing import Queue
from actions.base import BanyiAction
from actions.forms import Dialog
from actions.services import Services

DIALOGS: tuple[Dialog, ...] = (BookingDialog(), CancelDialog())
"""Forms `booking_form` and `cancel_form`; `actions.forms` makes their actions."""


def appointment_actions(services: Services) -> list[BanyiAction]:
    """The actions of this capability that belong to no form."""
    return [ListAppointments(services), Queue(services), RescheduleStart(services)]


__all__ = ["DIALOGS", "appointment_actions"]
