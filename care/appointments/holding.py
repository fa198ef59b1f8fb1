"""The statements of a hold: what stands in its way, and the place taken for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Executable,
    Row,
    Select,
    String,
    Subquery,
    bindparam,
    cast,
    func,
    insert,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import LIVE_SQL
from care.appointments.statements import (
    APPOINTMENT,
    DOCTOR,
    FOUND,
    HOLD,
    SERVICE,
    SLOT,
    at_once,
    first,
    given,
    is_sqlite,
    of,
    table,
    touched,
    with_names,
)
from care.patients.models import Patient
from care.patients.persons import accounts_of_person

_PATIENT = table(Patient)
_LIVE, _AHEAD = text(f"appointment.{LIVE_SQL}"), text("appointment.status IN ('pending', 'booked')")
LONGEST = timedelta(days=1)
"""No visit goes on for longer."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: a place for a patient, by a contact in a conversation where it comes from a chat."""

    slot_id: UUID
    patient_id: UUID
    contact_id: UUID | None
    conversation_id: UUID | None
    replaces_id: UUID | None
    now: datetime


def _moment(name: str) -> Any:
    return bindparam(f"in_{name}", type_=SLOT.c.start.type)


@cache
def _asked(contact: bool, conversation: bool) -> Select[Any]:
    """By index only, also where the plan is made while the tables are empty: each part looks for one value of one column."""
    me = of(HOLD, "conversation_id") if conversation else None
    whom = of(HOLD, "patient_id")
    parts = [_holds(me), _visits(whom), *([_person(me)] if contact else ())]
    facts = [column for part in parts for column in part.c]
    if not contact:
        facts += [null().label("holds"), null().label("made")]
    asked: Select[Any] = select(*FOUND, _PATIENT.c.status.label("patient_status"), *facts).select_from(SLOT)
    asked = with_names(asked).outerjoin(_PATIENT, _PATIENT.c.id == whom)
    for part in parts:
        asked = asked.join(part, true())
    return asked.where(SLOT.c.id == of(HOLD, "slot_id"), SERVICE.c.active, DOCTOR.c.active)


def _holds(me: Any) -> Subquery:
    """Those of the slot and of the conversation in one look: each more costs PostgreSQL more to set up than its few rows to read."""
    many, here = func.count(), HOLD.c.slot_id == of(HOLD, "slot_id")
    facts = {"expired": many.filter(here, HOLD.c.until <= _moment("now")), "kept": null()}
    if me is None:
        return _labelled(facts).where(here).subquery("holds")
    in_chat = HOLD.c.conversation_id == me
    facts["kept"] = many.filter(in_chat)
    return _labelled(facts).where(or_(here, in_chat)).subquery("holds")


def _person(me: Any) -> Subquery:
    """Account by account: of `IN` the planner does not know how few they are, and reads the whole table."""
    account = accounts_of_person(of(HOLD, "contact_id")).cte("accounts").c.contact_id
    elsewhere = HOLD.c.until > _moment("now")
    if me is not None:
        elsewhere &= HOLD.c.conversation_id.is_distinct_from(me)
    holds = select(func.count().filter(elsewhere)).where(HOLD.c.contact_id == account)
    lately = APPOINTMENT.c.created_at > _moment("day_ago")
    made = select(func.count().filter(lately)).where(APPOINTMENT.c.contact_id == account)
    facts = {"holds": holds, "made": made}
    each = {name: func.sum(fact.scalar_subquery()) for name, fact in facts.items()}
    return _labelled(each).select_from(account.table).subquery("person")


def _visits(whom: Any) -> Subquery:
    """Found by the patient alone: among several indexes the planner, who does not know the values, takes the wrong one."""
    many, wanted = func.count(), SLOT.alias("wanted")
    start, status = APPOINTMENT.c.start, APPOINTMENT.c.status
    half_day = (APPOINTMENT.c[name] == wanted.c[name] for name in ("department_id", "day", "part"))
    # The largest of several UUIDs is not to be had in every database; of texts it is.
    clash = func.max(cast(APPOINTMENT.c.id, String)).filter(_LIVE, *half_day)
    facts = {
        "clash": cast(clash, APPOINTMENT.c.id.type),
        "live": many.filter(_LIVE, start > _moment("begun")),
        "ahead": many.filter(_AHEAD, start > _moment("now")),
        "missed": many.filter(status == text("'noshow'"), start > _moment("window")),
    }
    visits = _labelled(facts).select_from(wanted).outerjoin(APPOINTMENT, APPOINTMENT.c.patient_id == whom)
    return visits.where(wanted.c.id == of(HOLD, "slot_id")).subquery("visits")


