"""Losses by reason and what became of them; few people stay hidden."""

from __future__ import annotations

from datetime import timedelta

from care.followup.models import Loss
from care.patients import service as patients
from care.patients.service import PatientData
from content.insight import service_tables
from content.insight.figures.lost import lost
from content.insight.period import ending
from content.insight.protect import Hidden
from content.insight.tables import Share
from store.clock import VirtualClock
from store.database import Database


async def test_by_reason_and_small_groups_hidden(database: Database, clock: VirtualClock) -> None:
    now = clock.now()
    became = [("recovered", "overdue")] * 12 + [("call", "overdue")] * 12 + [("lost", "refused")] * 3
    async with database.write() as session:
        for number, (stage, reason) in enumerate([*became, ("lost", "moved")]):
            patient = await patients.create(session, PatientData(f"L{number}", "赵一", "female"), now)
            at = now - timedelta(days=200) if reason == "moved" else now
            row = Loss(patient_id=patient.id, rule="chronic", since=now.date(), noticed_at=at, stage_at=at)
            row.stage, row.reason, row.told = stage, reason, True
            session.add(row)
    async with database.read() as session:
        rows = await lost(session, ending(clock.local().date(), 1, clock.zone))
    assert {(one.reason, one.stage): one.number for one in rows} == {
        ("overdue", "call"): 12,
        ("overdue", "recovered"): 12,
        ("refused", "lost"): 3,
    }
    made = service_tables.lost(rows, 1)
    assert {one.name: one.values["lost"] for one in made.rows} == {"overdue": 0, "refused": 3}
    assert made.rows[0].values["recovered_share"] == Share(0.5)
    assert isinstance(service_tables.lost(rows, 10).rows[1].values["lost"], Hidden)
