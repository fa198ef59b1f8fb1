"""The few statements of a booking, built once: putting one together costs more than running it.

Plain tables, not mapped rows: nobody keeps what they return. Where PostgreSQL can write several tables in one statement it does, a
round trip instead of three; SQLite, which has none, takes them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    CTE,
    Executable,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from care.appointments.models import LIVE_SQL, Appointment, Slot, SlotHold
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from care.patients.persons import others_of_person
from store.base import Base
from store.events import THIS_TRANSACTION, PatientEvent


def _table(of: type[Base]) -> Table:
    return cast("Table", of.__table__)


_S, _H, _A, _E = _table(Slot), _table(SlotHold), _table(Appointment), _table(PatientEvent)
_D, _P, _WHO = _table(HealthcareService), _table(Practitioner), _table(Patient)
# Words, not parameters: the planner uses the index of live appointments only where it sees its condition.
_LIVE = text(LIVE_SQL)
_AHEAD = text("status IN ('pending', 'booked')")

_NAMED = (
    _D.c.name.label("department"),
    _D.c.sensitive,
    _D.c.place.label("department_place"),
    _D.c.preparation,
    _P.c.name.label("practitioner"),
    _P.c.title,
)
"""Beside the slot's own columns: what `views.found_slot` and `views.booked_view` are made of."""


def is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _of(table: Any, name: str) -> Any:
    """A parameter of the column's type. Its name is not the column's: SQLAlchemy would set that in every table of the statement."""
    return bindparam(f"in_{name}", type_=table.c[name].type)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {f"in_{name}": value for name, value in values.items()}


async def _first(session: AsyncSession, statement: Executable, values: dict[str, Any]) -> Row[Any] | None:
    return await session.run_sync(lambda sync: sync.connection().execute(statement, values).first())


async def _all_touch(session: AsyncSession, *steps: tuple[Executable, dict[str, Any]]) -> bool:
    """Run them one after the other. False: one of them touched no row; those after it are not run."""

    def run(sync: Session) -> bool:
        connection = sync.connection()
        return all(connection.execute(statement, values).rowcount for statement, values in steps)

    return await session.run_sync(run)


