"""What can be booked: free half-days for what a draft asks for, and the slot within the one chosen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.patterns import HOURS
from actions.appointments.state import State
from actions.turn import Turn
from care.appointments import service as appointments
from care.appointments import shared, slots
from care.appointments.limits import overlapping
from care.appointments.models import Kind, Part, SlotHold
from care.appointments.views import SlotView
from care.hospital import service as hospital
from care.hospital.models import HealthcareService
from care.patients import service as patients
from care.patients.models import Patient
from language.triage import triage

SHOWN = 3
"""Half-days offered at once."""
TIMES = 2
"""Times within a half-day offered beside the one that is kept."""
FAR = 80
"""Half-days looked through where some are left out."""
TRIAGE_NAMES = 0.25
"""Triage's confidence from which a department is named at all."""


@dataclass(frozen=True, slots=True)
class Offers:
    """`exact`: the half-days are in the window asked for; else they are the nearest others.

    `doctor`: they are all of the doctor asked for. `kind`: of the kind of visit asked for. `suits`: none is of a time refused.
    """

    found: list[SlotView]
    exact: bool
    doctor: bool
    kind: bool = True
    suits: bool = True


async def half_days(
    turn: Turn,
    state: State,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    part: Part | None = None,
    doctor: bool = True,
    limit: int = SHOWN,
    lost: UUID | None = None,
) -> list[SlotView]:
    """Free half-days by their first slot; when an appointment is moved, without the half-day it is in.

    `lost`: the slot that somebody else was quicker to take, just now.
    """
    row, narrows = state.row, bool(state.data.get("without") or state.data.get("not_doctors"))
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    find_them = partial(shared.half_days_left, lost=lost) if lost else slots.find_half_days
    found = await find_them(
        turn.session,
        now=turn.now,
        department_id=row.department_id,
        practitioner_id=row.practitioner_id if doctor else None,
        start=start,
        end=end,
        part=part,
        kinds=_KINDS.get(str(state.data.get("kind") or ""), ()),
        limit=FAR if narrows else limit + (old is not None),
    )
    firsts = [one.first for one in found if not narrows or not unwanted(state, one.first)]
    if old is not None and state.clock is None:
        here = (old.practitioner_id, old.day, old.part)
        firsts = [one for one in firsts if (one.practitioner_id, one.day, one.part) != here]
    return firsts[:limit]


def unwanted(state: State, slot: SlotView) -> bool:
    """Whether the half-day of `slot`, or its doctor, was said not to suit."""
    refused = any(one.covers(slot.day, HOURS[slot.part]) for one in state.without)
    return refused or slot.practitioner_id in state.ids("not_doctors")


_KINDS = {
    "general": (Kind.GENERAL, Kind.FIRST, Kind.RETURN),
    **{kind.value: (kind,) for kind in Kind if kind is not Kind.GENERAL},
}
"""Clinics in which a kind of visit that a patient names is seen; 普通号 are all but the dear ones."""
SOFT = (Kind.FIRST, Kind.RETURN)
"""What patients say of themselves rather than ask for: where no clinic is kept for it, any will do."""


async def find(turn: Turn, state: State, lost: UUID | None = None) -> Offers:
    """As `_find`; where the kind of visit asked for is not to be had at all, or nothing but what was refused is left, others, and the
    draft forgets it."""
    offers = await _find(turn, state, lost)
    if not offers.found and (state.without or state.ids("not_doctors")):
        state.refuse(())
        state.remember("not_doctors", [])
        offers = replace(await _find(turn, state, lost), exact=False, suits=False)
    kind = state.data.get("kind")
    if not kind or (offers.found and offers.doctor):
        return offers
    state.data["kind"] = ""
    others = await _find(turn, state, lost)
    if kind in SOFT or not others.found:
        return others
    return replace(others, exact=False, kind=False)


async def _find(turn: Turn, state: State, lost: UUID | None) -> Offers:
    """Half-days as asked for; when there is none, the next ones of that doctor, then of the department."""
    row = state.row
    found = await half_days(turn, state, start=row.wanted_from, end=row.wanted_to, part=state.part, lost=lost)
    if found:
        return Offers(found, exact=True, doctor=True)
    asked = row.wanted_from is not None or state.part is not None
    if asked:
        midnight = day_start(turn, row.wanted_from) if row.wanted_from else None
        for since in dict.fromkeys((midnight, None)):
            if found := await half_days(turn, state, start=since, lost=lost):
                return Offers(found, exact=False, doctor=True)
    if row.practitioner_id is not None:
        return Offers(await half_days(turn, state, doctor=False, lost=lost), exact=False, doctor=False)
    return Offers([], exact=False, doctor=True)


