"""Greetings and warnings: their day, who agreed and is concerned, once each, whoever dies in between; a source by HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from care.consents import service as consents
from care.consents.models import Purpose
from care.greetings import rules, service
from care.greetings.weather import HttpWeather, Warned, WeatherError
from care.greetings.worker import GreetingWorker
from care.patients import service as patients
from care.patients.models import Condition, Relation
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.factories.messages import conversation, keys, said

SPRING = datetime(2027, 2, 6, 1, 0, tzinfo=UTC)  # 春节 2027, 09:00 in China
MAP = {
    "list": "data.alerts",
    "id": "alertId",
    "region": "city",
    "level": "level",
    "kind": "type",
    "kinds": {"寒潮": "cold", "霾": "haze"},
}
ALERT = {"alertId": "w1", "city": "云江市", "level": "蓝色预警", "type": "寒潮"}


async def agreed(
    database: Database, clock: VirtualClock, who: UUID, address: str, *purposes: Purpose
) -> None:
    contact, _ = await conversation(database, clock, address=address)
    async with database.write() as session:
        await patients.link_contact(session, who, contact.id, Relation.SELF, at=clock.now())
        for purpose in purposes:
            await consents.decide(
                session,
                subject="patient",
                subject_id=who,
                purpose=purpose,
                granted=True,
                text_version="1",
                channel="wechat",
                now=clock.now(),
            )


def test_the_days_are_the_calendars() -> None:
    every = rules.names()
    assert [one.key for one in rules.of_day(date(2027, 2, 6), every - {"birthday"})] == ["greeting.spring"]
    assert [one.key for one in rules.of_day(date(2026, 9, 25), every - {"birthday"})] == [
        "greeting.mid_autumn"
    ]
    assert rules.of_day(date(2027, 2, 6), ()) == []
    assert rules.warning("w", "typhoon", "云江市", "橙色") is None


async def test_a_festival_is_wished_once_to_who_agreed(
    database: Database, clock: VirtualClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.freeze(SPRING)
    monkeypatch.setattr(service, "BATCH", 1)
    await agreed(database, clock, world.wang, "a", Purpose.MARKETING)
    await agreed(database, clock, world.lijing, "b", Purpose.MARKETING)
    await agreed(database, clock, world.zhang, "c", Purpose.EDUCATION)
    worker = GreetingWorker(database, clock, {"spring"}, None)

    queue, calls = service._queue, []

    async def dies(*given: object) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise RuntimeError("killed")
        await queue(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(service, "_queue", dies)
        with pytest.raises(RuntimeError):
            await worker.once()
    assert len(await said(database)) == 1
    assert await worker.once() == 1
    assert await worker.once() == 0
    sent = await said(database)
    assert keys(sent) == ["greeting.spring"] * 2
    assert {one.purpose for one in sent} == {"marketing"}


async def test_birthdays_are_the_days_own(database: Database, clock: VirtualClock, world: World) -> None:
    clock.freeze(datetime(2027, 3, 12, 1, 0, tzinfo=UTC))  # 王秀兰: 12 March 1964
    await agreed(database, clock, world.wang, "a", Purpose.MARKETING)
    await agreed(database, clock, world.lijing, "b", Purpose.MARKETING)
    assert await GreetingWorker(database, clock, {"birthday"}, None).once() == 1
    [message] = await said(database)
    assert (message.patient_id, message.reply["params"]) == (world.wang, {"name": "王秀兰"})


async def test_a_warning_reaches_whom_it_concerns(
    database: Database, clock: VirtualClock, world: World
) -> None:
    clock.freeze(SPRING)
    await agreed(database, clock, world.wang, "a", Purpose.EDUCATION)
    await agreed(database, clock, world.lijing, "b", Purpose.EDUCATION)
    async with database.write() as session:
        for who, code in ((world.wang, "J44.900"), (world.lijing, "K29.700")):
            session.add(Condition(patient_id=who, code=code, display="诊断", recorded_date=date(2025, 1, 1)))
    answers: list[web.Response] = []

    async def answer(_: web.Request) -> web.Response:
        return answers.pop(0)

    app = web.Application()
    app.router.add_get("/warnings", answer)
    async with TestServer(app) as server:
        source = HttpWeather(str(server.make_url("/warnings")), MAP)
        answers += [web.json_response({"data": {"alerts": [ALERT, {"type": "霾"}]}}) for _ in range(3)]
        assert await source.warnings() == [Warned("w1", "cold", "云江市", "蓝色预警")]
        worker = GreetingWorker(database, clock, (), source)
        assert [await worker.once(), await worker.once()] == [1, 0]
        answers += [web.Response(status=503), web.json_response({"data": None}), web.Response(text="<html>")]
        for _ in range(3):
            with pytest.raises(WeatherError):
                await source.warnings()
    assert await worker.once() == 0  # the source is gone: said in the log, nothing else fails
    [message] = await said(database)
    assert (message.reply["key"], message.purpose, message.patient_id) == (
        "warning.cold",
        "education",
        world.wang,
    )
