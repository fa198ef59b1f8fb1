"""A ward, its patients with a WeChat each, and plans small enough to follow by hand; what leaves, leaves by the real ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.plans.ways import PlanWays
from actions.services import Services
from care.consents import service as consents
from care.consents.models import Purpose
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from care.patients import service as patients
from care.patients.models import Relation
from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.models import CarePlan, Touch
from care.plans.ports import Ports
from care.plans.tick import Ticked, tick
from care.questionnaires.service import publish_shipped
from care.records.models import Encounter, EncounterKind
from care.records.service import events_of
from channels.contacts import service as contacts
from channels.outbox.models import OutboundMessage
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World, build

WARD = "眼科"


def step(step_id: str, days: int, kind: str = "message", at: str = "10:00", **more: Any) -> dict[str, Any]:
    contents: dict[str, dict[str, Any]] = {
        "message": {"text": f"第{days}天，{step_id}"},
        "reminder": {"text": f"{step_id}"},
        "questionnaire": {"name": "postop-day7"},
        "offer": {"department": WARD, "within_days": 14},
        "call": {"script": "您好"},
        "article": {"slug": "wound"},
    }
    return {
        "id": step_id, "kind": kind, "title": step_id, "days": days, "at": at, "late": "catch_up", "stale_days": 3,
        "content": contents[kind], **more,
    }  # fmt: skip


def plan_of(*steps: dict[str, Any], name: str = "after", **more: Any) -> Plan:
    return read_plan(
        {
            "name": name,
            "title": name,
            "anchor": "discharge",
            "closes_after_days": 400,
            "source": "ours",
            "signed_by": "医务科",
            "steps": list(steps),
            "stops": ["readmitted", "visit"],
            **more,
        }
    )


@dataclass(slots=True)
class Ward:
    """`people`: three patients who agreed to be followed up."""

    database: Database
    clock: VirtualClock
    world: World
    ports: Ports

    @property
    def people(self) -> list[UUID]:
        return [self.world.wang, self.world.lijing, self.world.zhang]

    @property
    def today(self) -> date:
        return self.clock.local().date()

    async def publish(self, *plans: Plan) -> None:
        async with self.database.write() as session:
            for plan in plans:
                await publishing.publish(session, plan, None, self.clock.now())

    async def discharged(
        self, patient_id: UUID, day: date, *, told: bool = True, department: UUID | None = None
    ) -> UUID:
        """A stay that ended on `day`; not `told`: the row came without its events."""
        async with self.database.write() as session:
            row = Encounter(
                patient_id=patient_id,
                kind=EncounterKind.INPATIENT,
                department_id=department or self.world.eye,
                start_date=day - timedelta(days=4),
                end_date=day,
            )
            session.add(row)
            if told:
                session.add_all(events_of(row))
            return row.id

    async def tick(self) -> Ticked:
        return await tick(self.database, self.clock, self.ports)

    async def at(self, days: int, hour: int = 10, minute: int = 0) -> Ticked:
        """Tick so many days after the first, at an hour."""
        day = datetime(2026, 11, 22) + timedelta(days=days, hours=hour, minutes=minute)
        self.clock.freeze(self.clock.to_utc(day))
        return await self.tick()

    async def touches(self, patient_id: UUID | None = None, plan: str | None = None) -> list[Touch]:
        query = select(Touch).join(CarePlan, CarePlan.id == Touch.care_plan_id)
        if patient_id is not None:
            query = query.where(Touch.patient_id == patient_id)
        if plan is not None:
            query = query.where(CarePlan.plan == plan)
        async with self.database.read() as session:
            return list(await session.scalars(query.order_by(Touch.planned_for, Touch.priority, Touch.step)))

    async def states(self, patient_id: UUID | None = None, plan: str | None = None) -> dict[str, str]:
        """By step: status, and reason after a colon."""
        return {
            one.step: f"{one.status}:{one.reason}" if one.reason else one.status
            for one in await self.touches(patient_id, plan)
        }

    async def plans(self, patient_id: UUID) -> list[tuple[str, str, str | None]]:
        async with self.database.read() as session:
            rows = await session.scalars(
                select(CarePlan).where(CarePlan.patient_id == patient_id).order_by(CarePlan.id)
            )
            return [(one.plan, one.status, one.reason) for one in rows]

    async def said(self) -> list[str]:
        """Keys of everything ever queued, in order."""
        async with self.database.read() as session:
            rows = await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id))
            return [one.dedup_key for one in rows]

    async def queue(self) -> list[str]:
        async with self.database.read() as session:
            rows = await session.scalars(
                select(OutboundMessage).where(OutboundMessage.status == "queued").order_by(OutboundMessage.id)
            )
            return [one.dedup_key for one in rows]

    async def sent_all(self) -> None:
        """As the delivery leaves them: accepted by the vendor."""
        async with self.database.write() as session:
            for one in await session.scalars(
                select(OutboundMessage).where(OutboundMessage.status == "queued")
            ):
                one.status, one.finished_at, one.due_at = "accepted", self.clock.now(), None


def ways_of(database: Database, clock: VirtualClock) -> PlanWays:
    services = Services(
        database=database,
        clock=clock,
        faq=cast("Any", None),
        articles=cast("Any", None),
        gazetteer=GazetteerCache(),
        duty_hours=DutyHours.parse("Mon-Fri 08:00-17:30"),
        codes=cast("Any", None),
        hospital_name="云江市示范医院",
        landline="0571-00000000",
        site="https://h.example",
    )
    return PlanWays(services, "sms-1")


MakeWard = Callable[[], Awaitable[Ward]]


@pytest.fixture
async def ward(database: Database, clock: VirtualClock) -> Ward:
    async with database.write() as session:
        world = await build(session, clock)
        await publish_shipped(session, clock.now())
        for number, one in enumerate((world.wang, world.lijing, world.zhang)):
            contact, _ = await contacts.ensure(session, "wechat", "wx-1", f"o-{number}", clock.now())
            await patients.link_contact(session, one, contact.id, Relation.SELF, at=clock.now())
            await consents.decide(
                session, subject="patient", subject_id=one, purpose=Purpose.FOLLOW_UP, granted=True,
                text_version="t", channel="wechat", now=clock.now(),
            )  # fmt: skip
    return Ward(database, clock, world, Ports(ways_of(database, clock)))
