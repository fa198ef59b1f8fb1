"""The questions of a booking, each with its options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta

from actions import say
from actions.appointments import browsing, search, words
from actions.appointments.picking import movable, order
from actions.appointments.state import (
    CONFIRM,
    DATE,
    DEPARTMENT,
    DOCTOR,
    SURE,
    WHEN,
    WHICH,
    WHO,
    WHO_SURE,
    State,
)
from actions.turn import Turn, option, way_to
from care.appointments import service as appointments
from care.appointments import slots
from care.hospital import service as hospital
from care.hospital.models import Practitioner
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from channels.reply import Option
from channels.wording.labels import label

Linked = Sequence[LinkedPatient]
WECHAT_OPTIONS = 5
SMS_OPTIONS = 4


def room(turn: Turn) -> int:
    """How many options this channel shows."""
    return SMS_OPTIONS if turn.is_sms else WECHAT_OPTIONS


async def ask(turn: Turn, state: State, linked: Linked) -> None:
    """Say the question of the draft's step."""
    await _QUESTIONS[state.step](turn, state, linked)


def _key(state: State, base: str) -> str:
    lead, _ = state.lead
    return f"{base}_{lead}" if lead else base


async def _who(turn: Turn, state: State, linked: Linked) -> None:
    wanted = state.ids("who")
    people = [one for one in linked if one.patient.id in wanted] or list(linked)
    options = [option(f"who:{one.patient.id.hex}", words.person(one)) for one in people[: room(turn) - 1]]
    options.append(way_to("bind_patient", label("bind_other")))
    turn.say(_key(state, "booking.who"), *options, **state.lead[1])


async def _who_sure(turn: Turn, state: State, linked: Linked) -> None:
    candidate = state.one_id("candidate")
    one = next((one for one in linked if one.patient.id == candidate), linked[0])
    options = [option("who_yes", label("for_relative", relation=words.relation(one), name=one.patient.name))]
    options += [
        option(f"who:{me.patient.id.hex}", label("for_myself"))
        for me in linked
        if me.relation == Relation.SELF and me is not one
    ]
    department = (
        await hospital.department(turn.session, state.row.department_id) if state.row.department_id else None
    )
    if department is None:
        options.append(option("other_person", label("someone_else")))
        turn.say("booking.who_sure", *options, relation=words.relation(one), name=one.patient.name)
        return
    options.append(option("other_department", label("other_department")))
    turn.say(
        "booking.who_sure_department",
        *options,
        relation=words.relation(one),
        name=one.patient.name,
        department=words.department_name(turn, department),
    )


async def _department(turn: Turn, state: State, linked: Linked) -> None:
    if (page := browsing.page_of(state)) is not None:
        return await browsing.say_page(turn, *page, room(turn))
    found = [await hospital.department(turn.session, department_id) for department_id in state.ids("suggest")]
    options = [
        option(f"dept:{one.id.hex}", words.department_name(turn, one)) for one in found if one is not None
    ]
    lead = state.lead[0]
    if lead in ("", "no_last"):
        options = options or await browsing.groups(turn, SMS_OPTIONS)
    elif not options:
        options.append(option("other_department", label("other_department")))
    if lead.startswith("unfit") and len(linked) > 1:
        options.append(option("other_person", label("someone_else")))
    options.append(way_to("request_human", label("human")))
    turn.say(_key(state, "booking.department"), *options[: room(turn)], **state.lead[1])


async def _doctor(turn: Turn, state: State, linked: Linked) -> None:
    most = room(turn) - 1
    wanted, avoided = state.ids("doctors"), state.ids("not_doctors")
    doctors: list[Practitioner] = []
    if wanted:
        every = [await hospital.practitioner(turn.session, one) for one in wanted[:most]]
        doctors = [one for one in every if one is not None]
    elif state.row.department_id is not None:
        doctors = list(
            await slots.doctors_with_free_slots(
                turn.session, now=turn.now, department_id=state.row.department_id, limit=most + len(avoided)
            )
        )
        doctors = [one for one in doctors if one.id not in avoided][:most]
    options = [option(f"doc:{one.id.hex}", await _doctor_label(turn, one, doctors)) for one in doctors]
    if state.row.department_id is not None:
        options.append(option("any_doctor", label("any_doctor")))
    else:
        options.append(way_to("request_human", label("human")))
    turn.say(_key(state, "booking.doctor"), *options)


