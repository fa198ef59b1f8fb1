"""The one door for facts other systems tell: patients, visits, diagnoses, operations, reports, appointments.

Each is told under the sender's own identifier and with the moment it was said: a repeat changes nothing, what is older than what is
known changes nothing, a correction changes our row, a withdrawal takes back what was told. Each change writes its `patient_event` at
the fact's own time, its audit row, and the row itself, in the caller's transaction. Nothing here commits.
"""

from care.systems.taking.appointments import take_appointment
from care.systems.taking.encounters import take_encounter
from care.systems.taking.facts import (
    AppointmentFact,
    ConditionFact,
    EncounterFact,
    FactKind,
    MergeFact,
    Outcome,
    PatientFact,
    ProcedureFact,
    ReportFact,
    Taken,
    Unusable,
)
from care.systems.taking.histories import take_condition, take_procedure
from care.systems.taking.merging import take_merge
from care.systems.taking.patients import take_patient
from care.systems.taking.reports import take_report
from care.systems.taking.withdrawing import take_list, withdraw, withdraw_others, withdrawn

__all__ = [
    "AppointmentFact",
    "ConditionFact",
    "EncounterFact",
    "FactKind",
    "MergeFact",
    "Outcome",
    "PatientFact",
    "ProcedureFact",
    "ReportFact",
    "Taken",
    "Unusable",
    "take_appointment",
    "take_condition",
    "take_encounter",
    "take_list",
    "take_merge",
    "take_patient",
    "take_procedure",
    "take_report",
    "withdraw",
    "withdraw_others",
    "withdrawn",
]
