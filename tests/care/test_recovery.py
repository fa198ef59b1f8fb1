"""A dissatisfied patient is called within the hour, by somebody who knows where it was; a second look when nobody did."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from care.desk.due import soon
from care.desk.models import DeskTask
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from care.questionnaires.publishing import publish_shipped
from care.recovery import service
from care.recovery.models import Outcome, RecoveryCase
from care.recovery.worker import RecoveryWorker
from store import events
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World


async def answered(
    database: Database, clock: VirtualClock, patient: UUID, score: int, comment: str = ""
) -> UUID:
    now = clock.now()
    async with database.write() as session:
        await publish_shipped(session, now)
        form = (
            await session.scalars(select(Questionnaire).where(Questionnaire.name == "satisfaction"))
        ).first()
        assert form is not None
        row = QuestionnaireResponse(
            questionnaire_id=form.id,
            name="satisfaction",
            source="visit",
            patient_id=patient,
            status="completed",
            revision=3,
            answers={"overall": str(score), "comment": comment or None},
            score=score,
            chased=0,
            attempts=0,
            started_at=now,
            updated_at=now,
            completed_at=now,
        )
        session.add(row)
        events.emit(
            session,
            patient,
            "questionnaire.completed",
            now,
            response_id=str(row.id),
            questionnaire="satisfaction",
        )
        return row.id


def worker(database: Database, clock: VirtualClock) -> RecoveryWorker:
    return RecoveryWorker(
        database, clock, complains=lambda text: "太差" in text, due_at=soon, hospital="云江市示范医院"
    )


async def cases(database: Database) -> list[RecoveryCase]:
    async with database.read() as session:
        return list(await session.scalars(select(RecoveryCase).order_by(RecoveryCase.id)))


async def tasks(database: Database) -> list[DeskTask]:
    async with database.read() as session:
        return list(await session.scalars(select(DeskTask).order_by(DeskTask.id)))


async def test_a_low_mark_and_an_angry_word_are_called_about_once(
    database: Database, clock: VirtualClock, world: World
) -> None:
    await answered(database, clock, world.wang, 1)
    await answered(database, clock, world.lijing, 5, "服务太差")
    await answered(database, clock, world.zhang, 4, "挺好")
    at_work = worker(database, clock)
    assert await at_work.once() == 3
    while await at_work.once():  # what it tells of itself comes by as well
        pass
    found = await cases(database)
    assert sorted(one.why for one in found) == ["comment", "score"]
    assert all(one.due_at - one.opened_at == timedelta(hours=1) for one in found)
    notes = [task.note or "" for task in await tasks(database)]
    assert len(notes) == 2
    assert any("评分1" in note and "建议这样说" in note for note in notes)
    assert any("服务太差" in note for note in notes)


async def test_nobody_did_it_within_the_hour_so_somebody_looks_again(
    database: Database, clock: VirtualClock, world: World
) -> None:
    await answered(database, clock, world.wang, 2)
    at_work = worker(database, clock)
    await at_work.once()
    clock.advance(timedelta(minutes=59))
    await at_work.once()
    assert len(await tasks(database)) == 1
    clock.advance(timedelta(minutes=2))
    await at_work.once()
    await at_work.once()
    assert len(await tasks(database)) == 2


async def test_taken_by_one_closed_with_an_outcome_and_its_tasks_done(
    database: Database, clock: VirtualClock, world: World
) -> None:
    await answered(database, clock, world.wang, 1)
    await worker(database, clock).once()
    (case,) = await cases(database)
    one, other = new_id(), new_id()
    async with database.write() as session:
        assert await service.take(session, case.id, staff_id=one, now=clock.now())
        assert not await service.take(session, case.id, staff_id=other, now=clock.now())
    async with database.write() as session:
        assert await service.close(
            session, case.id, Outcome.RESOLVED, "已道歉并说明", staff_id=one, now=clock.now()
        )
    async with database.write() as session:
        assert not await service.close(
            session, case.id, Outcome.DECLINED, "", staff_id=other, now=clock.now()
        )
    (after,) = await cases(database)
    assert (after.outcome, after.owner_id, after.note) == ("resolved", one, "已道歉并说明")
    assert [task.status for task in await tasks(database)] == ["done"]


async def test_what_is_old_is_nothing_to_call_about(
    database: Database, clock: VirtualClock, world: World
) -> None:
    await answered(database, clock, world.wang, 1)
    clock.advance(timedelta(days=2))
    await worker(database, clock).once()
    assert await cases(database) == []
