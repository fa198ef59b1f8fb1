"""Writing what was said into the draft: the person, the department and doctor, the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from actions.appointments import search, words
from actions.appointments.flow import Linked, advance
from actions.appointments.patterns import HOURS
from actions.appointments.reading import Wish
from actions.appointments.state import CONFIRM, DEPARTMENT, DOCTOR, WHO, State
from actions.turn import Turn
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import Part
from care.hospital import service as hospital
from care.patients.models import Patient, Relation
from care.patients.service import LinkedPatient
from language.when import Refused


async def take(turn: Turn, state: State, wish: Wish, linked: Linked, *, first: bool = False) -> bool:
    """Write a wish into the draft and go to the next step. False when the dialogue is over."""
    _take_person(state, wish, linked, first)
    await _take_last(turn, state, wish)
    if not await _take_place(turn, state, wish):
        state.save()
        return True
    if wish.kind and not wish.doctors:  # who names a doctor wants the doctor, whatever the place is called
        state.data["kind"] = wish.kind
    if wish.earliest:
        state.data["earliest"] = True
    _take_refused(state, wish)
    await _let_go(turn, state)
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


async def _take_last(turn: Turn, state: State, wish: Wish) -> None:
    """ "老样子，还是上次那个医生": of the last visit, once it is known whose."""
    if wish.same_doctor:
        state.data["same"] = True
    if wish.doctors or wish.department is not None:
        state.data.pop("same", None)
    if state.row.patient_id is None or state.data.get("candidate") or not state.data.pop("same", False):
        return
    last = await appointments.last_of(turn.session, state.row.patient_id, now=turn.now)
    if last is None:
        state.data["why"] = "no_last"
        return
    state.remember("suggest", [])
    state.data.pop("why", None)
    state.row.department_id, state.row.practitioner_id = last.department_id, last.practitioner_id


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
    if wish.not_doctors:
        state.remember("not_doctors", [one.id for one in wish.not_doctors])
        if row.practitioner_id in state.ids("not_doctors"):
            row.practitioner_id = None
    elif wish.doctors or wish.any_doctor:
        state.remember("not_doctors", [])
    if wish.any_doctor:
        row.practitioner_id = None
        state.data.pop("doctors", None)
    return True


def _take_refused(state: State, wish: Wish) -> None:
    """Times that do not suit hold until another message names one of them, or says that any will do."""
    if wish.without:
        state.refuse([*state.without, *wish.without] if not wish.has_time else wish.without)
    elif wish.any_time:
        state.refuse(())
    elif wish.start is not None or wish.part is not None:
        state.refuse(one for one in state.without if not _meant_after_all(one, wish))


def _meant_after_all(one: Refused, wish: Wish) -> bool:
    if wish.start is None or wish.end is None:
        return wish.part is not None and one == Refused(hours=HOURS[wish.part])
    days = (wish.end - wish.start).days or 1
    whole = replace(one, hours=None)
    return days <= 2 and any(
        whole.covers((wish.start + timedelta(days=n)).date(), (0, 24)) for n in range(days)
    )


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
            "instead": wish.instead,
        }
        return ""
    if wish.has_time:
        return await want(turn, state, wish)
    if wish.any_time:
        state.want(None, None, None, None)
    return ""


async def want(turn: Turn, state: State, wish: Wish) -> str:
    """Set the window; a part or an hour alone means the day that is being talked about."""
    start, end = wish.start, wish.end
    if start is None or wish.shift:
        start, end = await _day_in_question(turn, state)
    if wish.shift and start is not None and end is not None:
        days = timedelta(days=wish.shift)
        start, end = start + days, end + days
        wish = replace(wish, start=start, end=end)
    elif wish.earlier or wish.later:
        return await _nearer(turn, state, earlier=wish.earlier)
    now = turn.local_now
    if wish.start is not None and _over(wish, now):
        state.want(None, None, None, None)
        return "past"
    clock = turn.services.clock
    state.want(
        clock.to_utc(start) if start else None, clock.to_utc(end) if end else None, wish.part, wish.clock
    )
    if start is not None and start.date() > now.date() + timedelta(days=turn.services.slot_days):
        state.want(None, None, None, None)
        state.data["far"] = start.date().isoformat()
        return "beyond"
    return ""


async def _nearer(turn: Turn, state: State, *, earlier: bool) -> str:
    """Before or after what is held (in its half-day if it can be), what is moved, or the first offered."""
    row = state.row
    lead = "earlier" if earlier else "later"
    kept = await search.held(turn.session, row.hold_id)
    if kept is not None and (times := await search.times_near(turn, kept, earlier=earlier)):
        state.remember("times", [slot.slot_id for slot in times])
        return lead
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    than = kept or old
    if than is None and (offered := state.ids("offers")):
        than = await slots.slot(turn.session, offered[0])
    if than is None:
        state.want(None, None, None, None)
    elif earlier:
        state.want(turn.now, than.start, None, None)
    else:
        clock = turn.services.clock
        over = datetime.combine(than.day, datetime.min.time()) + timedelta(hours=_ENDS[than.part])
        state.want(clock.to_utc(over), turn.now + timedelta(days=turn.services.slot_days + 1), None, None)
    return lead


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
        if not wish.without or state.one_day:
            state.want(None, None, None, None)
        return await advance(turn, state, linked, "change")
    state.save()
    return True


async def _let_go(turn: Turn, state: State) -> None:
    """Give back what is held in a time that does not suit, or with a doctor who was said not to."""
    if not state.without and not state.ids("not_doctors"):
        return
    kept = await search.held(turn.session, state.row.hold_id)
    if kept is not None and state.row.hold_id is not None and search.unwanted(state, kept):
        await appointments.release(turn.session, state.row.hold_id)
        state.row.hold_id = state.row.slot_id = None


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