async def _doctor_label(turn: Turn, doctor: Practitioner, among: Sequence[Practitioner]) -> str:
    if len({one.department_id for one in among}) < 2:
        return f"{doctor.name} {doctor.title}"
    department = await hospital.department(turn.session, doctor.department_id)
    where = words.department_name(turn, department) if department else ""
    return f"{doctor.name} {doctor.title} {where}"


async def _when(turn: Turn, state: State, linked: Linked) -> None:
    kept = await search.held(turn.session, state.row.hold_id)
    options: list[Option] = [option("keep", words.keep(turn, kept))] if kept is not None else []
    for slot_id in state.ids("offers"):
        slot = await slots.slot(turn.session, slot_id)
        if slot is None:
            continue
        if state.data.get("timed"):
            options.append(option(f"slot:{slot_id.hex}", words.moment(turn, slot)))
        elif kept is None or not words.same_half_day(slot, kept):
            options.append(option(f"slot:{slot_id.hex}", words.half_day(turn, slot)))
    lead, params = state.lead
    waits = bool(state.data.get("missed")) and lead in ("", "full", "doctor_full", "in")
    options = options[: search.SHOWN - waits]
    if waits:
        options.append(option("waitlist", label("waitlist_join")))
    if not state.ids("offers"):
        options += [
            option("other_department", label("other_department")),
            way_to("request_human", label("human")),
        ]
        turn.say("booking.when_none", *options, **params)
        return
    options.append(option("other_date", label("other_date")))
    if len(options) < room(turn) and await _several_doctors(turn, state):
        kind = "which_doctor" if state.row.practitioner_id is None else "any_doctor"
        options.append(option(kind, label(kind)))
    turn.say(f"booking.when_{lead}" if lead else "booking.when", *options, **params)


async def _several_doctors(turn: Turn, state: State) -> bool:
    if state.row.department_id is None:
        return False
    found = await slots.doctors_with_free_slots(
        turn.session, now=turn.now, department_id=state.row.department_id, limit=2
    )
    return len(found) > 1


async def _date(turn: Turn, state: State, linked: Linked) -> None:
    most = room(turn) - 1
    after = state.data.get("after")
    days = await search.free_days(turn, state, most + 1, date.fromisoformat(after) if after else None)
    shown = say.day_short if turn.is_sms else say.day
    options = [option(f"day:{day.isoformat()}", shown(day)) for day in days[:most]]
    if len(days) > most:
        options.append(option(f"other_date:{days[most - 1].isoformat()}", label("later_dates")))
    else:
        options.append(option("other_time", label("back_to_list")))
    turn.say("booking.date" if days else "booking.date_none", *options)


async def _sure(turn: Turn, state: State, linked: Linked) -> None:
    pending = state.data.get("sure") or {}
    options = [option("sure_yes", label("right")), option("sure_no", label("say_again"))]
    if pending.get("instead") and pending.get("start"):
        other = datetime.fromisoformat(pending["start"]).date() + timedelta(days=int(pending["instead"]))
        shown = say.day_short if turn.is_sms else say.day
        options.insert(1, option("sure_instead", label("sure_instead", day=shown(other))))
    turn.say("booking.sure", *options, question=str(pending.get("question", "")))


async def _confirm(turn: Turn, state: State, linked: Linked) -> None:
    slot = await search.held(turn.session, state.row.hold_id)
    if slot is None:
        raise LookupError("asked to confirm what is not held")
    options = (
        option("confirm", label("confirm")),
        option("other_time", label("other_time")),
        option("quit", label("do_not_book")),
    )
    name = words.names(linked).get(state.row.patient_id, "")
    old = await appointments.get(turn.session, state.row.replaces_id) if state.row.replaces_id else None
    key = "booking.confirm_move" if old is not None else "booking.confirm"
    turn.say(key, *options, **words.card(turn, slot, name), old=words.moment(turn, old) if old else "")


async def _which(turn: Turn, state: State, linked: Linked) -> None:
    views = order(await movable(turn, linked), state.ids("which"))[: room(turn) - 1]
    said = words.appointments(turn, views, words.names(linked))
    options = [option(f"appt:{view.appointment_id.hex}", one) for view, one in zip(views, said, strict=True)]
    options.append(option("quit", label("keep_all")))
    turn.say("booking.which", *options)


_QUESTIONS: dict[str, Callable[[Turn, State, Linked], Awaitable[None]]] = {
    WHO: _who,
    WHO_SURE: _who_sure,
    DEPARTMENT: _department,
    DOCTOR: _doctor,
    WHEN: _when,
    DATE: _date,
    SURE: _sure,
    CONFIRM: _confirm,
    WHICH: _which,
}
