"""How slots, appointments, people and windows of time are named; long for chat, short for SMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from actions import say
from actions.appointments.state import State
from actions.turn import Turn
from care.appointments.models import Kind
from care.appointments.views import AppointmentView, Limits, SlotView
from care.hospital.models import HealthcareService
from care.hospital.service import spoken_place
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from channels.reply import SENSITIVE
from channels.wording.labels import label

Shown = SlotView | AppointmentView


def local(turn: Turn, moment: datetime) -> datetime:
    return turn.services.clock.local_naive(moment)


def department_name(turn: Turn, department: HealthcareService) -> str:
    """The department as this channel may show it."""
    return spoken_place(department, private=turn.is_sms)


def shown_department(turn: Turn, view: Shown) -> str:
    return view.place if turn.is_sms and view.sensitive else view.department


def moment(turn: Turn, view: Shown) -> str:
    at = local(turn, view.start)
    return say.moment_short(at) if turn.is_sms else say.moment(at)


def card(turn: Turn, view: Shown, name: str) -> dict[str, Any]:
    """The parameters of every wording that tells of one slot or appointment."""
    at = local(turn, view.start)
    return {
        "name": name,
        "department": shown_department(turn, view),
        "doctor": view.practitioner,
        "title": view.title,
        "when": say.moment(at),
        "when_short": say.moment_short(at),
        "date_short": say.day_short(at.date()),
        "place": view.place,
        "fee": say.money(view.fee_fen),
        **({SENSITIVE: True} if view.sensitive else {}),
    }


def limit(limits: Limits | None) -> str:
    """Whom a clinic sees, in a few words: `14岁及以下`, `女性`."""
    if limits is None:
        return ""
    said = []
    match limits.min_age, limits.max_age:
        case None, None:
            pass
        case None, oldest:
            said.append(label("limit_up_to", oldest=oldest))
        case youngest, None:
            said.append(label("limit_from", youngest=youngest))
        case youngest, oldest:
            said.append(label("limit_between", youngest=youngest, oldest=oldest))
    if limits.sex:
        said.append(label(f"limit_{limits.sex}"))
    return "".join(said)


def half_day(turn: Turn, view: SlotView) -> str:
    """A half-day as an option: `11月24日（周二）上午 李敏 副主任医师 18元`; shorter on SMS."""
    day = local(turn, view.start).date()
    part = say.part_name(view.part)
    if turn.is_sms:
        return f"{say.day_short(day)}{part}{view.practitioner}{say.money(view.fee_fen)}"
    kind = f" {label(f'kind_{view.kind}')}" if view.kind in _SAID else ""
    return f"{say.day(day)}{part} {view.practitioner} {view.title}{kind} {say.money(view.fee_fen)}"


_SAID = (Kind.SPECIAL, Kind.FIRST, Kind.RETURN, Kind.ONLINE)
"""Kinds worth saying beside a doctor's title."""


def same_half_day(one: SlotView, other: SlotView) -> bool:
    """Whether they are one line of what is offered."""
    return (one.practitioner_id, one.day, one.part) == (other.practitioner_id, other.day, other.part)


def keep(turn: Turn, view: SlotView) -> str:
    """The option of keeping what is held."""
    return label("keep_held", when=moment(turn, view))


def appointment(turn: Turn, view: AppointmentView, name: str) -> str:
    """An appointment as an option."""
    at = local(turn, view.start)
    if turn.is_sms:
        return f"{name}{say.day_short(at.date())}{say.clock(at)}"
    return f"{say.moment(at)} {view.department} {view.practitioner} {name}"


def appointments(turn: Turn, views: Sequence[AppointmentView], people: Mapping[UUID, str]) -> list[str]:
    """Several as options: told apart by their place where the time alone, all that an SMS has room for, does not."""
    said = [appointment(turn, view, people.get(view.patient_id, "")) for view in views]
    return [
        f"{one}{view.place}" if said.count(one) > 1 else one for one, view in zip(said, views, strict=True)
    ]


def relation(person: LinkedPatient) -> str:
    return label(f"relation_{person.relation.value}")


def relation_word(value: Relation) -> str:
    return label(f"relation_{value.value}")


def person(one: LinkedPatient) -> str:
    """`王秀兰（母亲）`."""
    return label("person", name=one.patient.name, relation=relation(one))


def window(turn: Turn, state: State) -> str:
    """The time asked for, said back: `11月26日（周四）下午`; empty when any time will do."""
    part = say.part_name(state.part) if state.part else ""
    start, end = state.row.wanted_from, state.row.wanted_to
    if start is None or end is None:
        return part
    first, last = local(turn, start), local(turn, end)
    last_day = (last - timedelta(seconds=1)).date()
    name = say.day_short if turn.is_sms else say.day
    if first.date() == last_day:
        if not part and (first.hour or last.hour):
            return f"{name(last_day)}{say.clock(first)}"
        return name(last_day) + part
    return label("from_to", first=name(first.date()), last=name(last_day)) + part


def names(people: Sequence[LinkedPatient]) -> dict[Any, str]:
    """Patient id → name."""
    return {one.patient.id: one.patient.name for one in people}