def _labelled(facts: dict[str, Any]) -> Select[Any]:
    return select(*(fact.label(name) for name, fact in facts.items()))


async def ask_and_hold(
    session: AsyncSession, ask: Ask, window: timedelta, hold: dict[str, Any], *, over: bool
) -> tuple[Row[Any], bool] | None:
    """All that decides on a hold: the slot with its names, the patient's status, and what stands in the way. None: no such slot.

    `expired` holds of the slot; of the conversation's holds `kept`; `clash`: the patient's appointment in that half-day; how many of
    theirs are `live`, begun ones too, `ahead` only to come, and `missed` within `window`; over all contacts of the person who books
    `holds` elsewhere and bookings `made` within a day. What was not asked (no contact, no conversation) is None.

    True: a free place of a slot without expired holds, asked for by who holds nothing else, was taken for `hold` at once; whoever
    finds then that it may not be gives it back. `over`: above the capacity, as far as the slot allows.
    """
    moments = {"day_ago": ask.now - timedelta(days=1), "begun": ask.now - LONGEST, "window": ask.now - window}
    values = {**hold, **moments, "now": ask.now}
    which = ask.contact_id is not None, ask.conversation_id is not None
    if is_sqlite(session):
        return await at_once(
            session, lambda connection: _one_by_one(connection, which, given(values), hold, over)
        )
    found = await first(session, _in_one(*which, over), given(values))
    return None if found is None else (found, bool(found.done))


def _one_by_one(
    connection: Connection, which: tuple[bool, bool], values: dict[str, Any], hold: dict[str, Any], over: bool
) -> tuple[Row[Any], bool] | None:
    found = connection.execute(_asked(*which), values).first()
    if found is None:
        return None
    clear = found.start > values["in_now"] and found.patient_status is not None
    clear = clear and not found.expired and not found.kept
    return found, clear and touched(connection, *_steps(hold, over))


@cache
def _in_one(contact: bool, conversation: bool, over: bool) -> Executable:
    asked = _asked(contact, conversation).cte("asked")
    clear = [
        SLOT.c.id == of(HOLD, "slot_id"),
        SLOT.c.id == asked.c.id,
        asked.c.start > _moment("now"),
        asked.c.expired == text("0"),
        asked.c.patient_status.is_not(None),
    ]
    if conversation:
        clear.append(asked.c.kept == text("0"))
    taken = _taking(over).where(*clear).returning(SLOT.c.id).cte("taken")
    names = [column.name for column in HOLD.c]
    values = select(*(of(HOLD, name) for name in names)).select_from(taken)
    held = insert(HOLD).from_select(names, values).returning(HOLD.c.id).cte("held")
    done = select(func.count()).select_from(held).scalar_subquery()
    return select(*asked.c, done.label("done"))


def _taking(over: bool) -> Any:
    places = SLOT.c.capacity + SLOT.c.overbook if over else SLOT.c.capacity
    free = text("slot.status = 'free'")
    return update(SLOT).where(free, SLOT.c.taken < places).values(taken=SLOT.c.taken + text("1"))


@cache
def _take_then_hold(over: bool) -> tuple[Executable, Executable]:
    return _taking(over).where(SLOT.c.id == of(HOLD, "slot_id")), insert(HOLD).inline()


def _steps(hold: dict[str, Any], over: bool) -> tuple[tuple[Executable, dict[str, Any]], ...]:
    take, keep = _take_then_hold(over)
    return (take, {"in_slot_id": hold["slot_id"]}), (keep, hold)


async def take_and_hold(session: AsyncSession, hold: dict[str, Any], *, over: bool) -> bool:
    """One place less, one hold more. False: there was none; nothing is changed. `over`: as for `ask_and_hold`."""
    return await at_once(session, lambda connection: touched(connection, *_steps(hold, over)))
