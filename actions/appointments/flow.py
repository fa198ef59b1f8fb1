"""From what is known of a booking to its next step: who, where, which doctor, when, hold, confirm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from actions import say
from actions.appointments import search, words
from actions.appointments.reading import Wish
from actions.appointments.state import CONFIRM, DEPARTMENT, DOCTOR, SURE, WHEN, WHO, WHO_SURE, State
from actions.turn import Turn, way_to
from care.appointments import drafts, slots
from care.appointments import service as appointments
from care.appointments.models import Part, SlotHold
from care.appointments.slots import DAYS_AHEAD
from care.appointments.views import Booked, Held, Refused, SlotView, Why
from care.hospital import service as hospital
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from care.patients.service import LinkedPatient
from channels.wording.labels import label

Linked = Sequence[LinkedPatient]


async def linked_patients(turn: Turn) -> list[LinkedPatient]:
    """Whom this contact may book for."""
    every = await patients.patients_of_contact(turn.session, turn.contact.id)
    return [one for one in every if one.patient.status != PatientStatus.DIED]


# --- taking in what was said ---


async def take(turn: Turn, state: State, wish: Wish, linked: Linked, *, first: bool = False) -> bool:
    """Write a wish into the draft and go to the next step. False when the dialogue is over."""
    _take_person(state, wish, linked, first)
    if not await _take_place(turn, state, wish):
        state.save()
        return True
    lead = await _take_time(turn, state, wish)
    if wish.changes and not wish.has_time and not first:
        return await change(turn, state, wish, linked)
    return await advance(turn, state, linked, lead)


def set_person(state: State, one: LinkedPatient) -> None:
    state.row.patient_id = one.patient.id
    if one.label:
        state.row.for_label = one.label
    for name in ("candidate", "who", "unlinked"):
        state.data.pop(name, None)


def _take_person(state: State, wish: Wish, linked: Linked, first: bool) -> None:
    if len(wish.people) == 1:
        one = wish.people[0]
        if first and one.relation != Relation.SELF and not wish.by_name:
            state.data["candidate"] = one.patient.id.hex
        else:
            set_person(state, one)
    elif wish.people:
        state.row.patient_id = None
        state.remember("who", [one.patient.id for one in wish.people])
    elif wish.relation is not None:
        state.row.patient_id = None
        state.data["unlinked"] = wish.relation.value
    elif first and len(linked) == 1 and state.row.patient_id is None:
        set_person(state, linked[0])


async def _take_place(turn: Turn, state: State, wish: Wish) -> bool:
    """Department and doctor. False when the department cannot be booked: the step is set."""
    row = state.row
    if wish.generic:
        every = await hospital.departments(turn.session, bookable=True)
        row.department_id = row.practitioner_id = None
        state.remember(
            "suggest", [one.id for one in every if one.standard.endswith(wish.generic)][: search.SHOWN]
        )
        state.data["why"] = "generic"
    if wish.department is not None:
        if wish.department.kind != "clinic":
            place = words.department_name(turn, wish.department)
            state.remember("suggest", [])
            state.go(DEPARTMENT, "walk_in", department=place, place=wish.department.place)
            return False
        if row.department_id != wish.department.id:
            row.department_id, row.practitioner_id = wish.department.id, None
            state.data.pop("doctors", None)
    if len(wish.doctors) == 1:
        row.practitioner_id, row.department_id = wish.doctors[0].id, wish.doctors[0].department_id
        state.data.pop("doctors", None)
    elif wish.doctors:
        row.practitioner_id = None
        state.remember("doctors", [one.id for one in wish.doctors])
    if wish.any_doctor:
        row.practitioner_id = None
        state.data.pop("doctors", None)
    return True


async def _take_time(turn: Turn, state: State, wish: Wish) -> str:
    """The time asked for; the name of what is to be said first if it cannot be."""
    state.data.pop("sure", None)
    if wish.unclear:
        state.data["said"] = wish.unclear
        return "unclear"
    if wish.ambiguous:
        state.data["sure"] = {
            "question": wish.ambiguous,
            "start": wish.start.isoformat() if wish.start else None,
            "end": wish.end.isoformat() if wish.end else None,
            "part": wish.part,
            "clock": wish.clock.isoformat("minutes") if wish.clock else None,
        }
        return ""
    if wish.has_time:
        return await want(turn, state, wish)
    if wish.any_time:
        state.want(None, None, None, None)
    return ""


async def want(turn: Turn, state: State, wish: Wish) -> str:
    """Set the window; a part or an hour alone means the day that is being talked about."""
    if wish.earlier or wish.later:
        return await _nearer(turn, state, earlier=wish.earlier)
    start, end = wish.start, wish.end
    if start is None:
        start, end = await _day_in_question(turn, state)
    now = turn.local_now
    if wish.start is not None and _over(wish, now):
        state.want(None, None, None, None)
        return "past"
    clock = turn.services.clock
    state.want(
        clock.to_utc(start) if start else None, clock.to_utc(end) if end else None, wish.part, wish.clock
    )
    if start is not None and start.date() > now.date() + timedelta(days=DAYS_AHEAD):
        state.want(None, None, None, None)
        return "beyond"
    return ""


async def _nearer(turn: Turn, state: State, *, earlier: bool) -> str:
    """Before or after what is held; with nothing held, the first or anything after the first offered."""
    row = state.row
    than = await search.held(turn.session, row.hold_id)
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    if than is None and old is None and state.ids("offers"):
        than = await slots.slot(turn.session, state.ids("offers")[0])
    horizon = turn.now + timedelta(days=DAYS_AHEAD + 1)
    start = than.start if than is not None else old.start if old is not None else None
    if start is None:
        state.want(None, None, None, None)
    elif earlier:
        state.want(turn.now, start, None, None)
    else:
        state.want(start + timedelta(minutes=1), horizon, None, None)
    return "earlier" if earlier else "later"


_ENDS = {Part.MORNING: 12, Part.AFTERNOON: 18, Part.EVENING: 24}


def _over(wish: Wish, now: datetime) -> bool:
    if wish.end is None or wish.start is None:
        return False
    end = wish.end
    if wish.clock is not None:
        end = datetime.combine(wish.start.date(), wish.clock) + timedelta(minutes=1)
    elif wish.part is not None:
        end = datetime.combine((wish.end - timedelta(seconds=1)).date(), datetime.min.time())
        end += timedelta(hours=_ENDS[wish.part])
    return end <= now


async def _day_in_question(turn: Turn, state: State) -> tuple[datetime | None, datetime | None]:
    day = None
    if state.step == CONFIRM and (kept := await search.held(turn.session, state.row.hold_id)) is not None:
        day = kept.day
    elif state.row.wanted_from is not None and state.row.wanted_to is not None:
        first = words.local(turn, state.row.wanted_from).date()
        last = (words.local(turn, state.row.wanted_to) - timedelta(seconds=1)).date()
        day = first if first == last else None
    elif (old_id := state.row.replaces_id) is not None:
        old = await appointments.get(turn.session, old_id)
        day = old.day if old is not None else None
    if day is None:
        return None, None
    start = datetime.combine(day, datetime.min.time())
    return start, start + timedelta(days=1)


async def change(turn: Turn, state: State, wish: Wish, linked: Linked) -> bool:
    """ "Another …" without saying which: ask."""
    row = state.row
    if wish.other_person:
        row.patient_id = None
        state.go(WHO)
    elif wish.other_department:
        state.remember("suggest", [])
        state.go(DEPARTMENT)
    elif wish.other_doctor and row.department_id is not None:
        state.data.pop("doctors", None)
        row.practitioner_id = None
        state.go(DOCTOR)
    else:
        state.want(None, None, None, None)
        return await advance(turn, state, linked, "change")
    state.save()
    return True


# --- the next step ---


async def advance(turn: Turn, state: State, linked: Linked, lead: str = "") -> bool:
    """Go to the first thing that is not known yet, holding a slot when nothing is. False when it is over."""
    open_ = await _advance(turn, state, linked, lead)
    if open_:
        state.save()
    return open_


async def _advance(turn: Turn, state: State, linked: Linked, lead: str) -> bool:
    row = state.row
    lead = lead or str(state.data.pop("note", "") or "")
    if not _ready(state):
        state.data["note"] = lead  # said when times are offered
    if state.data.get("candidate"):
        state.go(WHO_SURE)
        return True
    if row.patient_id is None:
        unlinked = state.data.get("unlinked")
        state.go(WHO, "unlinked", relation=label(f"relation_{unlinked}")) if unlinked else state.go(WHO)
        return True
    if state.data.get("sure"):
        state.go(SURE)
        return True
    if row.department_id is None and not state.data.get("doctors"):
        state.go(DEPARTMENT, str(state.data.pop("why", "") or ("suggest" if state.ids("suggest") else "")))
        return True
    if state.data.get("doctors") and not await _only_one_there(turn, state):
        state.go(DOCTOR, "several")
        return True
    if (again := await _held_for_another(turn, state)) is not None:
        return await hold(turn, state, linked, again)
    return await offer(turn, state, linked, lead)


def _ready(state: State) -> bool:
    """Whether only the time is still to be found."""
    row, data = state.row, state.data
    known = row.patient_id is not None and row.department_id is not None
    return known and not any(data.get(name) for name in ("candidate", "sure", "doctors"))


async def _only_one_there(turn: Turn, state: State) -> bool:
    """Of several doctors meant, take the only one who has places in the time asked for."""
    row = state.row
    if row.wanted_from is None and state.part is None:
        return False
    free: list[SlotView] = []
    for doctor_id in state.ids("doctors"):
        free += [
            one.first
            for one in await slots.find_half_days(
                turn.session,
                now=turn.now,
                practitioner_id=doctor_id,
                start=row.wanted_from,
                end=row.wanted_to,
                part=state.part,
                limit=1,
            )
        ]
    if len(free) != 1:
        return False
    row.practitioner_id, row.department_id = free[0].practitioner_id, free[0].department_id
    state.data.pop("doctors", None)
    return True


async def _held_for_another(turn: Turn, state: State) -> SlotView | None:
    """The slot kept for somebody else than the draft is for now, given back to be held again."""
    row = state.row
    found = await turn.session.get(SlotHold, row.hold_id, populate_existing=True) if row.hold_id else None
    if found is None or found.patient_id == row.patient_id:
        return None
    slot = await search.held(turn.session, row.hold_id)
    await appointments.release(turn.session, found.id)
    row.hold_id = row.slot_id = None
    return slot if slot is not None and slot.department_id == row.department_id else None


async def offer(turn: Turn, state: State, linked: Linked, lead: str = "") -> bool:
    """Search; a single half-day on the day asked for is held at once, else choices are offered."""
    row = state.row
    offers = await search.find(turn, state)
    kept = await search.held(turn.session, row.hold_id)
    if not lead and kept is not None and _fits(turn, state, kept) and not (offers.exact and state.clock):
        state.go(CONFIRM)
        return True
    if not lead and offers.exact and len(offers.found) == 1 and _one_day(turn, state):
        return await hold(turn, state, linked, await search.slot_in(turn, offers.found[0], state.clock))
    state.remember("offers", [slot.slot_id for slot in offers.found])
    when = words.window(turn, state)
    if not offers.doctor:
        row.practitioner_id = None
    what = await _what(turn, state)
    if lead in ("earlier", "later") and not (offers.exact and offers.found):
        lead = f"no_{lead}"
    if not lead:
        if not offers.doctor:
            lead = "doctor_full"
        elif not offers.exact:
            lead = "same" if await _is_there_already(turn, state) else "full"
        elif when:
            lead = "in"
    until = say.day(turn.local_now.date() + timedelta(days=DAYS_AHEAD))
    state.go(WHEN, lead, when=when, what=what, until=until, said=str(state.data.pop("said", "") or ""))
    if not offers.exact:
        state.want(None, None, None, state.clock)
    return True


async def _what(turn: Turn, state: State) -> str:
    """Whose slots: the doctor's name, else the department as this channel may show it."""
    row = state.row
    if row.practitioner_id is not None:
        doctor = await hospital.practitioner(turn.session, row.practitioner_id)
        return doctor.name if doctor else ""
    department = await hospital.department(turn.session, row.department_id) if row.department_id else None
    return words.department_name(turn, department) if department else ""


