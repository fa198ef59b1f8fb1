"""A rare diagnosis is looked up by an index and leads; nobody goes through all patients for it."""

from __future__ import annotations

import random

from sqlalchemy import text

from content.audiences import compile as sql
from content.audiences import leads, rules
from content.audiences.day import Day
from store.clock import VirtualClock
from store.database import Database
from tests.content.audiences.people import crowd, store

RULE = rules.read(
    {
        "kind": "all",
        "rules": [
            {"kind": "consent", "purpose": "education"},
            {"kind": "condition", "codes": ["E11"], "at_most": 30},
            {"kind": "reading", "negate": True, "topics": ["diabetes"]},
        ],
    }
)


async def test_indexes_serve_the_rule(database: Database, clock: VirtualClock) -> None:
    day = Day.of(clock)
    async with database.write() as session:
        await store(session, crowd(random.Random(4), day, 60), clock.now())
        lead = await leads.found(session, RULE, day)
        assert lead == (1,)
        bind = session.get_bind()
        said = sql.counting(RULE, day, lead).compile(bind, compile_kwargs={"literal_binds": True})
        if database.is_sqlite:
            plan = await session.execute(text(f"EXPLAIN QUERY PLAN {said}"))
            lines = [str(row[3]) for row in plan]
        else:  # of sixty rows nobody would use an index: it is asked whether one can
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            lines = [str(row[0]) for row in await session.execute(text(f"EXPLAIN {said}"))]
    whole = "\n".join(lines)
    assert "ix_condition_code_recorded_date_ended_date_patient_id" in whole
    assert "SCAN patient" not in whole
    assert "Seq Scan on patient" not in whole


def test_what_is_expected_to_lead() -> None:
    def lead(*inner: dict[str, object], kind: str = "all") -> object:
        return leads.expected(rules.read({"kind": kind, "rules": list(inner)}))

    tag, old = {"kind": "tag", "among": ["x"]}, {"kind": "age", "at_least": 60}
    assert lead(old, tag, {"kind": "pregnancy"}) == (2,)
    assert lead(old, {"kind": "all", "rules": [tag]}) == (1, 0)
    assert lead(tag, {"kind": "pregnancy"}, kind="any") == ()
    assert lead(tag, old, kind="any") is None
    assert lead({**tag, "negate": True}, old) is None
