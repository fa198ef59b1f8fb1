"""Keeping readings, handing them out, and ringing where a rule holds. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import watching
from care.alerts.watching import Raised
from care.consents.models import ConsentNow, Purpose
from care.observations import rules
from care.observations.measures import measures
from care.observations.models import Observation, ObservationDevice
from care.observations.reading import ObservationError, Reading, Sent
from care.observations.rules import About, Point
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientStatus
from care.records.models import Pregnancy
from channels.chinatime import CHINA
from store import crypto, events
from store.ids import new_id

AGAIN = {"emergency": timedelta(hours=1), "urgent": timedelta(hours=6), "soon": timedelta(hours=24)}
"""After so long the same rule rings anew for the same patient; ours, so that a device sending each minute does not drown the desk."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """`new`: it was not there before. `raised`: what rang, with what the patient is to be told."""

    panel_id: UUID
    patient_id: UUID
    new: bool
    raised: tuple[Raised, ...] = ()


async def record(session: AsyncSession, device: ObservationDevice, sent: Sent, now: datetime) -> Recorded:
    """Keep what a device sent, once per identifier; a corrected resource changes the numbers, one in error takes them back.

    Emits `observation.recorded` and opens alerts. Raises `ObservationError`.
    """
    patient = await _patient(session, device, sent)
    key = crypto.lookup(f"{device.id}|{sent.identifier}", "observation.identifier")
    known = await _known(session, key)
    if any(row.patient_id != patient.id for row in known):
        raise ObservationError("conflict", "Observation.identifier", issue="conflict", status=409)
    panel_id = known[0].panel_id if known else new_id()
    about = Observation(
        patient_id=patient.id, panel_id=panel_id, source="device", device_id=device.id, key=key
    )
    if not await _replace(session, known, about, sent.readings, sent.effective_at, now):
        return Recorded(panel_id, patient.id, new=False)
    raised = await _watch(session, patient.id, sent, now) if sent.readings else ()
    return Recorded(panel_id, patient.id, new=not known, raised=raised)


async def keep_results(
    session: AsyncSession,
    patient_id: UUID,
    *,
    key: str,
    readings: Sequence[Reading],
    effective_at: datetime,
    source: str,
    now: datetime,
) -> bool:
    """Keep the numbers of a report of the hospital's own under its `key`; none of them takes them back. Whether anything changed.

    Emits `observation.recorded`. Nothing rings: critical values are the laboratory's to telephone.
    """
    known = await _known(session, key)
    if not known and not readings:
        return False
    panel_id = known[0].panel_id if known else new_id()
    about = Observation(patient_id=patient_id, panel_id=panel_id, source=source, device_id=None, key=key)
    return await _replace(session, known, about, readings, effective_at, now)


async def _known(session: AsyncSession, key: str) -> list[Observation]:
    return list(await session.scalars(select(Observation).where(Observation.key == key)))


async def _replace(
    session: AsyncSession,
    known: Sequence[Observation],
    about: Observation,
    readings: Sequence[Reading],
    effective_at: datetime,
    now: datetime,
) -> bool:
    """The rows `known` under one key say `readings` from now on; `about` has what a new one repeats. False: they said so already."""
    same = {(row.code, row.value, row.effective_at) for row in known if row.voided_at is None}
    if same == {(one.code, one.value, effective_at) for one in readings}:
        return False
    rows = {row.code: row for row in known}
    for row in known:
        row.voided_at = now
    for one in readings:
        kept = rows.get(one.code)
        if kept is None:
            kept = Observation(
                patient_id=about.patient_id,
                panel_id=about.panel_id,
                code=one.code,
                recorded_at=now,
                source=about.source,
                device_id=about.device_id,
                key=about.key,
            )
            session.add(kept)
        kept.value, kept.unit, kept.effective_at, kept.voided_at = one.value, one.unit, effective_at, None
    await session.flush()
    codes = sorted(one.code for one in readings)
    data = {"panel_id": str(about.panel_id), "codes": codes, "source": about.source}
    events.emit(session, about.patient_id, "observation.recorded", now, **data)
    return True


async def _patient(session: AsyncSession, device: ObservationDevice, sent: Sent) -> Patient:
    """Whom it is about: never anybody the device may not speak of, and nobody who did not agree to follow-up."""
    patient: Patient | None
    if isinstance(sent.subject, UUID):
        patient = await patients.get(session, sent.subject)
    elif sent.subject is not None:
        patient = await patients.get_by_record_number(session, sent.subject)
    elif device.patient_id is not None:
        patient = await patients.get(session, device.patient_id)
    else:
        raise ObservationError("subject", "Observation.subject", issue="required")
    if patient is None or patient.status == PatientStatus.DIED or device.patient_id not in (None, patient.id):
        raise ObservationError("patient", "Observation.subject", issue="not-found", status=404)
    agreed = await session.get(ConsentNow, (patient.id, Purpose.FOLLOW_UP))
    if agreed is None or not agreed.granted:
        raise ObservationError("no_consent", "Observation.subject", issue="suppressed", status=403)
    return patient


async def _watch(session: AsyncSession, patient_id: UUID, sent: Sent, now: datetime) -> tuple[Raised, ...]:
    known = measures()
    new = {one.code: Point(sent.effective_at, one.value) for one in sent.readings}
    history = await _history(session, patient_id, sorted(new), sent.effective_at - rules.furthest(known))
    flags = rules.raised(known, new, history, await _about(session, patient_id, sent.effective_at), now)
    raised: list[Raised] = []
    for flag in flags:
        slot = int(now.timestamp() // AGAIN[flag.severity].total_seconds())
        raised += await watching.flagged(
            session,
            patient_id,
            [flag],
            source="observation",
            dedup_key=f"observation:{patient_id}:{slot}",
            text=_in_words(history, sent),
            now=now,
            only_new=True,
        )
    return tuple(raised)


def _in_words(history: dict[str, list[Point]], sent: Sent) -> str:
    """The new numbers, and the few before them, for the nurse."""
    known, lines = measures(), []
    for one in sent.readings:
        measure = known.measures[one.code]
        last = [point for point in history.get(one.code, ()) if point.at <= sent.effective_at][-5:]
        values = " → ".join(f"{point.value:g}" for point in last)
        lines.append(f"{measure.name} {values} {measure.shown}")
    return "\n".join([*lines, f"{sent.effective_at.astimezone(CHINA):%m-%d %H:%M}"])


async def _history(
    session: AsyncSession, patient_id: UUID, codes: Sequence[str], since: datetime
) -> dict[str, list[Point]]:
    rows = await session.execute(
        select(Observation.code, Observation.effective_at, Observation.value)
        .where(
            Observation.patient_id == patient_id,
            Observation.code.in_(codes),
            Observation.effective_at >= since,
            Observation.voided_at.is_(None),
        )
        .order_by(Observation.effective_at, Observation.id)
    )
    found: dict[str, list[Point]] = {code: [] for code in codes}
    for code, at, value in rows:
        found[code].append(Point(at, value))
    return found


async def _about(session: AsyncSession, patient_id: UUID, at: datetime) -> About:
    day = at.astimezone(CHINA).date()
    codes = await session.scalars(
        select(Condition.code).where(
            Condition.patient_id == patient_id,
            or_(Condition.ended_date.is_(None), Condition.ended_date > day),
        )
    )
    pregnant = await session.scalar(
        select(Pregnancy.id)
        .where(
            Pregnancy.patient_id == patient_id,
            Pregnancy.lmp_date <= day,
            or_(Pregnancy.ended_date.is_(None), Pregnancy.ended_date > day),
        )
        .limit(1)
    )
    return About(frozenset(codes), pregnant is not None)


async def series(
    session: AsyncSession, patient_id: UUID, code: str, limit: int = 30
) -> list[tuple[datetime, float]]:
    """A patient's newest readings of one measure, oldest first: what a sparkline draws. In the unit of `measures()`."""
    rows = await session.execute(
        select(Observation.effective_at, Observation.value)
        .where(
            Observation.patient_id == patient_id, Observation.code == code, Observation.voided_at.is_(None)
        )
        .order_by(Observation.effective_at.desc(), Observation.id.desc())
        .limit(limit)
    )
    return [(at, value) for at, value in rows][::-1]


