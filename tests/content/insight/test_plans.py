"""Care plans and their touches by what became of them; few people stay hidden."""

from __future__ import annotations

from datetime import timedelta

from care.patients import service as patients
from care.patients.service import PatientData
from care.plans.models import CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.publishing import publish_shipped
from content.insight import plan_tables
from content.insight.figures.plans import plans, touches
from content.insight.period import ending
from content.insight.protect import Hidden
from content.insight.tables import Share
from store.clock import VirtualClock
from store.database import Database

NAME, TITLE = "post_discharge", "外科出院后随访"


async def test_by_state_and_small_groups_hidden(database: Database, clock: VirtualClock) -> None:
    now = clock.now()
    states = [PlanStatus.ACTIVE] * 12 + [PlanStatus.COMPLETED] * 11 + [PlanStatus.REVOKED] * 3
    async with database.write() as session:
        await publish_shipped(session, now)
        for number, status in enumerate(states):
            patient = await patients.create(session, PatientData(f"P{number}", "赵一", "female"), now)
            row = CarePlan(
                patient_id=patient.id, plan=NAME, version=1, key=f"k{number}", anchor_date=now.date()
            )
            row.status, row.source, row.started_at, row.closes_on = status, "event", now, now.date()
            session.add(row)
            await session.flush()
            for step, kind, became in (
                ("day3", "article", TouchStatus.DONE),
                ("day7", "questionnaire", TouchStatus.ANSWERED if number % 2 else TouchStatus.SENT),
                ("day30", "call", TouchStatus.PLANNED if number else TouchStatus.CANCELLED),
            ):
                touch = Touch(care_plan_id=row.id, patient_id=patient.id, step=step, version=1, kind=kind)
                touch.priority, touch.planned_for, touch.status = 5, now, became
                session.add(touch)
            late = Touch(care_plan_id=row.id, patient_id=patient.id, step="late", version=1, kind="call")
            late.priority, late.planned_for, late.status = 5, now + timedelta(days=90), TouchStatus.PLANNED
            session.add(late)
    period = ending(clock.local().date(), 1, clock.zone)
    async with database.read() as session:
        rows, steps = await plans(session, period), await touches(session, period)
    assert {(one.title, one.status): one.number for one in rows} == {
        (TITLE, "active"): 12,
        (TITLE, "completed"): 11,
        (TITLE, "revoked"): 3,
    }
    assert plan_tables.plans(rows, 1).rows[0].values["ended"] == 3
    assert isinstance(plan_tables.plans(rows, 10).rows[0].values["ended"], Hidden)
    [row] = plan_tables.touches(steps, 1).rows
    assert {name: row.values[name] for name in ("all", "answered", "out", "ahead", "dropped", "asked")} == {
        "all": 26 * 3,
        "answered": 13,
        "out": 26 + 13,
        "ahead": 25,
        "dropped": 1,
        "asked": 26,
    }
    assert row.values["answered_share"] == Share(0.5)