async def _is_there_already(turn: Turn, state: State) -> bool:
    """Whether the appointment being moved is in the window it is to be moved to."""
    row = state.row
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    return (
        old is not None
        and row.wanted_from is not None
        and row.wanted_to is not None
        and row.wanted_from <= old.start < row.wanted_to
        and (state.part is None or old.part == state.part)
    )


def _one_day(turn: Turn, state: State) -> bool:
    start, end = state.row.wanted_from, state.row.wanted_to
    return start is not None and end is not None and end - start <= timedelta(days=1)


def _fits(turn: Turn, state: State, slot: SlotView) -> bool:
    """Whether what is held already is what is asked for, the time included."""
    row = state.row
    if row.wanted_from is None or row.wanted_to is None or not row.wanted_from <= slot.start < row.wanted_to:
        return False
    if state.part is not None and slot.part != state.part:
        return False
    if row.practitioner_id is not None and slot.practitioner_id != row.practitioner_id:
        return False
    clock = state.clock
    return slot.department_id == row.department_id and (
        clock is None or clock == words.local(turn, slot.start).time()
    )


# --- holding and confirming ---


async def hold(turn: Turn, state: State, linked: Linked, slot: SlotView) -> bool:
    """Keep `slot` for ten minutes and ask for the confirmation. What was held before survives a refusal."""
    row = state.row
    if row.patient_id is None:
        raise LookupError("a slot was chosen before it was known for whom")
    before = await search.held(turn.session, row.hold_id)
    result = await _try_hold(turn, state, slot.slot_id, row.patient_id)
    if isinstance(result, Held):
        row.hold_id, row.slot_id = result.hold_id, slot.slot_id
        row.department_id = slot.department_id
        state.go(CONFIRM)
        state.save()
        return True
    row.hold_id = row.slot_id = None
    if before is not None:
        again = await _try_hold(turn, state, before.slot_id, row.patient_id)
        if isinstance(again, Held):
            row.hold_id, row.slot_id = again.hold_id, before.slot_id
    return await refused(turn, state, linked, result, slot)


