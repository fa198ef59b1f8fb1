"""What we hold, and asking for it: kinds and numbers in chat, the rest by a person; nothing is deleted by a word."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actions.services import Services
from care.desk.models import DeskTask
from care.patients import service as patients
from care.patients.models import Relation
from store.database import Database
from tests.actions.conftest import World
from tests.factories.stage import Stage, stage


@pytest.fixture
async def on(services: Services) -> Stage:
    return await stage(services)


async def notes(database: Database) -> list[tuple[str, str]]:
    async with database.read() as session:
        rows = await session.scalars(select(DeskTask).order_by(DeskTask.id))
        return [(str(task.kind), task.note) for task in rows]


async def test_a_stranger_hears_that_there_is_little(on: Stage) -> None:
    assert await on.say("你们有我什么信息", "my_data") == ["data.nothing"]
    assert len(on.labels) == 4
    assert len({option.id for option in on.offered}) == 4


async def test_the_bound_hear_kinds_and_numbers_only(
    on: Stage, services: Services, database: Database, world: World
) -> None:
    async with database.write() as session:
        await patients.link_contact(
            session, world.people["王秀兰"], on.contact_id, Relation.SELF, at=services.clock.now()
        )
    assert await on.say("你们有我什么信息", "my_data") == ["data.summary"]
    assert on.last.params == {"people": 1, "bookings": 0, "answers": 0, "consents": 0, "chats": 0}


@pytest.mark.parametrize(("number", "what"), [("1", "export"), ("2", "correct"), ("3", "withdraw")])
async def test_a_request_goes_to_people_with_a_time(
    on: Stage, database: Database, number: str, what: str
) -> None:
    await on.say("你们有我什么信息", "my_data")
    assert await on.say(number) == ["data.requested"]
    assert on.last.params["until"]
    assert await notes(database) == [("privacy", what)]


async def test_deleting_is_asked_twice_and_done_by_people(on: Stage, database: Database) -> None:
    assert await on.say("删除我的信息", "delete_my_data") == ["data.ask_delete"]
    assert await on.say("是的", "affirm") == ["form.not_understood", "data.ask_delete"]
    assert await notes(database) == []
    assert await on.say("2") == ["data.delete_requested"]
    assert on.form is None
    assert await notes(database) == [("privacy", "delete")]


@pytest.mark.parametrize(
    ("text", "intent"), [("1", "ask_faq"), ("不要", "deny"), ("退出", "stop"), ("上一步", "go_back")]
)
async def test_everything_else_keeps_the_data(on: Stage, database: Database, text: str, intent: str) -> None:
    await on.say("删除我的信息", "delete_my_data")
    assert await on.say(text, intent) == ["data.kept"]
    assert on.form is None
    assert await notes(database) == []
