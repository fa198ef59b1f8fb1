"""A town with a year of visits whose truth is known, a plan that runs, its messages of the last weeks, and calls that were made."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Schedule, Slot
from care.followup.models import CallStatus, FollowUpCall, FollowUpStep, StepKind
from care.plans.models import CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.publishing import publish_shipped
from care.questionnaires.models import QuestionnaireResponse
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from content.insight.forecast.demand import WEEK
from store.clock import Clock
from store.database import insert_many
from store.ids import new_id
from tests.content.insight.forecast.history import visits
from tests.factories.outreach import Town, town

PLAN, TITLE = "post_discharge", "外科出院后随访"
LEVEL = 24
"""Patients on an average day of the first department, a third fewer until eight weeks ago."""
KNOWN = 52 * WEEK


def level(before: int) -> float:
    return LEVEL if before <= 8 * WEEK else LEVEL * 2 / 3


async def clinics(session: AsyncSession, of: Town, today: date) -> None:
    """A year of the first department, five weeks of the other; places for two weeks, too few of them on Tuesdays."""
    rows: list[dict[str, Any]] = []
    for department, counts in zip(
        of.departments, (visits(KNOWN, level, today=today), [20] * 5 * WEEK), strict=True
    ):
        slot = of.slots[department.id]
        for back, number in zip(range(len(counts), 0, -1), counts, strict=True):
            day = today - timedelta(days=back)
            start = of.clock.to_utc(datetime(day.year, day.month, day.day, 9))
            for n in range(number):
                rows.append(
                    {
                        "id": new_id(), "status": "noshow" if n % 9 == 4 else "fulfilled",
                        "patient_id": of.patients[n % len(of.patients)], "slot_id": slot.id,
                        "practitioner_id": slot.practitioner_id, "department_id": department.id,
                        "start": start, "day": day, "part": "morning", "fee_fen": 0, "created_via": "seed",
                        "created_at": start, "changed_at": start, "kind": "general",
                    }
                )  # fmt: skip
    await insert_many(session, Appointment, rows)
    first = of.slots[of.departments[0].id]
    clinic = next(row for row in of.of(Schedule) if row.id == first.schedule_id)
    clinic.starts, clinic.ends = time(8), time(12)
    for ahead in range(14):
        day = today + timedelta(days=ahead)
        start = of.clock.to_utc(datetime(day.year, day.month, day.day, 8))
        session.add(
            Slot(
                schedule_id=first.schedule_id, practitioner_id=first.practitioner_id,
                department_id=first.department_id, start=start, end=start, day=day, part="morning",
                capacity=5 if day.weekday() == 1 else 90, fee_fen=0,
            )
        )  # fmt: skip


async def plan_of(session: AsyncSession, of: Town, now: datetime) -> dict[UUID, UUID]:
    """Everybody is in the plan: patient → care plan."""
    await publish_shipped(session, now)
    made = {}
    for number, patient in enumerate(of.patients):
        row = CarePlan(patient_id=patient, plan=PLAN, version=1, key=f"k{number}", anchor_date=now.date())
        row.status, row.source, row.started_at = PlanStatus.ACTIVE, "event", now - timedelta(days=3)
        row.closes_on = now.date() + timedelta(days=90)
        session.add(row)
        await session.flush()
        made[patient] = row.id
    return made


def touch(
    of: Town, plans: dict[UUID, UUID], patient: UUID, kind: str, at: datetime, status: str, **values: Any
) -> Touch:
    """A step of the patient's plan, by its kind and moment."""
    left = status in (TouchStatus.SENT, TouchStatus.DONE, TouchStatus.ANSWERED)
    given: dict[str, Any] = {
        "care_plan_id": plans[patient],
        "patient_id": patient,
        "step": f"{kind}{at:%Y%m%d}",
        "version": 1,
        "kind": kind,
        "priority": 5,
        "planned_for": at,
        "status": status,
        "sent_at": at if left else None,
        "due_at": at if status == TouchStatus.PLANNED else None,
        **values,
    }
    return of.add(Touch(**given))


async def message(
    of: Town, patient: UUID, key: str, at: datetime, rung: str, parts: int, continues: UUID | None = None
) -> OutboundMessage:
    """A message that left by `rung`."""
    talk, number = of.people[patient], len(of.rows)
    row = of.add(
        OutboundMessage(
            dedup_key=key, conversation_id=talk.id, contact_id=talk.contact_id, channel=talk.channel,
            account_id=talk.account_id, seq=number, purpose="follow_up", patient_id=patient,
            reply={"key": "plan.message", "params": {}, "options": []}, status="delivered",
            created_at=at, finished_at=at, attempts=1, continues=continues,
        )
    )  # fmt: skip
    await of.session.flush()
    of.add(
        DeliveryAttempt(
            outbound_id=row.id, n=1, rung=rung, verdict="accepted", parts=parts, started_at=at, finished_at=at
        )
    )
    return row


async def sent(
    of: Town, plans: dict[UUID, UUID], patient: UUID, kind: str, at: datetime, rung: str, parts: int = 1
) -> None:
    """A touch that left, with its message; a questionnaire's is a response asked for twice."""
    key = f"plan:{plans[patient]}:{kind}:{at:%Y%m%d}"
    touch(of, plans, patient, kind, at, TouchStatus.DONE, outbound_key=key)
    if kind != "questionnaire":
        await message(of, patient, key, at, rung, parts)
        return
    assert of.survey is not None
    asked = of.add(
        QuestionnaireResponse(
            questionnaire_id=of.survey.id, name=of.survey.name, patient_id=patient, status="stopped",
            answers={}, started_at=at, updated_at=at, key=key, source="plan",
        )
    )  # fmt: skip
    await of.session.flush()
    for n in (1, 2):
        await message(of, patient, f"questionnaire:{asked.id}:{n}", at, rung, parts)


def call(
    of: Town, patient: UUID, at: datetime, minutes: float | None, source: str = "staff", rung: int = 1
) -> None:
    """A call of `at`, taken and rung `rung` times, the first after so many minutes; None: still to be made."""
    done = minutes is not None
    row = of.add(
        FollowUpCall(
            patient_id=patient, key=f"call{len(of.rows)}", due_on=of.clock.local(at).date(), script="revisit",
            source=source, status=CallStatus.DONE if done else CallStatus.OPEN, attempts=0, next_at=at,
            created_at=at, done_at=at + timedelta(hours=1) if done else None,
        )
    )  # fmt: skip
    if minutes is None:
        return
    of.add(FollowUpStep(call_id=row.id, at=at, kind=StepKind.TAKEN))
    for n in range(rung):
        after = timedelta(minutes=minutes) + timedelta(minutes=20 * n)
        of.add(FollowUpStep(call_id=row.id, at=at + after, kind=StepKind.CALLED, outcome="connected"))


async def ward(session: AsyncSession, clock: Clock, people: int = 40) -> tuple[Town, dict[UUID, UUID]]:
    """The town with its clinics, and everybody's care plan."""
    of = await town(session, clock, people=people)
    await clinics(session, of, clock.local().date())
    return of, await plan_of(session, of, clock.now())
