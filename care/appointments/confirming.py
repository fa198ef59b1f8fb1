"""The statements of a confirmation: the hold goes, the appointment and its event come."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Executable,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment
from care.appointments.statements import (
    APPOINTMENT,
    DOCTOR,
    HOLD,
    NAMED,
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
from store.events import THIS_TRANSACTION, PatientEvent

_EVENT = table(PatientEvent)
BOOKED = "appointment.booked"
_OF_HOLD = ("slot_id", "patient_id", "contact_id", "conversation_id", "replaces_id")
_PLACE = (
    SLOT.c.start, SLOT.c.day, SLOT.c.part, SLOT.c.fee_fen, SLOT.c.status, SLOT.c.place, SLOT.c.kind, SLOT.c.practitioner_id,
    SLOT.c.department_id, *NAMED, (SERVICE.c.active & DOCTOR.c.active).label("still_held"),
)  # fmt: skip
_FROM_HOLD = (
    "patient_id", "slot_id", "practitioner_id", "department_id", "start", "day", "part", "fee_fen", "place", "kind",
    "contact_id", "conversation_id", "replaces_id",
)  # fmt: skip
"""What an appointment has from its hold and the slot."""


def event_data(appointment_id: UUID, row: Appointment | Row[Any]) -> dict[str, str]:
    """What every event of an appointment says of it."""
    return {
        "appointment_id": str(appointment_id),
        "department_id": str(row.department_id),
        "practitioner_id": str(row.practitioner_id),
        "start": row.start.isoformat(),
    }


async def drop_and_book(session: AsyncSession, row: dict[str, Any]) -> tuple[Row[Any], bool] | None:
    """Delete the hold `row["hold_id"]`: what it was, with its slot and the names of both. Its place stays taken. None: it is gone.

    True: the appointment (`row`, with what the hold says) and its event are written too, since nothing stood in the way: the clinic
    closed or past, an appointment it replaces, one the patient has in that half-day.
    """
    if is_sqlite(session):
        return await at_once(session, lambda connection: _one_by_one(connection, row))
    statement = _in_one(tuple(sorted(row)))
    found = await first(session, statement, given(row) | {"hold": row["hold_id"]})
    return None if found is None else (found, bool(found.done))


def _one_by_one(connection: Connection, row: dict[str, Any]) -> tuple[Row[Any], bool] | None:
    (look, drop), which = _look_then_drop(), {"hold": row["hold_id"]}
    held = connection.execute(look, which).first()
    if held is None or not touched(connection, (drop, which)):
        return None
    clear = held.replaces_id is None and held.status == "free" and held.still_held
    clear = clear and held.start > row["created_at"]
    return held, clear and touched(connection, *_steps(row, held, sqlite=True))


def _dropping() -> Any:
    return delete(HOLD).where(HOLD.c.id == bindparam("hold", type_=HOLD.c.id.type))


def _held_by(hold: Any) -> Select[Any]:
    return with_names(
        select(*(hold.c[name] for name in _OF_HOLD), *_PLACE)
        .select_from(hold)
        .join(SLOT, SLOT.c.id == hold.c.slot_id)
    )


@cache
def _look_then_drop() -> tuple[Executable, Executable]:
    drop = _dropping()
    return _held_by(HOLD).where(drop.whereclause), drop


@cache
def _in_one(columns: tuple[str, ...]) -> Executable:
    """All or none of the appointment and its event.

    The slot's row is locked as the foreign key locks it anyway (`FOR KEY SHARE`), which no booking waits for; but who closes the clinic
    does (`slots.lock`), and finds the appointment, or has closed before, and that is seen here.
    """
    dropped = _dropping().returning(*(HOLD.c[name] for name in _OF_HOLD)).cte("dropped")
    held = _held_by(dropped).cte("held")
    locked = (
        select(SLOT.c.id, SLOT.c.status, SLOT.c.practitioner_id)
        .join(dropped, dropped.c.slot_id == SLOT.c.id)
        .where(dropped.c.replaces_id.is_(None))
        .with_for_update(key_share=True, read=True, of=SLOT)
        .cte("locked")
    )
    of_row = {name: of(APPOINTMENT, name) for name in columns}
    source = (
        select(*of_row.values(), *(held.c[name] for name in _FROM_HOLD))
        .select_from(held)
        .join(locked, locked.c.id == held.c.slot_id)
        .where(
            locked.c.status == "free",
            locked.c.practitioner_id == held.c.practitioner_id,
            held.c.still_held,
            held.c.start > of(APPOINTMENT, "created_at"),
            held.c.start == func.date_trunc("second", held.c.start),
        )
    )
    told = ("id", "patient_id", "created_at", "department_id", "practitioner_id", "start")
    made = (
        pg_insert(APPOINTMENT)
        .from_select([*of_row, *_FROM_HOLD], source)
        .on_conflict_do_nothing()
        .returning(*(APPOINTMENT.c[name] for name in told))
        .cte("made")
    )
    said = {
        "patient_id": made.c.patient_id,
        "kind": literal(BOOKED, _EVENT.c.kind.type),
        "at": made.c.created_at,
        "data": _event_of(made),
        "writer": THIS_TRANSACTION,
    }
    event = (
        insert(_EVENT)
        .from_select(list(said), select(*said.values()), include_defaults=False)
        .returning(_EVENT.c.id)
        .cte("event")
    )
    done = select(func.count()).select_from(event).scalar_subquery()
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


@cache
def _place_locked() -> Executable:
    hold = (of(HOLD, name).label(name) for name in _OF_HOLD)
    return (
        with_names(select(*hold, *_PLACE))
        .where(SLOT.c.id == of(HOLD, "slot_id"))
        .with_for_update(key_share=True, of=SLOT)
    )


async def lock_place(session: AsyncSession, held: Row[Any]) -> Row[Any]:
    """What `drop_and_book` gave, as it is now and stays until the end of the transaction. The slot of what it replaces is locked too."""
    if is_sqlite(session):
        return held
    if held.replaces_id is not None:
        replaced = select(APPOINTMENT.c.slot_id).where(APPOINTMENT.c.id == held.replaces_id)
        both = select(SLOT.c.id).where(SLOT.c.id.in_(replaced) | (SLOT.c.id == held.slot_id))
        await session.execute(both.order_by(SLOT.c.id).with_for_update(key_share=True))
    found = await first(session, _place_locked(), given({name: getattr(held, name) for name in _OF_HOLD}))
    if found is None:
        raise LookupError("a slot vanished under its own hold")
    return found


@cache
def _book_then_tell(sqlite: bool) -> tuple[Executable, Executable]:
    made = sqlite_insert(APPOINTMENT) if sqlite else pg_insert(APPOINTMENT)
    return made.on_conflict_do_nothing().inline(), insert(_EVENT).inline()


def _steps(
    row: dict[str, Any], held: Row[Any], *, sqlite: bool
) -> tuple[tuple[Executable, dict[str, Any]], ...]:
    appointment, told = _book_then_tell(sqlite)
    event = {"kind": BOOKED, "data": event_data(row["id"], held), "at": row["created_at"]}
    return (
        (appointment, row | {name: getattr(held, name) for name in _FROM_HOLD}),
        (told, event | {"patient_id": held.patient_id}),
    )


async def book(session: AsyncSession, row: dict[str, Any], held: Row[Any]) -> bool:
    """The appointment of what was held, and its event. False: the patient has one in that half-day; nothing is changed."""
    steps = _steps(row, held, sqlite=is_sqlite(session))
    return await at_once(session, lambda connection: touched(connection, *steps))
