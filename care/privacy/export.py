"""Everything we hold of a person as a file: FHIR R4 where we have its shapes, plain lists else (PIPL art. 45: copy and portability)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.consents.models import Consent
from care.hospital.models import HealthcareService, Practitioner
from care.observations.models import Observation
from care.patients.models import Condition, Patient, PatientContact
from care.privacy.holdings import Whose, count
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from care.records.models import Encounter
from care.reports.models import DiagnosticReport
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
ICD = "http://hl7.org/fhir/sid/icd-10"
CLASSES = {"outpatient": "AMB", "inpatient": "IMP", "emergency": "EMER"}
Speak = Callable[[Any], str]
"""What a stored reply (`OutboundMessage.reply`) says, in words."""


async def collect(session: AsyncSession, who: Whose, now: datetime, speak: Speak) -> dict[str, Any]:
    """`{"made_at", "held": {kind: rows}, "fhir": Bundle, "messages": […], "consents": […], "contacts": […]}`; times ISO 8601 UTC."""
    entries: list[dict[str, Any]] = []
    closed = await _closed(session, who.patients)
    for patient in await session.scalars(select(Patient).where(Patient.id.in_(who.patients))):
        entries.append(_patient(patient, closed.get(patient.id, ())))
    entries += await _appointments(session, who.patients)
    entries += await _clinical(session, who.patients)
    entries += await _answers(session, who.patients)
    held: dict[str, int] = {}
    for one in await count(session, who):
        held[one.holding.kind] = held.get(one.holding.kind, 0) + one.number
    return {
        "made_at": now.isoformat(),
        "held": held,
        "fhir": {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": now.isoformat(),
            "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in entries],
        },
        "messages": await _messages(session, who, speak),
        "consents": await _consents(session, who),
        "contacts": await _contacts(session, who),
    }


async def _closed(session: AsyncSession, patient_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By record the ones it stands for."""
    rows = await session.execute(
        select(Patient.replaced_by, Patient.id).where(Patient.replaced_by.in_(patient_ids))
    )
    found: dict[UUID, list[UUID]] = {}
    for kept, gone in rows:
        if kept is not None:
            found.setdefault(kept, []).append(gone)
    return found


def _patient(row: Patient, closed: Sequence[UUID] = ()) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "id": str(row.id),
        "identifier": [{"type": {"text": "MR"}, "value": row.record_number}],
        "name": [{"text": row.name}],
        "gender": row.sex,
        "active": row.status == "active",
    }
    if row.id_number_sealed is not None:
        made["identifier"].append({"type": {"text": "NI"}, "value": row.id_number})
    if row.phone_sealed is not None:
        made["telecom"] = [{"system": "phone", "value": row.phone}]
    if row.birth_date_sealed is not None:
        made["birthDate"] = row.birth_date
    if closed:
        made["link"] = [
            {"other": {"reference": f"urn:uuid:{one}"}, "type": "replaces"} for one in sorted(closed)
        ]
    return made