def _count(*conditions: Any) -> Any:
    return select(func.count()).where(*conditions).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: a place for a patient, by a contact in a conversation where it comes from a chat."""

    slot_id: UUID
    patient_id: UUID
    contact_id: UUID | None
    conversation_id: UUID | None
    replaces_id: UUID | None
    now: datetime


@cache
def _asked(contact: bool, conversation: bool) -> Executable:
    whom, me, account = (_of(_H, name) for name in ("patient_id", "conversation_id", "contact_id"))
    now, day_ago, window = (_moment(name) for name in ("now", "day_ago", "window"))
    mine = _H.c.conversation_id == me
    clash = select(_A.c.id).where(
        _A.c.patient_id == whom,
        _A.c.department_id == _S.c.department_id,
        _A.c.day == _S.c.day,
        _A.c.part == _S.c.part,
        _LIVE,
    )
    facts: dict[str, Any] = {
        "expired": _count(_H.c.slot_id == _S.c.id, _H.c.until <= now),
        "clash": clash.limit(1).scalar_subquery(),
        "ahead": _count(_A.c.patient_id == whom, _AHEAD, _A.c.start > now),
        "here": null(),
        "kept": null(),
        "holds": null(),
        "made": null(),
        "missed": null(),
    }
    if conversation:
        facts["here"] = _count(mine, _H.c.slot_id == _S.c.id, _H.c.until > now)
        facts["kept"] = _count(mine)
    if contact:
        others = others_of_person(account)
        elsewhere = [_H.c.conversation_id.is_(None) | (_H.c.conversation_id != me)] if conversation else []
        person = [table.c.contact_id.in_(others) | (table.c.contact_id == account) for table in (_H, _A)]
        facts["holds"] = _count(person[0], _H.c.until > now, *elsewhere)
        facts["made"] = _count(person[1], _A.c.created_at > day_ago)
        facts["missed"] = _count(_A.c.patient_id == whom, _A.c.status == "noshow", _A.c.start > window)
    return (
        select(
            *_S.c,
            *_NAMED,
            _D.c.sex.label("department_sex"),
            _D.c.min_age.label("department_min_age"),
            _D.c.max_age.label("department_max_age"),
            _WHO.c.status.label("patient_status"),
            *(fact.label(name) for name, fact in facts.items()),
        )
        .select_from(_S)
        .join(_D, _D.c.id == _S.c.department_id)
        .join(_P, _P.c.id == _S.c.practitioner_id)
        .outerjoin(_WHO, _WHO.c.id == whom)
        .where(_S.c.id == _of(_H, "slot_id"), _D.c.active, _P.c.active)
    )


def _moment(name: str) -> Any:
    return bindparam(f"in_{name}", type_=_S.c.start.type)


async def asked(session: AsyncSession, ask: Ask, window: timedelta) -> Row[Any] | None:
    """All that decides on a hold: the slot with its names, the patient's status, and what stands in the way. None: no such slot.

    `expired` holds of the slot; `clash`: the patient's appointment in that half-day; `ahead`: how many are to come; of the
    conversation's holds those `here` on the slot and all `kept`; over all contacts of the person who books `holds` and bookings
    `made` within a day; visits `missed` within `window`. What was not asked (no contact, no conversation) is None.
    """
    given: dict[str, Any] = {"slot_id": ask.slot_id, "patient_id": ask.patient_id, "now": ask.now}
    if ask.conversation_id is not None:
        given["conversation_id"] = ask.conversation_id
    if ask.contact_id is not None:
        given |= {
            "contact_id": ask.contact_id,
            "day_ago": ask.now - timedelta(days=1),
            "window": ask.now - window,
        }
    statement = _asked(ask.contact_id is not None, ask.conversation_id is not None)
    return await _first(session, statement, _given(given))


def _taking(over: bool) -> Any:
    places = _S.c.capacity + _S.c.overbook if over else _S.c.capacity
    free = (_S.c.id == _of(_H, "slot_id"), _S.c.status == "free", _S.c.taken < places)
    return update(_S).where(*free).values(taken=_S.c.taken + 1)


@cache
def _hold_at_once(over: bool) -> Executable:
    names = [column.name for column in _H.c]
    taken = _taking(over).returning(_S.c.id).cte("taken")
    values = select(*(_of(_H, name) for name in names)).select_from(taken)
    return insert(_H).from_select(names, values)


@cache
def _take_then_hold(over: bool) -> tuple[Executable, Executable]:
    return _taking(over), insert(_H).inline()


async def take_and_hold(session: AsyncSession, hold: dict[str, Any], *, over: bool) -> bool:
    """One place less, one hold more. False: there was none; nothing is changed. `over`: above the capacity, as far as the slot allows."""
    if not is_sqlite(session):
        return await _all_touch(session, (_hold_at_once(over), _given(hold)))
    take, keep = _take_then_hold(over)
    return await _all_touch(session, (take, {"in_slot_id": hold["slot_id"]}), (keep, hold))


def _dropping() -> Any:
    return delete(_H).where(_H.c.id == _of(_H, "id"))


def _held_by(hold: Any) -> Select[Any]:
    return (
        select(
            hold.c.slot_id, hold.c.patient_id, hold.c.contact_id, hold.c.conversation_id, hold.c.replaces_id,
            _S.c.start, _S.c.day, _S.c.part, _S.c.fee_fen, _S.c.status, _S.c.place, _S.c.kind, _S.c.practitioner_id, _S.c.department_id,
            *_NAMED, (_D.c.active & _P.c.active).label("still_held"),
        )
        .select_from(hold)
        .join(_S, _S.c.id == hold.c.slot_id)
        .join(_D, _D.c.id == _S.c.department_id)
        .join(_P, _P.c.id == _S.c.practitioner_id)
    )  # fmt: skip


@cache
def _release_at_once() -> Executable:
    return _held_by(_dropping().returning(*_H.c).cte("dropped"))


@cache
def _release_then_drop() -> tuple[Executable, Executable]:
    return _held_by(_H).where(_H.c.id == _of(_H, "id")), _dropping()


async def release(session: AsyncSession, hold_id: UUID) -> Row[Any] | None:
    """Delete a hold: what it was, with its slot and the names of both. Its place stays taken. None: somebody else had it before."""
    which = {"in_id": hold_id}
    if not is_sqlite(session):
        return await _first(session, _release_at_once(), which)
    look, drop = _release_then_drop()
    found = await _first(session, look, which)
    return found if found is not None and await _all_touch(session, (drop, which)) else None


@cache
def _book_then_tell() -> tuple[Executable, Executable]:
    return sqlite_insert(_A).on_conflict_do_nothing().inline(), insert(_E).inline()


@cache
def _book_at_once(columns: tuple[str, ...]) -> Executable:
    """Insert the appointment and, if it is new, its event."""
    values = select(*(_of(_A, name) for name in columns))
    made: CTE = (
        pg_insert(_A).from_select(columns, values).on_conflict_do_nothing().returning(_A.c.id).cte("made")
    )
    said = ("patient_id", "kind", "at", "data", "writer")
    told = {
        "patient_id": _of(_A, "patient_id"),
        "at": _of(_A, "created_at"),
        "writer": THIS_TRANSACTION,
    }
    event = select(
        *(told[name] if name in told else bindparam(f"event_{name}", type_=_E.c[name].type) for name in said)
    ).select_from(made)
    return insert(_E).from_select(said, event, include_defaults=False)


async def book(session: AsyncSession, row: dict[str, Any], event: dict[str, Any]) -> bool:
    """An appointment and its event (`kind`, `data`). False: the patient has one in that half-day; nothing is changed."""
    if not is_sqlite(session):
        given = _given(row) | {f"event_{name}": value for name, value in event.items()}
        return await _all_touch(session, (_book_at_once(tuple(sorted(row))), given))
    appointment, told = _book_then_tell()
    event = {"patient_id": row["patient_id"], "at": row["created_at"], **event}
    return await _all_touch(session, (appointment, row), (told, event))
