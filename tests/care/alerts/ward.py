"""A night on the ward: who is on duty, what burns, and the chain's worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from care.alerts import chain, service
from care.alerts.escalating import Escalator
from care.alerts.models import Alert, AlertKind, AlertStep
from care.desk.hours import DutyHours
from care.duty.models import Position, Shift
from care.reach.models import StaffNotice, StaffReach
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from web.signin.models import Role
from web.signin.service import create_user

HOURS = "Mon-Sun 08:00-17:30"


class Ward:
    """`people`: username → id."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.database, self.clock = database, clock
        self.people: dict[str, UUID] = {}
        self.worker = Escalator(database, clock)

    async def staff(self, **roles: Role) -> None:
        """One member of staff each, reached by telephone and WeCom."""
        async with self.database.write("staff") as session:
            for name, role in roles.items():
                user = await create_user(
                    session, username=name, display_name=name, password="a long password", roles=[role]
                )
                self.people[name] = user.id
                session.add(
                    StaffReach(
                        staff_id=user.id,
                        phone=f"1990000{len(self.people):04d}",
                        phone_since=self.clock.now(),
                        wecom=name,
                        wecom_since=self.clock.now(),
                    )
                )

    async def on_roster(self, name: str, position: Position, hours: int = 12, **more: Any) -> None:
        """From an hour ago on."""
        start = self.clock.now() - timedelta(hours=1)
        async with self.database.write("roster") as session:
            session.add(
                Shift(
                    position=position,
                    staff_id=self.people[name],
                    starts_at=start,
                    ends_at=start + timedelta(hours=hours),
                    created_by=new_id(),
                    created_at=start,
                    **more,
                )
            )

    async def rings(self, **values: Any) -> Alert:
        async with self.database.write("ring") as session:
            given: dict[str, Any] = {"text": "胸口痛", "inbound_id": new_id(), "now": self.clock.now()}
            alert, _ = await service.open_alert(
                session, values.pop("kind", AlertKind.EMERGENCY), **{**given, **values}
            )
            return alert

    async def later(self, **step: float) -> int:
        """The clock jumps, the worker looks once."""
        self.clock.advance(timedelta(**step))
        return await self.worker.run_once()

    async def now(self, alert: Alert) -> Alert:
        async with self.database.read() as session:
            return await session.get_one(Alert, alert.id)

    async def steps(self, alert: Alert) -> list[tuple[str, int, list[str], str | None]]:
        """(kind, level, who was told, how)."""
        called = {str(of): name for name, of in self.people.items()}
        async with self.database.read() as session:
            rows = await session.scalars(
                select(AlertStep).where(AlertStep.alert_id == alert.id).order_by(AlertStep.at, AlertStep.id)
            )
            return [(one.kind, one.level, sorted(called[p] for p in one.told), one.how) for one in rows]

    async def words(self, status: str | None = None) -> list[tuple[str, str]]:
        """(who, channel) of what was written to staff."""
        called = {of: name for name, of in self.people.items()}
        async with self.database.read() as session:
            query = select(StaffNotice).order_by(StaffNotice.created_at, StaffNotice.channel)
            rows = await session.scalars(
                query if status is None else query.where(StaffNotice.status == status)
            )
            return sorted((called[one.staff_id], one.channel) for one in rows)


@pytest.fixture
def ward(database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.setattr(chain, "_current", chain.read_chain(clock, DutyHours.parse(HOURS)))
    return Ward(database, clock)