async def measured(session: AsyncSession, patient_id: UUID) -> list[str]:
    """Which codes there are readings of."""
    query = select(Observation.code).where(
        Observation.patient_id == patient_id, Observation.voided_at.is_(None)
    )
    return sorted(await session.scalars(query.distinct()))


async def told(
    session: AsyncSession,
    patient_id: UUID,
    readings: Sequence[Reading],
    *,
    key: str,
    at: datetime,
    now: datetime,
    rings: bool = True,
) -> tuple[Raised, ...] | None:
    """Keep the numbers a patient wrote, once per `key`, and ring where a rule holds. None: no consent to follow-up, nothing is kept.

    Not `rings`: the message they stand in has rung already.
    """
    agreed = await session.get(ConsentNow, (patient_id, Purpose.FOLLOW_UP))
    if agreed is None or not agreed.granted:
        return None
    hashed = crypto.lookup(key, "observation.identifier")
    known = await _known(session, hashed)
    panel_id = known[0].panel_id if known else new_id()
    about = Observation(
        patient_id=patient_id, panel_id=panel_id, source="patient", device_id=None, key=hashed
    )
    if not await _replace(session, known, about, readings, at, now) or not rings:
        return ()
    return await _watch(session, patient_id, Sent(key, patient_id, at, tuple(readings), withdrawn=False), now)
