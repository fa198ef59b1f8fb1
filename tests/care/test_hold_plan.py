"""How the databases look things up for a hold: by index, also where plans are made while the tables are empty."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import event, text

from care.appointments import service, slots
from care.appointments.views import Held
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World


async def _statement(database: Database, clock: VirtualClock, world: World) -> str:
    """What a chat's hold asks first, as the driver gets it."""
    said: list[str] = []

    def note(*seen: Any) -> None:
        said.append(seen[2])

    async with database.write() as session:
        [wanted] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=1)
        event.listen(database.writer.sync_engine, "before_cursor_execute", note)
        try:
            held = await service.hold(
                session,
                slot_id=wanted.slot_id,
                patient_id=world.wang,
                contact_id=uuid4(),
                conversation_id=uuid4(),
                now=clock.now(),
            )
        finally:
            event.remove(database.writer.sync_engine, "before_cursor_execute", note)
    assert isinstance(held, Held)
    return said[0]


async def _plan(database: Database, statement: str) -> str:
    if database.is_sqlite:
        async with database.read() as session:
            connection = await session.connection()
            marks = tuple(None for one in statement if one == "?")
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", marks)
            return "\n".join(row[-1] for row in rows)
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement}".encode())
        return "\n".join(row[0] for row in await rows.fetchall())


async def test_nothing_of_anybody_else_is_read(database: Database, world: World, clock: VirtualClock) -> None:
    async with database.write() as session:
        await session.execute(text("DELETE FROM appointment"))
    plan = await _plan(database, await _statement(database, clock, world))
    assert "ix_appointment_patient_id_start" in plan and "ix_appointment_contact_id" in plan, plan
    assert "day_status" not in plan, plan
    for table in ("appointment", "slot_hold", "patient_contact", "patient"):
        assert not re.search(rf"(SCAN|Seq Scan on) {table}\b", plan), plan
