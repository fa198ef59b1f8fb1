"""From what is known of a booking to its next step: who, where, which doctor, when, hold, confirm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from actions import say
from actions.appointments import search, words
from actions.appointments.state import CONFIRM, DEPARTMENT, DOCTOR, SURE, WHEN, WHO, WHO_SURE, State
from actions.appointments.telling import calendar_line
from actions.turn import Turn, way_to
from care.appointments import drafts, slots
from care.appointments import service as appointments
from care.appointments.limits import missed_lately, overlapping
from care.appointments.models import SlotHold, Status
from care.appointments.rules import RULES
from care.appointments.views import Booked, Held, Refused, SlotView, Why
from care.appointments.waitlist import service as waitlist
from care.hospital import service as hospital
from care.patients import service as patients
from care.patients.models import PatientStatus
from care.patients.service import LinkedPatient
from channels.wording.labels import label

Linked = Sequence[LinkedPatient]


async def linked_patients(turn: Turn) -> list[LinkedPatient]:
    """Whom this contact may book for."""
    every = await patients.patients_of_contact(turn.session, turn.contact.id)
    return [one for one in every if one.patient.status != PatientStatus.DIED]


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


async def offer(turn: Turn, state: State, linked: Linked, lead: str = "", lost: UUID | None = None) -> bool:
    """Search; a single half-day on the day asked for is held at once, else choices are offered. `lost`: the slot just missed."""
    row = state.row
    state.data["timed"] = bool(state.data.get("times"))
    if times := state.ids("times"):
        state.data.pop("times")
        state.remember("offers", times)
        state.go(WHEN, lead, what=await _what(turn, state), when="")
        return True
    kind, earliest = str(state.data.get("kind") or ""), bool(state.data.pop("earliest", False))
    offers = await search.find(turn, state, lost)
    kept = await search.held(turn.session, row.hold_id)
    if not lead and kept is not None and _fits(turn, state, kept) and not (offers.exact and state.clock):
        state.go(CONFIRM)
        return True
    if not lead and offers.exact and len(offers.found) == 1 and state.one_day:
        return await hold(turn, state, linked, await search.slot_in(turn, offers.found[0], state.clock))
    if not lead and earliest and offers.found and offers.exact and offers.doctor:
        return await hold(turn, state, linked, await search.slot_in(turn, offers.found[0], state.clock))
    state.remember("offers", [slot.slot_id for slot in offers.found])
    when = words.window(turn, state)
    state.data["missed"] = None if offers.exact and offers.found else _missed(state)
    if not offers.suits:
        when = label("time_that_suits")
    if not offers.doctor:
        row.practitioner_id = None
    what = await _what(turn, state)
    if lead in ("earlier", "later") and not (offers.exact and offers.found):
        lead = f"no_{lead}"
    if not lead:
        if not offers.doctor:
            lead = "doctor_full"
        elif not offers.kind:
            lead = "kind_full"
        elif not offers.exact and _released_in_part(turn, state):
            lead = "beyond"
        elif not offers.exact:
            lead = "same" if await _is_there_already(turn, state) else "full"
        elif when:
            lead = "in"
    until = say.day(turn.local_now.date() + timedelta(days=turn.services.slot_days))
    said = str(state.data.pop("said", "") or "")
    shown = label(f"kind_{kind}") if kind else ""
    state.go(WHEN, lead, when=when, what=what, until=until, said=said, kind=shown, opens=_opens(turn, state))
    if not offers.exact:
        state.want(None, None, None, state.clock)
    return True


def _missed(state: State) -> dict[str, str | None] | None:
    """What was asked for and cannot be had, before the draft turns to what can; None where an appointment is moved."""
    row = state.row
    if row.replaces_id is not None:
        return None
    return {
        "doctor": row.practitioner_id.hex if row.practitioner_id else None,
        "from": row.wanted_from.isoformat() if row.wanted_from else None,
        "to": row.wanted_to.isoformat() if row.wanted_to else None,
        "part": row.part,
    }


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


def _opens(turn: Turn, state: State) -> str:
    """From when on a day too far off can be booked; empty where none was asked for."""
    far = state.data.pop("far", None)
    if far is None:
        return ""
    wanted = date.fromisoformat(far)
    return label(
        "opens", day=say.day(wanted), opens=say.day(wanted - timedelta(days=turn.services.slot_days))
    )


def _released_in_part(turn: Turn, state: State) -> bool:
    """Whether what is asked for goes on after the last day that can be booked: that part is not full, only too far off."""
    last = turn.local_now.date() + timedelta(days=turn.services.slot_days)
    end = state.row.wanted_to
    return end is not None and words.local(turn, end - timedelta(seconds=1)).date() > last


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


async def take_offered(turn: Turn, state: State, linked: Linked, slot_id: UUID) -> bool:
    """Hold the very slot an earlier message offered; gone by now, what is left there."""
    slot = await slots.slot(turn.session, slot_id)
    if slot is None:
        return await advance(turn, state, linked, "gone")
    state.row.department_id, state.row.practitioner_id = slot.department_id, slot.practitioner_id
    return await hold(turn, state, linked, slot)


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


async def reconcile(turn: Turn, state: State, linked: Linked) -> bool:
    """After a step back: what is held must be that step's person's, and at the confirmation its slot."""
    row = state.row
    wanted = row.slot_id
    found = await turn.session.get(SlotHold, row.hold_id, populate_existing=True) if row.hold_id else None
    if found is not None and found.patient_id == row.patient_id and found.slot_id == wanted:
        return True
    if state.step == CONFIRM and wanted is not None and row.patient_id is not None:
        if (slot := await slots.slot(turn.session, wanted)) is not None:
            return await hold(turn, state, linked, slot)
        return await offer(turn, state, linked, "expired")
    if found is not None and found.patient_id != row.patient_id:
        await appointments.release(turn.session, found.id)
        row.hold_id = row.slot_id = None
    return True


async def confirm(turn: Turn, state: State, linked: Linked) -> bool:
    """Book what is held. True when the dialogue goes on (the place was gone)."""
    row = state.row
    if row.hold_id is None:
        return await offer(turn, state, linked, "expired")
    found = await turn.session.get(SlotHold, row.hold_id, populate_existing=True)
    if found is not None and found.patient_id != row.patient_id:
        return await advance(turn, state, linked)  # never the wrong person: held anew, and asked again
    slot = await search.held(turn.session, row.hold_id)
    if slot is not None and found is not None:
        # Another conversation of theirs may have booked since this was held.
        other = await overlapping(turn.session, found.patient_id, slot, but=row.replaces_id)
        if other is not None:
            await appointments.release(turn.session, found.id)
            row.hold_id = row.slot_id = None
            return await refused(turn, state, linked, Refused(Why.OVERLAP, other), slot)
    old = await appointments.get(turn.session, row.replaces_id) if row.replaces_id else None
    result = await appointments.confirm(
        turn.session, row.hold_id, now=turn.now, created_via=turn.contact.channel
    )
    if isinstance(result, Refused):
        row.hold_id = row.slot_id = None
        return await refused(turn, state, linked, result, slot)
    await _tell_booked(turn, result, linked, words.moment(turn, old) if old else "")
    view = result.appointment
    await waitlist.booked(turn.session, view.patient_id, view.department_id, now=turn.now)
    await drafts.discard(turn.session, turn.conversation.id)
    return False


async def _tell_booked(turn: Turn, result: Booked, linked: Linked, old: str) -> None:
    view = result.appointment
    name = words.names(linked).get(view.patient_id, "")
    key = "systems.pending" if view.status == Status.PENDING else "booking.booked"
    if old:
        key = "systems.pending_move" if view.status == Status.PENDING else "booking.moved"
    card = words.card(turn, view, name)
    line = await calendar_line(turn.session, turn.services, view, turn.contact.channel, turn.now)
    turn.say(key, **card, old=old, calendar=line)
    if view.preparation:
        turn.say("booking.prepare", **card, prepare=view.preparation)
    if await missed_lately(turn.session, view.patient_id, turn.now, RULES) == RULES.noshows - 1:
        turn.say("booking.missed_before", name=name, missed=str(RULES.noshows - 1), most=str(RULES.noshows))


async def _elsewhen(turn: Turn, state: State, why: Refused, slot: SlotView | None, name: str) -> None:
    """The patient has a visit then: other times. One in another department leaves the rest of the half-day."""
    row = state.row
    state.want(None, None, None, None)
    beside: list[SlotView] = []
    if why.why == Why.OVERLAP and slot is not None and row.patient_id is not None:
        beside = await search.times_beside(turn, slot, row.patient_id, row.replaces_id)
        if beside:
            row.practitioner_id, row.department_id = slot.practitioner_id, slot.department_id
    every = [] if beside else await search.half_days(turn, state, limit=4 * search.SHOWN)
    others = [one for one in every if slot is None or (one.day, one.part) != (slot.day, slot.part)]
    state.data["timed"] = bool(beside)
    state.remember("offers", [one.slot_id for one in (beside or others)[: search.SHOWN]])
    clash = await appointments.get(turn.session, why.appointment_id) if why.appointment_id else None
    shown = clash or slot
    state.go(
        WHEN,
        "clash" if why.why == Why.SAME_HALF_DAY else "overlap",
        name=name,
        there=words.moment(turn, shown) if shown else "",
        other=words.shown_department(turn, clash) if clash else "",
        what=await _what(turn, state),
    )


SEARCH_AGAIN = {Why.FULL: "gone", Why.UNKNOWN: "gone", Why.PAST: "begun", Why.HOLD_GONE: "expired"}
ENDS_IT = {
    Why.TOO_MANY_UPCOMING: "booking.too_many_upcoming",
    Why.TOO_MANY_HOLDS: "booking.too_many_holds",
    Why.TOO_MANY_TODAY: "booking.too_many_today",
    Why.NOSHOWS: "booking.noshows",
    Why.PATIENT_STATUS: "booking.patient_status",
    Why.TOO_LATE: "cancel.too_late",
    Why.NOT_LIVE: "cancel.not_live",
}


async def refused(turn: Turn, state: State, linked: Linked, why: Refused, slot: SlotView | None) -> bool:
    """Say kindly why not, and offer the way on. False when there is none."""
    row = state.row
    if why.why in SEARCH_AGAIN:
        lost = slot.slot_id if slot is not None and why.why == Why.FULL else None
        open_ = await offer(turn, state, linked, SEARCH_AGAIN[why.why], lost)
        state.save()
        return open_
    name = words.names(linked).get(row.patient_id, "")
    if why.why in (Why.SAME_HALF_DAY, Why.OVERLAP):
        await _elsewhen(turn, state, why, slot, name)
        state.save()
        return True
    if why.why in (Why.AGE, Why.SEX):
        department = words.shown_department(turn, slot) if slot else ""
        row.department_id = row.practitioner_id = None
        state.remember("suggest", [])
        limit = words.limit(why.limits)
        state.go(DEPARTMENT, f"unfit_{why.why.value}", name=name, department=department, limit=limit)
        state.save()
        return True
    turn.say(
        ENDS_IT[why.why],
        way_to("check_appointment", label("my_appointments")),
        way_to("request_human", label("human")),
        name=name,
        until=say.day(words.local(turn, why.until).date()) if why.until else "",
    )
    await drafts.discard(turn.session, turn.conversation.id)
    return False
