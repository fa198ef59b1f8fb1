"""What was assigned is sent, reminded of, and ended: on both databases, once, and after a crash."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from care.desk.models import DeskTask
from care.followup.service import open_call
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from care.questionnaires import asking, service
from care.questionnaires.asking import Chasing, ask_due
from care.questionnaires.models import QuestionnaireResponse
from channels.outbox.models import OutboundMessage
from store import leases
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS, WECHAT, conversation

CHASING = Chasing()


@pytest.fixture
async def patient(database: Database, clock: VirtualClock) -> UUID:
    """With an own WeChat and an own phone."""
    wechat, _ = await conversation(database, clock, WECHAT)
    phone, _ = await conversation(database, clock, SMS, "19900000031", "self")
    async with database.write() as session:
        await service.publish_shipped(session, clock.now())
        one = await patients.create(
            session, PatientData("D0009901", "王秀兰", "female", date(1964, 3, 12)), clock.now()
        )
        for contact in (wechat, phone):
            await patients.link_contact(session, one.id, contact.id, Relation.SELF, at=clock.now())
        return one.id


async def assigned(database: Database, clock: VirtualClock, patient: UUID, name: str) -> UUID:
    async with database.write() as session:
        row = await service.assign(
            session, name, patient_id=patient, now=clock.now(), source="plan", key=f"{name}:{clock.now()}"
        )
        assert row is not None
        return row.id


async def sent(database: Database) -> list[tuple[str, str, str]]:
    """Channel, purpose and key of what was queued, in order."""
    async with database.read() as session:
        rows = await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id))
        return [(row.channel, row.purpose, row.reply["key"]) for row in rows]


async def row_of(database: Database, response_id: UUID) -> QuestionnaireResponse:
    async with database.read() as session:
        return await session.get_one(QuestionnaireResponse, response_id)


async def test_asked_once_reminded_three_times_on_both_channels_then_ended_with_a_call(
    database: Database, clock: VirtualClock, patient: UUID
) -> None:
    response = await assigned(database, clock, patient, "postop-day7")
    assert await ask_due(database, clock.now(), CHASING) == 1
    assert await ask_due(database, clock.now(), CHASING) == 0
    for _ in range(11):
        clock.advance(timedelta(days=1))
        await ask_due(database, clock.now(), CHASING)
    assert await sent(database) == [
        ("wechat", "follow_up", "questionnaire.invite"),
        ("sms", "follow_up", "questionnaire.remind"),
        ("wechat", "follow_up", "questionnaire.remind"),
        ("sms", "follow_up", "questionnaire.remind"),
        ("wechat", "follow_up", "questionnaire.expired"),
    ]
    ended = await row_of(database, response)
    assert (ended.status, ended.reason, ended.due_at, ended.chased) == ("stopped", "expired", None, 4)
    async with database.read() as session:
        [task] = await session.scalars(select(DeskTask))
        assert (task.kind, task.patient_id) == ("call", patient)


async def test_who_is_on_the_days_list_for_it_is_not_a_task_beside(
    database: Database, clock: VirtualClock, patient: UUID
) -> None:
    response = await assigned(database, clock, patient, "postop-day7")
    await ask_due(database, clock.now(), CHASING)
    async with database.write() as session:
        await open_call(
            session,
            patient,
            key="plan",
            due_on=clock.now().date(),
            script="x",
            questionnaire="postop-day7",
            source="plan",
            now=clock.now(),
        )
    clock.advance(timedelta(days=11))
    await ask_due(database, clock.now(), CHASING)
    assert (await row_of(database, response)).reason == "expired"
    async with database.read() as session:
        assert list(await session.scalars(select(DeskTask))) == []


async def test_moods_are_never_asked_by_sms(database: Database, clock: VirtualClock, patient: UUID) -> None:
    await assigned(database, clock, patient, "phq9")
    for _ in range(11):
        await ask_due(database, clock.now(), CHASING)
        clock.advance(timedelta(days=1))
    kinds = await sent(database)
    assert {channel for channel, _, _ in kinds} == {"wechat"}
    assert [key for _, _, key in kinds][:2] == ["questionnaire.invite_here", "questionnaire.remind_here"]


async def test_two_questionnaires_come_one_after_the_other(
    database: Database, clock: VirtualClock, patient: UUID
) -> None:
    first = await assigned(database, clock, patient, "postop-day7")
    await ask_due(database, clock.now(), CHASING)
    clock.advance(timedelta(minutes=1))
    second = await assigned(database, clock, patient, "pain-nrs")
    await ask_due(database, clock.now(), CHASING)
    assert len(await sent(database)) == 1
    async with database.write() as session:
        await service.stop(session, await session.get_one(QuestionnaireResponse, first), now=clock.now())
    clock.advance(asking.AGAIN)
    await ask_due(database, clock.now(), CHASING)
    assert len(await sent(database)) == 2
    assert (await row_of(database, second)).chased == 1


async def test_who_died_after_the_claim_lost_nothing_and_says_nothing_twice(
    database: Database, clock: VirtualClock, patient: UUID
) -> None:
    response = await assigned(database, clock, patient, "postop-day7")
    async with database.write() as session:  # a worker that is killed now
        await leases.claim(session, QuestionnaireResponse, now=clock.now(), limit=1)
    assert await ask_due(database, clock.now(), CHASING) == 0, "it is another's until the lease runs out"
    async with database.write() as session:
        await session.execute(
            update(QuestionnaireResponse)
            .where(QuestionnaireResponse.id == response)
            .values(lease_until=QuestionnaireResponse.started_at)
        )
    assert await ask_due(database, clock.now(), CHASING) == 1
    assert await ask_due(database, clock.now(), CHASING) == 0
    assert len(await sent(database)) == 1


async def test_nobody_to_write_to_is_a_call_for_a_nurse(database: Database, clock: VirtualClock) -> None:
    async with database.write() as session:
        await service.publish_shipped(session, clock.now())
        alone = await patients.create(
            session, PatientData("D0009902", "李阿婆", "female", date(1940, 1, 1)), clock.now()
        )
    await assigned(database, clock, alone.id, "mmrc")
    await ask_due(database, clock.now(), CHASING)
    async with database.read() as session:
        [task] = await session.scalars(select(DeskTask))
        assert (task.kind, task.patient_id) == ("call", alone.id)