async def _appointments(session: AsyncSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    rows = await session.execute(
        select(Appointment, HealthcareService.name, Practitioner.name)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .where(Appointment.patient_id.in_(ids))
        .order_by(Appointment.start)
    )
    return [
        {
            "resourceType": "Appointment",
            "id": str(row.id),
            "status": row.status,
            "serviceType": [{"text": department}],
            "start": row.start.isoformat(),
            "participant": [
                {"actor": {"reference": f"urn:uuid:{row.patient_id}"}, "status": "accepted"},
                {"actor": {"display": doctor}, "status": "accepted"},
            ],
            **({"description": row.reason} if row.reason_sealed is not None else {}),
        }
        for row, department, doctor in rows
    ]


async def _clinical(session: AsyncSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for row in await session.scalars(select(Condition).where(Condition.patient_id.in_(ids))):
        made.append(
            {
                "resourceType": "Condition",
                "id": str(row.id),
                "subject": _subject(row.patient_id),
                "code": {"coding": [{"system": ICD, "code": row.code}], "text": row.display},
                "recordedDate": row.recorded_date.isoformat(),
            }
        )
    for visit in await session.scalars(select(Encounter).where(Encounter.patient_id.in_(ids))):
        made.append(
            {
                "resourceType": "Encounter",
                "id": str(visit.id),
                "status": "finished",
                "class": {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                    "code": CLASSES.get(visit.kind, "AMB"),
                },
                "subject": _subject(visit.patient_id),
                "period": {
                    "start": visit.start_date.isoformat(),
                    **({"end": visit.end_date.isoformat()} if visit.end_date else {}),
                },
            }
        )
    for value in await session.scalars(
        select(Observation).where(Observation.patient_id.in_(ids), Observation.voided_at.is_(None))
    ):
        made.append(
            {
                "resourceType": "Observation",
                "id": str(value.id),
                "status": "final",
                "code": {"coding": [{"system": LOINC, "code": value.code}]},
                "subject": _subject(value.patient_id),
                "effectiveDateTime": value.effective_at.isoformat(),
                "valueQuantity": {
                    "value": value.value,
                    "unit": value.unit,
                    "system": UCUM,
                    "code": value.unit,
                },
            }
        )
    for report in await session.scalars(select(DiagnosticReport).where(DiagnosticReport.patient_id.in_(ids))):
        made.append(
            {
                "resourceType": "DiagnosticReport",
                "id": str(report.id),
                "status": report.status,
                "code": {"text": report.title},
                "subject": _subject(report.patient_id),
                "effectiveDateTime": report.effective_at.isoformat(),
                **({"conclusion": report.conclusion} if report.conclusion_sealed is not None else {}),
            }
        )
    return made


async def _answers(session: AsyncSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    rows = await session.execute(
        select(QuestionnaireResponse, Questionnaire)
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(QuestionnaireResponse.patient_id.in_(ids))
        .order_by(QuestionnaireResponse.started_at)
    )
    return [
        {
            "resourceType": "QuestionnaireResponse",
            "id": str(row.id),
            "status": row.status,
            "questionnaire": f"urn:uuid:{form.id}|{form.version}",
            "subject": _subject(row.patient_id) if row.patient_id else None,
            "authored": row.updated_at.isoformat(),
            "item": [
                {"linkId": link_id, "text": _asked(form.definition, link_id), "answer": list(_values(given))}
                for link_id, given in row.answers.items()
                if given is not None
            ],
        }
        for row, form in rows
    ]


def _asked(raw: Any, link_id: str) -> str:
    """The question's own words in the version that was answered."""
    items = list(raw.get("item", ()))
    while items:
        one = items.pop()
        if one.get("linkId") == link_id:
            return str(one.get("text", link_id))
        items += one.get("item", ())
    return link_id


def _values(given: Any) -> Iterable[dict[str, Any]]:
    for one in given if isinstance(given, list) else [given]:
        match one:
            case bool():
                yield {"valueBoolean": one}
            case int():
                yield {"valueInteger": one}
            case float():
                yield {"valueDecimal": one}
            case {"other": text}:
                yield {"valueString": str(text)}
            case _:
                yield {"valueString": str(one)}


async def _messages(session: AsyncSession, who: Whose, speak: Speak) -> list[dict[str, str]]:
    """What was said, in its order. Codes that were sent are no longer worth anything and left out."""
    heard = await session.scalars(
        select(InboundMessage)
        .where(InboundMessage.contact_id.in_(who.contacts), InboundMessage.text_sealed.is_not(None))
        .order_by(InboundMessage.id)
    )
    said = await session.scalars(
        select(OutboundMessage)
        .where(OutboundMessage.contact_id.in_(who.contacts), OutboundMessage.purpose != "code")
        .order_by(OutboundMessage.id)
    )
    lines = [
        {"at": row.received_at.isoformat(), "from": "you", "channel": row.channel, "text": row.text}
        for row in heard
    ]
    lines += [
        {
            "at": row.created_at.isoformat(),
            "from": "hospital",
            "channel": row.channel,
            "text": speak(row.reply),
        }
        for row in said
    ]
    return sorted(lines, key=lambda one: one["at"])


async def _consents(session: AsyncSession, who: Whose) -> list[dict[str, Any]]:
    rows = await session.scalars(
        select(Consent).where(Consent.subject_id.in_([*who.patients, *who.contacts])).order_by(Consent.at)
    )
    return [
        {
            "at": row.at.isoformat(),
            "purpose": row.purpose,
            "granted": row.granted,
            "text_version": row.text_version,
            "channel": row.channel,
            "proof": row.proof,
            "guardian": row.guardian,
        }
        for row in rows
    ]


async def _contacts(session: AsyncSession, who: Whose) -> list[dict[str, str]]:
    rows = await session.scalars(select(PatientContact).where(PatientContact.contact_id.in_(who.contacts)))
    return [
        {"patient": str(row.patient_id), "relation": row.relation, "since": row.confirmed_at.isoformat()}
        for row in rows
    ]


def _subject(patient_id: UUID) -> dict[str, str]:
    return {"reference": f"urn:uuid:{patient_id}"}
