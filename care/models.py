"""Imports every table of the room, so that `Base.metadata` is complete for migrations and tests."""

from care.access import models as access
from care.alerts import models as alerts
from care.appointments import models as appointments
from care.appointments.blocks import models as blocks
from care.appointments.closures import models as closures
from care.appointments.coming import models as coming
from care.appointments.feeds import models as feeds
from care.appointments.noshow import models as noshow
from care.appointments.notices import models as notices
from care.appointments.queue import models as queue
from care.appointments.scheduling import models as scheduling
from care.appointments.waitlist import models as waitlist
from care.binding import models as binding
from care.consents import models as consents
from care.desk import models as desk
from care.duty import models as duty
from care.followup import models as followup
from care.greetings import models as greetings
from care.hospital import models as hospital
from care.observations import models as observations
from care.patients import models as patients
from care.plans import models as plans
from care.plans.editor import models as plan_drafts
from care.plans.joining import models as plan_enrolments
from care.privacy import models as privacy
from care.questionnaires import models as questionnaires
from care.questionnaires.editor import models as questionnaire_drafts
from care.questionnaires.entrance import models as entrance
from care.reach import models as reach
from care.records import models as records
from care.recovery import models as recovery
from care.reminders import models as reminders
from care.reports import models as reports
from care.systems import models as systems
from care.systems.taking import models as taken_facts

__all__ = [
    "access",
    "alerts",
    "appointments",
    "binding",
    "blocks",
    "closures",
    "coming",
    "consents",
    "desk",
    "duty",
    "entrance",
    "feeds",
    "followup",
    "greetings",
    "hospital",
    "noshow",
    "notices",
    "observations",
    "patients",
    "plan_drafts",
    "plan_enrolments",
    "plans",
    "privacy",
    "questionnaire_drafts",
    "questionnaires",
    "queue",
    "reach",
    "records",
    "recovery",
    "reminders",
    "reports",
    "scheduling",
    "systems",
    "taken_facts",
    "waitlist",
]