def day_start(turn: Turn, moment: datetime) -> datetime:
    clock = turn.services.clock
    return clock.to_utc(datetime.combine(clock.local_naive(moment).date(), time()))


async def slot_in(turn: Turn, half: SlotView, clock: time | None) -> SlotView:
    """The slot of a half-day to hold: the first free at or after `clock`, else the first free."""
    if clock is None:
        return half
    day = turn.services.clock
    at = day.to_utc(datetime.combine(half.day, clock))
    end = day.to_utc(datetime.combine(half.day + timedelta(days=1), time()))
    found = await slots.find_slots(
        turn.session,
        now=turn.now,
        practitioner_id=half.practitioner_id,
        start=at,
        end=end,
        part=half.part,
        limit=1,
    )
    return found[0] if found else half


async def times_near(turn: Turn, kept: SlotView, *, earlier: bool) -> list[SlotView]:
    """Free times of the same half-day before or after the one kept: the nearest, and one further off."""
    day = day_start(turn, kept.start)
    found = await slots.find_slots(
        turn.session,
        now=turn.now,
        practitioner_id=kept.practitioner_id,
        department_id=kept.department_id,
        start=day if earlier else kept.end,
        end=kept.start if earlier else day + timedelta(days=1),
        part=kept.part,
        limit=60,
    )
    near = list(reversed(found)) if earlier else found
    return near if len(near) <= TIMES else [near[0], near[len(near) // 2]]


async def times_beside(turn: Turn, wanted: SlotView, patient_id: UUID, but: UUID | None) -> list[SlotView]:
    """Free times of the half-day of `wanted` at which the patient is nowhere else: the next ones, else those before."""
    day = day_start(turn, wanted.start)
    found = await slots.find_slots(
        turn.session,
        now=turn.now,
        practitioner_id=wanted.practitioner_id,
        department_id=wanted.department_id,
        start=day,
        end=day + timedelta(days=1),
        part=wanted.part,
        limit=60,
    )
    found.sort(key=lambda one: (one.start < wanted.start, abs(one.start - wanted.start)))
    near: list[SlotView] = []
    for one in found:
        if await overlapping(turn.session, patient_id, one, but=but) is None:
            near.append(one)
        if len(near) == SHOWN:
            break
    return sorted(near, key=lambda one: one.start)


async def half_day_of(turn: Turn, slot_id: UUID) -> SlotView | None:
    """The half-day an offered slot stands for, with its first place that is still free; None when full."""
    slot = await slots.slot(turn.session, slot_id)
    if slot is None:
        return None
    found = await slots.find_slots(
        turn.session,
        now=turn.now,
        practitioner_id=slot.practitioner_id,
        department_id=slot.department_id,
        start=day_start(turn, slot.start),
        end=day_start(turn, slot.start) + timedelta(days=1),
        part=slot.part,
        limit=1,
    )
    return found[0] if found else None


async def held(session: AsyncSession, hold_id: UUID | None) -> SlotView | None:
    """What the draft's hold keeps, or None when it is gone."""
    if hold_id is None:
        return None
    row = await session.get(SlotHold, hold_id, populate_existing=True)
    return None if row is None else await slots.slot(session, row.slot_id)


async def free_days(turn: Turn, state: State, limit: int, after: date | None = None) -> list[date]:
    """Days with free places beyond what was offered last; later than `after`."""
    shown = {
        slot.day
        for slot_id in state.ids("offers")
        if (slot := await slots.slot(turn.session, slot_id)) is not None
    }
    every = await half_days(turn, state, limit=FAR)
    return [
        day
        for day in dict.fromkeys(slot.day for slot in every)
        if day not in shown and (after is None or day > after)
    ][:limit]


async def suggest(
    turn: Turn, text: str, patient: Patient | None
) -> tuple[list[HealthcareService], float, bool]:
    """Bookable departments for a complaint, best first; how sure; and whether it belongs to emergency."""
    today = turn.local_now.date()
    age = patients.age(patient, today) if patient else None
    sex = patient.sex if patient else None
    advice = await asyncio.to_thread(triage, text, age=age, sex=sex, ear=turn.services.ear)
    if not advice.departments or advice.confidence < TRIAGE_NAMES:
        return [], 0.0, False
    ours: list[HealthcareService] = []
    emergency = False
    for n, one in enumerate(advice.departments[:3]):
        here = await hospital.departments_of_standard(turn.session, one.name)
        emergency = emergency or (n == 0 and bool(here) and all(row.kind == "emergency" for row in here[:1]))
        ours += [row for row in here[:1] if row.kind == "clinic" and row not in ours]
    return ours, advice.confidence, emergency