async def _try_hold(turn: Turn, state: State, slot_id: UUID, patient_id: UUID) -> Held | Refused:
    return await appointments.hold(
        turn.session,
        slot_id=slot_id,
        patient_id=patient_id,
        now=turn.now,
        contact_id=turn.contact.id,
        conversation_id=turn.conversation.id,
        replaces_id=state.row.replaces_id,
    )


async def confirm(turn: Turn, state: State, linked: Linked) -> bool:
    """Book what is held. True when the dialogue goes on (the place was gone)."""
    row = state.row
    if row.hold_id is None:
        return await offer(turn, state, linked, "expired")
    slot = await search.held(turn.session, row.hold_id)
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    result = await appointments.confirm(
        turn.session, row.hold_id, now=turn.now, created_via=turn.contact.channel
    )
    if isinstance(result, Refused):
        row.hold_id = row.slot_id = None
        return await refused(turn, state, linked, result, slot)
    _tell_booked(turn, result, linked, words.moment(turn, old) if old else "")
    await drafts.discard(turn.session, turn.conversation.id)
    return False


def _tell_booked(turn: Turn, result: Booked, linked: Linked, old: str) -> None:
    view = result.appointment
    name = words.names(linked).get(view.patient_id, "")
    turn.say("booking.moved" if old else "booking.booked", **words.card(turn, view, name), old=old)


