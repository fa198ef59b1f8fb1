"""The timeline: one order over all sources, no line twice or lost whatever shares a moment, quick over 10,000 of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import event, insert, text

from care.patients import service as patients
from care.patients.models import Relation
from care.timeline import service as timeline
from care.timeline.ports import Entry, Who
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from server.patients import timeline_sources
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from store.ids import new_id
from tests.care.conftest import World
from tests.factories import deliveries

STEPS = 40
"""So many lines share a moment: a page ends in the middle of them."""


async def many(database: Database, clock: VirtualClock, world: World, number: int) -> Who:
    """`number` messages in, out, pushed and events each, `STEPS` at a time."""
    now = clock.now()
    async with database.write("many") as session:
        contact, talk = await deliveries.contact(session, now)
        await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=now)
        model = await deliveries.message(session, now, "delivered")
        spoken = await deliveries.inbound(session, now, text="在吗")
        out = _values(model, "lane")
        told = _values(spoken)
        moments = [now - timedelta(minutes=n // STEPS) for n in range(number)]
        await session.execute(
            insert(OutboundMessage),
            [
                {**out, "id": new_id(), "dedup_key": f"m{n}", "seq": n + 10, "created_at": at, "lane": "x"}
                for n, at in enumerate(moments)
            ],
        )
        await session.execute(
            insert(OutboundMessage),
            [
                {
                    **out,
                    "id": new_id(),
                    "dedup_key": f"p{n}",
                    "seq": n + 10,
                    "created_at": at,
                    "lane": "x",
                    "purpose": "education",
                    "patient_id": world.wang,
                }
                for n, at in enumerate(moments)
            ],
        )
        await session.execute(
            insert(InboundMessage),
            [
                {**told, "id": new_id(), "vendor_key": f"v{n}", "seq": n + 10, "received_at": at}
                for n, at in enumerate(moments)
            ],
        )
        await session.execute(
            insert(PatientEvent),
            [
                {"patient_id": world.wang, "kind": "encounter.finished", "at": at, "data": {}}
                for at in moments
            ],
        )
        return Who(world.wang, (contact.id,), (talk.id,))


def _values(row: Any, *without: str) -> dict[str, Any]:
    """A stored row's columns, to make others like it (their sealed words stay shut: they are bound to the row)."""
    return {
        column.key: getattr(row, column.key)
        for column in row.__mapper__.column_attrs
        if column.key not in without
    }


async def test_pages_follow_each_other_whatever_shares_a_moment(
    database: Database, clock: VirtualClock, world: World
) -> None:
    who = await many(database, clock, world, 90)
    sources = list(timeline_sources(clock, lambda row: ""))
    keys: list[tuple[str, str]] = []
    times = []
    async with database.read() as session:
        after = ""
        while True:
            rows, after = await _keys(session, sources, who, after)
            keys += [(name, key) for _, name, key in rows]
            times += [at for at, _, _ in rows]
            if not after:
                break
    assert times == sorted(times, reverse=True)
    assert len(keys) == len(set(keys)), "nothing twice"
    counted: dict[str, int] = {}
    for name, _ in keys:
        counted[name] = counted.get(name, 0) + 1
    assert counted == {"inbound": 91, "outbound": 91, "push": 90, "visit": 90, "record": 1}, "nothing lost"


async def _keys(session: Any, sources: Any, who: Who, after: str) -> Any:
    page = await timeline.page(session, [_Bare(one) for one in sources], who, after=after, limit=25)
    return [(line.entry.at, line.entry.title, line.key) for line in page.lines], page.next


class _Bare:
    """A source whose rows are not opened."""

    def __init__(self, source: Any) -> None:
        self.name, self.kind, self.rows = source.name, source.kind, source.rows

    async def load(self, session: Any, who: Who, keys: Any) -> Any:
        _, key = self.rows(who).selected_columns
        found = await session.execute(self.rows(who).where(key.in_(keys)))
        return {row[1]: Entry(row[0], self.name) for row in found}


async def test_each_table_is_entered_by_an_index(
    database: Database, clock: VirtualClock, world: World
) -> None:
    who = await many(database, clock, world, 200)
    said: list[tuple[str, Any]] = []

    def heard(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    async with database.read() as session:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", heard)
        await timeline.page(session, timeline_sources(clock, lambda row: ""), who)
        event.remove(engine, "before_cursor_execute", heard)
        statement, parameters = next(one for one in said if "UNION ALL" in one[0])
        connection = await session.connection()
        if database.is_sqlite:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row[3] for row in plan]
        else:
            await session.execute(text("SET LOCAL enable_seqscan = off"))  # so few rows fit on a page
            plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            steps = [row[0] for row in plan]
    big = ("inbound_message", "outbound_message", "patient_event", "questionnaire_response", "observation",
           "article_read", "consent", "alert", "desk_task")  # fmt: skip
    for table in big:
        walked = [one for one in steps if f"SCAN {table}" in one or f"Seq Scan on {table}" in one]
        assert not walked, walked
