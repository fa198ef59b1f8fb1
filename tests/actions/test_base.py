"""A turn has its effect once: an action that is asked again returns what it did."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from actions.base import UnknownConversation
from actions.desk import Complain
from actions.effects import TurnEffect
from actions.services import Services
from care.desk.models import DeskTask
from store.database import Database
from store.ids import new_id
from tests.factories.stage import Stage, stage


def heard(text: str, inbound_id: object, *, retry: bool = False) -> dict[str, Any]:
    return {
        "intent": {"name": "complain", "confidence": 0.9},
        "metadata": {"inbound_id": str(inbound_id), "text": text, "retry": retry},
    }


async def count(database: Database, model: type) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def complain(
    on: Stage, services: Services, inbound_id: object, *, retry: bool = False
) -> tuple[list[str], list[dict[str, Any]]]:
    on.events, on.replies = [{"event": "user"}], []
    done = await on.run(Complain(services), heard("等了三个小时", inbound_id, retry=retry))
    return on.keys, done


async def test_a_replay_says_the_same_and_does_nothing(services: Services, database: Database) -> None:
    on, inbound = await stage(services), new_id()
    first = await complain(on, services, inbound)
    again = await complain(on, services, inbound, retry=True)
    assert first == again
    assert first[0] == ["complain.sorry"]
    assert (await count(database, DeskTask), await count(database, TurnEffect)) == (1, 1)
    await complain(on, services, new_id())
    assert (await count(database, DeskTask), await count(database, TurnEffect)) == (2, 2)


async def test_the_same_turn_at_once_has_one_effect(services: Services, database: Database) -> None:
    inbound, one = new_id(), await stage(services)
    stages = [Stage(services, one.contact_id, one.engine_id) for _ in range(4)]
    done = await asyncio.gather(*(complain(on, services, inbound) for on in stages), return_exceptions=True)
    said = [result for result in done if not isinstance(result, BaseException)]
    assert said
    assert all(result == said[0] for result in said)
    assert await count(database, DeskTask) == 1


async def test_the_same_action_twice_in_a_turn_is_two_effects(services: Services, database: Database) -> None:
    on, inbound = await stage(services), new_id()
    on.events = [{"event": "user"}]
    await on.run(Complain(services), heard("a", inbound))
    await on.run(Complain(services), heard("a", inbound))
    async with database.read() as session:
        rows = list(await session.scalars(select(TurnEffect.n).order_by(TurnEffect.n)))
    assert rows == [0, 1]


async def test_a_conversation_that_is_not_ours_is_refused(services: Services) -> None:
    on = Stage(services, new_id(), new_id())
    with pytest.raises(UnknownConversation):
        await complain(on, services, new_id())


async def test_a_failed_action_leaves_nothing(services: Services, database: Database) -> None:
    class Broken(Complain):
        async def act(self, turn: Any) -> None:
            await super().act(turn)
            raise RuntimeError("after its facts")

    on, inbound = await stage(services), new_id()
    on.events = [{"event": "user"}]
    with pytest.raises(RuntimeError):
        await on.run(Broken(services), heard("a", inbound))
    assert (await count(database, DeskTask), await count(database, TurnEffect)) == (0, 0)
    assert (await complain(on, services, inbound, retry=True))[0] == ["complain.sorry"]