_SEARCH_AGAIN = {Why.FULL: "gone", Why.UNKNOWN: "gone", Why.PAST: "begun", Why.HOLD_GONE: "expired"}
_ENDS_IT = {
    Why.TOO_MANY_UPCOMING: "booking.too_many_upcoming",
    Why.TOO_MANY_HOLDS: "booking.too_many_holds",
    Why.TOO_MANY_TODAY: "booking.too_many_today",
    Why.PATIENT_STATUS: "booking.patient_status",
    Why.TOO_LATE: "cancel.too_late",
    Why.NOT_LIVE: "cancel.not_live",
}


async def refused(turn: Turn, state: State, linked: Linked, why: Refused, slot: SlotView | None) -> bool:
    """Say kindly why not, and offer the way on. False when there is none."""
    row = state.row
    if why.why in _SEARCH_AGAIN:
        open_ = await offer(turn, state, linked, _SEARCH_AGAIN[why.why])
        state.save()
        return open_
    name = words.names(linked).get(row.patient_id, "")
    if why.why == Why.SAME_HALF_DAY:
        state.want(None, None, None, None)
        every = await search.half_days(turn, state, limit=4 * search.SHOWN)
        others = [one for one in every if slot is None or (one.day, one.part) != (slot.day, slot.part)]
        state.remember("offers", [one.slot_id for one in others[: search.SHOWN]])
        clash = await appointments.get(turn.session, why.appointment_id) if why.appointment_id else slot
        there = words.moment(turn, clash) if clash else ""
        state.go(WHEN, "clash", name=name, there=there, what=await _what(turn, state))
        state.save()
        return True
    if why.why in (Why.AGE, Why.SEX):
        department = words.shown_department(turn, slot) if slot else ""
        row.department_id = row.practitioner_id = None
        state.remember("suggest", [])
        state.go(DEPARTMENT, f"unfit_{why.why.value}", name=name, department=department)
        state.save()
        return True
    turn.say(
        _ENDS_IT[why.why],
        way_to("check_appointment", label("my_appointments")),
        way_to("request_human", label("human")),
        name=name,
    )
    await drafts.discard(turn.session, turn.conversation.id)
    return False


async def suggest_from(turn: Turn, state: State, text: str, linked: Linked, *, firmly: float) -> bool:
    """Read a complaint: remember the departments that fit; one that is sure enough (`firmly`) is taken.

    False when none fits.
    """
    about = state.one_id("candidate") or state.row.patient_id
    person: Patient | None = next((one.patient for one in linked if one.patient.id == about), None)
    found, confidence, emergency = await search.suggest(turn, text, person)
    if emergency:
        turn.say("advice.emergency_department")
    if not found:
        return emergency
    state.remember("suggest", [one.id for one in found[: search.SHOWN]])
    state.data["why"] = "suggest"
    if confidence >= firmly and not emergency:
        state.row.department_id = found[0].id
        state.data.pop("why")
    return True
