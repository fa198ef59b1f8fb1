"""All actions of the house, by hand: what is not listed here does not exist for the engine."""

from __future__ import annotations

from actions.account.bind import BindDialog
from actions.account.consent import OptIn, OptOut
from actions.account.delete_data import DeleteDataDialog
from actions.account.my_data import MyData
from actions.appointments import DIALOGS as APPOINTMENT_DIALOGS
from actions.appointments import appointment_actions
from actions.base import BanyiAction, by_name
from actions.desk import Complain, Human
from actions.finding_care import AdviseDepartment, AskDoctor
from actions.forms import AskForm, Dialog, StartForm, ValidateForm
from actions.knowledge import Answer, Unsure
from actions.questionnaires import QuestionnaireDialog, RateService
from actions.services import Services

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
    RateService,
)
DIALOGS: tuple[Dialog, ...] = (*APPOINTMENT_DIALOGS, QuestionnaireDialog(), BindDialog(), DeleteDataDialog())


def all_actions(services: Services) -> list[BanyiAction]:
    """One of each, the forms' three included."""
    plain = [cls(services) for cls in PLAIN] + appointment_actions(services)
    others = by_name(plain)
    actions: list[BanyiAction] = list(plain)
    for dialog in DIALOGS:
        actions += [
            StartForm(services, dialog),
            AskForm(services, dialog),
            ValidateForm(services, dialog, others),
        ]
    return actions
