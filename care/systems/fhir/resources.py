"""Our words as FHIR resources and back. What is sent is checked by the `fhir.resources` models first."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.patient import Patient

from care.systems.port import Found, Person, Wanted

OURS = "urn:banyi:appointment"
"""The naming system of our key in Appointment.identifier."""
_GENDER = {"male": "male", "female": "female", "other": "other"}
_STATUS = {
    "proposed": "pending",
    "waitlist": "pending",
    "pending": "pending",
    "booked": "booked",
    "checked-in": "arrived",
    "arrived": "arrived",
    "fulfilled": "fulfilled",
    "noshow": "noshow",
    "cancelled": "cancelled",
    "entered-in-error": "cancelled",
}
"""FHIR's AppointmentStatus (https://hl7.org/fhir/R4/valueset-appointmentstatus.html) as ours."""


def patient(person: Person, record_system: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": record_system, "value": person.record_number}],
        "name": [{"use": "official", "text": person.name}],
        "gender": _GENDER.get(person.sex, "unknown"),
    }
    if person.birth_date is not None:
        body["birthDate"] = person.birth_date.isoformat()
    if person.phone:
        body["telecom"] = [{"system": "phone", "value": person.phone, "use": "mobile"}]
    Patient.model_validate(body)
    return body


def appointment(wanted: Wanted, patient_id: str) -> dict[str, Any]:
    """A new appointment that asks for its slot."""
    body = {
        "resourceType": "Appointment",
        "identifier": [{"system": OURS, "value": wanted.key}],
        "status": "booked",
        **_time(wanted),
        "participant": [
            {"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"},
            {"actor": {"reference": f"Practitioner/{wanted.practitioner}"}, "status": "accepted"},
        ],
    }
    Appointment.model_validate(body)
    return body


def moved(body: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    """What the server has, at the new time and under the new key; all it holds besides stays."""
    others = [one for one in body.get("identifier") or [] if one.get("system") != OURS]
    kept = [
        one
        for one in body.get("participant") or []
        if not str((one.get("actor") or {}).get("reference") or "").startswith("Practitioner/")
    ]
    doctor = {"actor": {"reference": f"Practitioner/{wanted.practitioner}"}, "status": "accepted"}
    changed = {
        **body,
        "identifier": [*others, {"system": OURS, "value": wanted.key}],
        **_time(wanted),
        "participant": [*kept, doctor],
    }
    Appointment.model_validate(changed)
    return changed


def cancelled(body: dict[str, Any]) -> dict[str, Any]:
    reason = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "pat"}
        ]
    }
    return {**body, "status": "cancelled", "cancelationReason": reason}


def found(body: dict[str, Any], etag: str | None = None) -> Found:
    """An Appointment as the server has it."""
    actors = [str((one.get("actor") or {}).get("reference") or "") for one in body.get("participant") or []]
    version = (body.get("meta") or {}).get("versionId")
    return Found(
        external_id=str(body.get("id") or ""),
        status=_STATUS.get(str(body.get("status")), "pending"),
        start=moment(body.get("start")),
        slot=next((_id(one.get("reference"), "Slot") for one in body.get("slot") or []), None),
        practitioner=next((one for actor in actors if (one := _id(actor, "Practitioner"))), None),
        service=next((one for actor in actors if (one := _id(actor, "HealthcareService"))), None),
        etag=etag or (f'W/"{version}"' if version else None),
        patient_id=next((one for actor in actors if (one := _id(actor, "Patient"))), None),
        key=next(
            (str(one.get("value")) for one in body.get("identifier") or [] if one.get("system") == OURS), None
        ),
        said=str(body.get("comment") or ""),
    )


def person(body: dict[str, Any], record_system: str) -> Person | None:
    """A Patient as the server has it; None: without the hospital's number nobody is known by it."""
    identifiers = [one for one in body.get("identifier") or [] if isinstance(one, dict)]
    record = next(
        (str(one.get("value") or "") for one in identifiers if one.get("system") == record_system), ""
    )
    if not record:
        return None
    names = [one for one in body.get("name") or [] if isinstance(one, dict)]
    official = next((one for one in names if one.get("use") == "official"), names[0] if names else {})
    text = str(official.get("text") or "") or "".join(
        [str(official.get("family") or ""), *official.get("given", [])]
    )
    phones = [one for one in body.get("telecom") or [] if one.get("system") == "phone"]
    born = str(body.get("birthDate") or "")
    return Person(
        record_number=record,
        name=text,
        sex=str(body.get("gender") or "unknown"),
        birth_date=_day(born),
        phone=str(phones[0].get("value") or "") or None if phones else None,
        id_number=None,
        external_id=str(body.get("id") or ""),
    )


def _day(text: str) -> date | None:
    """None: missing, a year or month alone, or none at all."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-23") else None
    except ValueError:
        return None


def replaced_by(body: dict[str, Any]) -> str | None:
    """The id of the Patient that stands for this one (https://hl7.org/fhir/R4/valueset-link-type.html)."""
    links = [one for one in body.get("link") or [] if one.get("type") == "replaced-by"]
    return next((_id((one.get("other") or {}).get("reference"), "Patient") for one in links), None)


def moment(text: Any) -> datetime | None:
    """A FHIR instant; None for what is missing or has no offset."""
    try:
        value = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return value if value.tzinfo is not None else None


def code_of(body: dict[str, Any] | None) -> str:
    """The hospital's number of a practitioner or a department: the first identifier."""
    identifiers = (body or {}).get("identifier") or []
    return str(identifiers[0].get("value") or "") if identifiers else ""


def schedule_of(slot: dict[str, Any]) -> str:
    """The id of the schedule a slot belongs to; empty where it names none."""
    return str((slot.get("schedule") or {}).get("reference") or "").split("/")[-1]


def references(body: dict[str, Any], field: str, kind: str) -> list[str]:
    """The ids a list of references names, of one kind."""
    every = body.get(field) or []
    return [one for reference in every if (one := _id(reference.get("reference"), kind))]


def _id(reference: Any, kind: str) -> str | None:
    parts = str(reference or "").split("/")
    return parts[-1] if len(parts) >= 2 and parts[-2] == kind else None


def _time(wanted: Wanted) -> dict[str, Any]:
    slot = {"slot": [{"reference": f"Slot/{wanted.slot}"}]} if wanted.slot else {}
    return {"start": wanted.start.isoformat(), "end": wanted.end.isoformat(), **slot}
