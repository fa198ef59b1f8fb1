"""What the statements of a booking have in common: tables, parameters, how they are run.

They are built once: putting one together costs more than running it. Plain tables, not mapped rows: nobody keeps what they return.
Where PostgreSQL can write several tables in one statement it does, a round trip instead of three; SQLite, which has none, takes
them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Executable, Row, Select, Table, bindparam
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Slot, SlotHold
from care.hospital.models import HealthcareService, Practitioner
from store.base import Base

T = TypeVar("T")


def table(of: type[Base]) -> Table:
    return cast("Table", of.__table__)


SLOT, HOLD, APPOINTMENT = table(Slot), table(SlotHold), table(Appointment)
SERVICE, DOCTOR = table(HealthcareService), table(Practitioner)

NAMED = (
    SERVICE.c.name.label("department"),
    SERVICE.c.sensitive,
    SERVICE.c.place.label("department_place"),
    SERVICE.c.preparation,
    DOCTOR.c.name.label("practitioner"),
    DOCTOR.c.title,
)
"""Beside the slot's own columns: what `views.found_slot` and `views.booked_view` are made of."""

FOUND = (
    *SLOT.c,
    *NAMED,
    SERVICE.c.sex.label("department_sex"),
    SERVICE.c.min_age.label("department_min_age"),
    SERVICE.c.max_age.label("department_max_age"),
)
"""All of a slot that `views.found_slot` reads."""


def with_names(slots: Select[Any]) -> Select[Any]:
    """`slots` joined to what `NAMED` is of."""
    return slots.join(SERVICE, SERVICE.c.id == SLOT.c.department_id).join(
        DOCTOR, DOCTOR.c.id == SLOT.c.practitioner_id
    )


def is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def of(table: Any, name: str) -> Any:
    """A parameter of the column's type. Its name is not the column's: SQLAlchemy would set that in every table of the statement."""
    return bindparam(f"in_{name}", type_=table.c[name].type)


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The values of `of`'s parameters."""
    return {f"in_{name}": value for name, value in values.items()}


async def at_once(session: AsyncSession, run: Callable[[Connection], T]) -> T:
    """`run` on the session's own connection: on SQLite, where nothing waits for a network, all its statements in one go."""
    return await session.run_sync(lambda sync: run(sync.connection()))


async def first(session: AsyncSession, statement: Executable, values: dict[str, Any]) -> Row[Any] | None:
    return await at_once(session, lambda connection: connection.execute(statement, values).first())


def touched(connection: Connection, *steps: tuple[Executable, dict[str, Any]]) -> bool:
    """Run them one after the other. False: one of them touched no row; those after it are not run."""
    return all(connection.execute(statement, values).rowcount for statement, values in steps)
