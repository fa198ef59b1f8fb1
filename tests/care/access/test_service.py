"""Who may see whom: an ordinary patient anybody the page is for, a confidential one only who is in charge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.access.models import TeamRole
from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from care.patients.models import Patient, Relation
from channels.contacts.models import Conversation
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.factories.messages import conversation
from web.signin.models import Role, StaffUser
from web.signin.service import add_user

Gives = Callable[[AsyncSession, StaffUser, Patient, Conversation, datetime], Awaitable[None]]


async def a_conversation(
    session: AsyncSession, nurse: StaffUser, patient: Patient, talk: Conversation, now: datetime
) -> None:
    assert await desk.take(session, talk.id, staff_id=nurse.id, now=now)


async def a_task(
    session: AsyncSession, nurse: StaffUser, patient: Patient, talk: Conversation, now: datetime
) -> None:
    task, _ = await desk.open_task(
        session, TaskKind.CALL, dedup_key="t", now=now, due_at=now, patient_id=patient.id
    )
    assert await desk.take_task(session, task.id, staff_id=nurse.id)


async def a_task_of_the_contact(
    session: AsyncSession, nurse: StaffUser, patient: Patient, talk: Conversation, now: datetime
) -> None:
    task, _ = await desk.open_task(
        session, TaskKind.MEDIA, dedup_key="m", now=now, due_at=now, contact_id=talk.contact_id
    )
    assert await desk.take_task(session, task.id, staff_id=nurse.id)


async def an_alert(
    session: AsyncSession, nurse: StaffUser, patient: Patient, talk: Conversation, now: datetime
) -> None:
    alert, _ = await alerts.open_alert(
        session, AlertKind.RED_FLAG, text="x", now=now, dedup_key="a", patient_id=patient.id
    )
    assert await alerts.acknowledge(session, alert.id, staff_id=nurse.id, now=now)


async def the_team(
    session: AsyncSession, nurse: StaffUser, patient: Patient, talk: Conversation, now: datetime
) -> None:
    assert await access.join_team(session, patient.id, nurse.id, TeamRole.NURSE, by=None, now=now)


async def staff(session: AsyncSession, *names: str) -> list[StaffUser]:
    return [
        await add_user(session, username=one, display_name=one, password_hash="-", roles=[Role.NURSE])
        for one in names
    ]


@pytest.mark.parametrize(
    "gives", [a_conversation, a_task, a_task_of_the_contact, an_alert, the_team], ids=lambda one: one.__name__
)
async def test_a_confidential_patient_is_for_who_is_in_charge(
    database: Database, world: World, clock: VirtualClock, gives: Gives
) -> None:
    now = clock.now()
    contact, talk = await conversation(database, clock)
    async with database.write() as session:
        mine, other = await staff(session, "mine", "other")
        await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=now)
        wang = await session.get_one(Patient, world.wang)
        assert await access.may_see(session, other, wang, now=now), "ordinary so far"
        await session.execute(update(Patient).values(confidential=True))
        await session.refresh(wang)
        assert not await access.may_see(session, mine, wang, now=now)
        await gives(session, mine, wang, talk, now)
        assert await access.may_see(session, mine, wang, now=now)
        assert not await access.may_see(session, other, wang, now=now)
        everybody = list(await session.scalars(select(Patient)))
        assert await access.hidden(session, mine.id, everybody, now=now) == {
            one.id for one in everybody if one.id != world.wang
        }


async def test_what_is_done_with_gives_nothing(database: Database, world: World, clock: VirtualClock) -> None:
    now = clock.now()
    contact, talk = await conversation(database, clock)
    async with database.write() as session:
        (nurse,) = await staff(session, "nurse")
        await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=now)
        wang = await session.get_one(Patient, world.wang)
        wang.confidential = True
        for gives in (a_conversation, a_task, an_alert, the_team):
            await gives(session, nurse, wang, talk, now)
        await desk.hand_back(session, talk.id, now=now, staff_id=nurse.id)
        await desk.finish_by_key(session, "t", staff_id=nurse.id, now=now)
        for alert in await alerts.open_alerts(session):
            await alerts.close(session, alert.id, staff_id=nurse.id, now=now)
        assert await access.may_see(session, nurse, wang, now=now), "still on the team"
        assert [name for _, name in await access.team_of(session, wang.id)] == ["nurse"]
        assert await access.leave_team(session, wang.id, nurse.id, by=nurse.id, now=now)
        assert not await access.leave_team(session, wang.id, nurse.id, by=nurse.id, now=now)
        assert not await access.may_see(session, nurse, wang, now=now)


async def test_every_look_is_kept_and_a_page_that_refreshes_itself_once(
    database: Database, clock: VirtualClock
) -> None:
    one, two = new_id(), new_id()
    async with database.write() as session:
        (nurse,) = await staff(session, "nurse")
        for _ in range(2):
            await access.seen(session, nurse, [one, two, one], "patients", now=clock.now(), live=True)
            await session.flush()
        await access.seen(session, nurse, [one], "patient", now=clock.now())
        await access.seen(session, nurse, [two], "patient", now=clock.now(), refused=True, part="who")
    async with database.read() as session:
        rows = await session.scalars(
            select(AuditRow).where(AuditRow.subject.startswith("patient:")).order_by(AuditRow.id)
        )
        kept = [(row.subject, row.action, row.detail) for row in rows]
    assert kept == [
        (f"patient:{one}", "read", {"page": "patients"}),
        (f"patient:{two}", "read", {"page": "patients"}),
        (f"patient:{one}", "read", {"page": "patient"}),
        (f"patient:{two}", "read_refused", {"page": "patient", "part": "who"}),
    ]
