"""All actions of the house, by hand: what is not listed here does not exist for the engine."""

from __future__ import annotations

from actions.account.bind import BindDialog
from actions.account.consent import OptIn, OptOut
from actions.account.my_data import DeleteDataDialog, MyData
from actions.base import BanyiAction, by_name
from actions.booking import BookingDialog, ListAppointments, Queue, RescheduleStart
from actions.cancel import CancelDialog
from actions.desk import Complain, Human
from actions.finding_care import AdviseDepartment, AskDoctor
from actions.forms import AskForm, StartForm, ValidateForm
from actions.knowledge import Answer, Unsure
from actions.services import Services
from actions.survey import StartQuestionnaire, SurveyDialog

PLAIN = (
    Answer,
    Unsure,
    AdviseDepartment,
    AskDoctor,
    Human,
    Complain,
    OptIn,
    OptOut,
    MyData,
    StartQuestionnaire,
    ListAppointments,
    Queue,
    RescheduleStart,
)
DIALOGS = (BookingDialog, CancelDialog, SurveyDialog, BindDialog, DeleteDataDialog)


def all_actions(services: Services) -> list[BanyiAction]:
    """One of each, the forms' three included."""
    plain = [cls(services) for cls in PLAIN]
    others = by_name(plain)
    actions: list[BanyiAction] = list(plain)
    for cls in DIALOGS:
        dialog = cls()
        actions += [
            StartForm(services, dialog),
            AskForm(services, dialog),
            ValidateForm(services, dialog, others),
        ]
    return actions
