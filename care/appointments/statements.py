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
    Executable,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
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
from care.patients.persons import accounts_of_person
from store.base import Base
from store.events import THIS_TRANSACTION, PatientEvent


def _table(of: type[Base]) -> Table:
    return cast("Table", of.__table__)


_S, _H, _A, _E = _table(Slot), _table(SlotHold), _table(Appointment), _table(PatientEvent)
_D, _P, _WHO = _table(HealthcareService), _table(Practitioner), _table(Patient)
# Words, not parameters: the planner uses the index of live appointments only where it sees its condition.
BOOKED = "appointment.booked"
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


FOUND = (
    *_S.c,
    *_NAMED,
    _D.c.sex.label("department_sex"),
    _D.c.min_age.label("department_min_age"),
    _D.c.max_age.label("department_max_age"),
)
"""All of a slot that `views.found_slot` reads."""


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


def _count(*where: Any, only: Any = None) -> Any:
    """How many rows, of those few that `where` finds by an index. What else they must be is not for the index: among several the planner,
    who does not know the values, takes the wrong one."""
    many = func.count() if only is None else func.count().filter(only)
    return select(many).select_from(where[0].left.table).where(*where).scalar_subquery()


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
def _asked(contact: bool, conversation: bool) -> Select[Any]:
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
    facts: dict[str, Any] = dict.fromkeys(("here", "kept", "holds", "made", "missed"), null())
    facts |= {
        "expired": _count(_H.c.slot_id == _S.c.id, only=_H.c.until <= now),
        "clash": clash.limit(1).scalar_subquery(),
        "ahead": _count(_A.c.patient_id == whom, _AHEAD, only=_A.c.start > now),
    }
    if conversation:
        facts["here"] = _count(mine, only=(_H.c.slot_id == _S.c.id) & (_H.c.until > now))
        facts["kept"] = _count(mine)
    if contact:
        accounts = select(accounts_of_person(account).cte("accounts").c.contact_id)
        ahead = _H.c.until > now
        elsewhere = (
            ahead & (_H.c.conversation_id.is_(None) | (_H.c.conversation_id != me)) if conversation else ahead
        )
        facts["holds"] = _count(_H.c.contact_id.in_(accounts), only=elsewhere)
        facts["made"] = _count(_A.c.contact_id.in_(accounts), only=_A.c.created_at > day_ago)
        facts["missed"] = _count(
            _A.c.patient_id == whom, only=(_A.c.status == "noshow") & (_A.c.start > window)
        )
    return (
        select(
            *FOUND,
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


async def asked(
    session: AsyncSession, ask: Ask, window: timedelta, hold: dict[str, Any], *, over: bool
) -> Row[Any] | None:
    """All that decides on a hold: the slot with its names, the patient's status, and what stands in the way. None: no such slot.

    `expired` holds of the slot; `clash`: the patient's appointment in that half-day; `ahead`: how many are to come; of the
    conversation's holds those `here` on the slot and all `kept`; over all contacts of the person who books `holds` and bookings
    `made` within a day; visits `missed` within `window`. What was not asked (no contact, no conversation) is None.

    `done`: on PostgreSQL a free place of a slot without expired holds, asked for by who holds nothing else, is taken for `hold`
    in the same statement (0: there was none); whoever finds then that it may not be gives it back. On SQLite None: not tried.
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
    which = ask.contact_id is not None, ask.conversation_id is not None
    if is_sqlite(session):
        return await _first(session, _only_asked(*which), _given(given))
    return await _first(session, _asked_and_held(*which, over), _given(hold | given))


@cache
def _only_asked(contact: bool, conversation: bool) -> Executable:
    return _asked(contact, conversation).add_columns(null().label("done"))


@cache
def _asked_and_held(contact: bool, conversation: bool, over: bool) -> Executable:
    asked = _asked(contact, conversation).cte("asked")
    clear = [
        asked.c.id == _S.c.id,
        asked.c.start > _moment("now"),
        asked.c.expired == 0,
        asked.c.patient_status.is_not(None),
    ]
    if conversation:
        clear.append(asked.c.kept == 0)
    taken = _taking(over).where(*clear).returning(_S.c.id).cte("taken")
    names = [column.name for column in _H.c]
    values = select(*(_of(_H, name) for name in names)).select_from(taken)
    held = insert(_H).from_select(names, values).returning(_H.c.id).cte("held")
    done = select(func.count()).select_from(held).scalar_subquery()
    return select(*asked.c, done.label("done"))


def _taking(over: bool) -> Any:
    places = _S.c.capacity + _S.c.overbook if over else _S.c.capacity
    return update(_S).where(_S.c.status == "free", _S.c.taken < places).values(taken=_S.c.taken + 1)


@cache
def _take_then_hold(over: bool) -> tuple[Executable, Executable]:
    return _taking(over).where(_S.c.id == _of(_H, "slot_id")), insert(_H).inline()


async def take_and_hold(session: AsyncSession, hold: dict[str, Any], *, over: bool) -> bool:
    """One place less, one hold more. False: there was none; nothing is changed. `over`: above the capacity, as far as the slot allows."""
    take, keep = _take_then_hold(over)
    return await _all_touch(session, (take, {"in_slot_id": hold["slot_id"]}), (keep, hold))


def _dropping(which: str) -> Any:
    return delete(_H).where(_H.c.id == bindparam(which, type_=_H.c.id.type))


_PLACE = (
    _S.c.start, _S.c.day, _S.c.part, _S.c.fee_fen, _S.c.status, _S.c.place, _S.c.kind, _S.c.practitioner_id, _S.c.department_id,
    *_NAMED, (_D.c.active & _P.c.active).label("still_held"),
)  # fmt: skip
FROM_HOLD = (
    "patient_id", "slot_id", "practitioner_id", "department_id", "start", "day", "part", "fee_fen", "place", "kind",
    "contact_id", "conversation_id", "replaces_id",
)  # fmt: skip
"""What an appointment has from its hold and the slot."""
_OF_HOLD = ("slot_id", "patient_id", "contact_id", "conversation_id", "replaces_id")


def _held_by(hold: Any) -> Select[Any]:
    return _joined(
        select(*(hold.c[name] for name in _OF_HOLD), *_PLACE)
        .select_from(hold)
        .join(_S, _S.c.id == hold.c.slot_id)
    )


def _joined(slots: Select[Any]) -> Select[Any]:
    return slots.join(_D, _D.c.id == _S.c.department_id).join(_P, _P.c.id == _S.c.practitioner_id)


@cache
def _look_then_drop() -> tuple[Executable, Executable]:
    look = _held_by(_H).where(_H.c.id == _of(_H, "id"))
    return look.add_columns(null().label("done")), _dropping("in_id")


@cache
def _booked_at_once(columns: tuple[str, ...]) -> Executable:
    """The hold goes, the appointment and its event come, all or none of the latter two.

    The slot's row is locked as the foreign key locks it anyway (`FOR KEY SHARE`), which no booking waits for; but who closes the clinic
    does (`slots.lock`), and finds the appointment, or has closed before, and that is seen here.
    """
    dropped = _dropping("hold").returning(*_H.c).cte("dropped")
    held = _held_by(dropped).cte("held")
    locked = (
        select(_S.c.id, _S.c.status, _S.c.practitioner_id)
        .join(dropped, dropped.c.slot_id == _S.c.id)
        .where(dropped.c.replaces_id.is_(None))
        .with_for_update(key_share=True, read=True, of=_S)
        .cte("locked")
    )
    given = {name: _of(_A, name) for name in columns}
    source = (
        select(*given.values(), *(held.c[name] for name in FROM_HOLD))
        .select_from(held)
        .join(locked, locked.c.id == held.c.slot_id)
        .where(
            locked.c.status == "free",
            locked.c.practitioner_id == held.c.practitioner_id,
            held.c.still_held,
            held.c.start > _of(_A, "created_at"),
            held.c.start == func.date_trunc("second", held.c.start),
        )
    )
    made = (
        pg_insert(_A)
        .from_select([*given, *FROM_HOLD], source)
        .on_conflict_do_nothing()
        .returning(*_A.c)
        .cte("made")
    )
    said = {
        "patient_id": made.c.patient_id,
        "kind": literal(BOOKED, _E.c.kind.type),
        "at": made.c.created_at,
        "data": _event_of(made),
        "writer": THIS_TRANSACTION,
    }
    told = (
        insert(_E)
        .from_select(list(said), select(*said.values()), include_defaults=False)
        .returning(_E.c.id)
        .cte("told")
    )
    done = select(func.count()).select_from(told).scalar_subquery()
    return select(*held.c, done.label("done"))


def _event_of(made: Any) -> Any:
    """As `event_data`, for times of whole seconds."""
    start = func.to_char(func.timezone("UTC", made.c.start), text("""'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'"""))
    ids = {
        "appointment_id": made.c.id,
        "department_id": made.c.department_id,
        "practitioner_id": made.c.practitioner_id,
    }
    pairs = [one for name, value in ids.items() for one in (text(f"'{name}'"), value)]
    return func.json_build_object(*pairs, text("'start'"), start)


async def drop_and_book(session: AsyncSession, row: dict[str, Any]) -> Row[Any] | None:
    """Delete the hold `row["hold_id"]`: what it was, with its slot and the names of both. Its place stays taken. None: it is gone.

    `done`: on PostgreSQL the appointment (`row`, with what the hold says) and its event are written in the same statement, unless
    anything stands in the way (0): the clinic closed or past, an appointment it replaces, one the patient has in that half-day. On
    SQLite None: not tried.
    """
    which = {"in_id": row["hold_id"]}
    if not is_sqlite(session):
        return await _first(
            session, _booked_at_once(tuple(sorted(row))), _given(row) | {"hold": row["hold_id"]}
        )
    look, drop = _look_then_drop()
    found = await _first(session, look, which)
    return found if found is not None and await _all_touch(session, (drop, which)) else None


@cache
def _place_locked() -> Executable:
    hold = (_of(_H, name).label(name) for name in _OF_HOLD)
    return (
        _joined(select(*hold, *_PLACE))
        .where(_S.c.id == _of(_H, "slot_id"))
        .with_for_update(key_share=True, of=_S)
    )


async def lock_place(session: AsyncSession, held: Row[Any]) -> Row[Any]:
    """What `drop_and_book` gave, as it is now and stays until the end of the transaction. The slot of what it replaces is locked too."""
    if is_sqlite(session):
        return held
    if held.replaces_id is not None:
        replaced = select(_A.c.slot_id).where(_A.c.id == held.replaces_id)
        both = select(_S.c.id).where(_S.c.id.in_(replaced) | (_S.c.id == held.slot_id))
        await session.execute(both.order_by(_S.c.id).with_for_update(key_share=True))
    found = await _first(session, _place_locked(), _given({name: getattr(held, name) for name in _OF_HOLD}))
    if found is None:
        raise LookupError("a slot vanished under its own hold")
    return found


@cache
def _book_then_tell(sqlite: bool) -> tuple[Executable, Executable]:
    made = sqlite_insert(_A) if sqlite else pg_insert(_A)
    return made.on_conflict_do_nothing().inline(), insert(_E).inline()


async def book(session: AsyncSession, row: dict[str, Any], event: dict[str, Any]) -> bool:
    """An appointment and its event (`kind`, `data`). False: the patient has one in that half-day; nothing is changed."""
    appointment, told = _book_then_tell(is_sqlite(session))
    event = {"patient_id": row["patient_id"], "at": row["created_at"], **event}
    return await _all_touch(session, (appointment, row), (told, event))
