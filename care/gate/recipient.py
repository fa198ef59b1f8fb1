"""Whom a message would reach: is the address alive, is the phone's holder known, is the patient still one of ours."""

from __future__ import annotations

from datetime import timedelta

from care.gate.case import Case
from care.gate.facts import Facts
from care.gate.reasons import Reason
from care.patients.models import PatientStatus

CONFIRMED = ("self", "family")
"""Holders of a phone who have said who they are (`Contact.holder`)."""

_PATIENT = {
    PatientStatus.DIED.value: Reason.PATIENT_DIED,
    PatientStatus.MOVED.value: Reason.PATIENT_MOVED,
    None: Reason.PATIENT_DELETED,
}


def contact_status(case: Case, *, just_asked: bool) -> Reason | None:
    """Nothing is begun at an address that is dead. Whoever writes from a wrong number all the same gets an answer, never
    a code.

    An appointment's notice to somebody who unfollowed may still go another way (`ways.py`)."""
    match case.contact.status:
        case "unfollowed":
            elsewhere = case.purpose == "service_notice" and case.patient_id is not None
            return None if elsewhere else Reason.UNFOLLOWED
        case "wrong_number":
            answered = just_asked and case.purpose != "code"
            return None if case.emergency or answered else Reason.WRONG_NUMBER
        case "active":
            return None
        case "erased":
            return Reason.PATIENT_DELETED
        case _:
            return None if not case.needs_consent or case.emergency else Reason.STOPPED


def holder_unknown(case: Case) -> bool:
    """Whether something personal is about to go to a number whose holder nobody knows: it waits until they said who they are."""
    return (
        not case.on_wechat
        and case.needs_consent
        and not case.emergency
        and case.patient_id is not None
        and case.contact.holder not in CONFIRMED
    )


def waited_enough(case: Case, facts: Facts, wait: timedelta) -> bool:
    """Whether the question to the holder has been open so long that nobody will answer it."""
    return facts.now >= case.message.created_at + wait


def patient(case: Case, facts: Facts) -> Reason | None:
    """The dead, those who left and those whose data was deleted get nothing; who writes for them gets an answer."""
    if case.patient_id is None or not case.needs_consent or case.emergency:
        return None
    status = facts.patients.get(case.patient_id)
    return None if status == PatientStatus.ACTIVE else _PATIENT.get(status, Reason.PATIENT_MOVED)
