"""Answering on the page, with and without the script: saved at once, doubted kindly, overtaken by the chat, finished."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from care.alerts.models import Alert
from store.events import PatientEvent
from tests.care.questionnaires.pages.ground import LAST4, Ground, Phone

SIGNS, NONE = "signs", "3"


@pytest.fixture
async def path(ground: Ground, phone: Phone) -> AsyncIterator[str]:
    made = await ground.link()
    await phone.post(f"{made}/who", last4=LAST4)
    yield made


async def test_answered_to_the_end(ground: Ground, phone: Phone, path: str) -> None:
    status, body = await phone.send(path, "fever", "false", revision=0)
    assert (status, body["outcome"], body["at"], body["number"], body["total"]) == (
        200,
        "accepted",
        "pain",
        2,
        4,
    )
    assert (await ground.found()).answers == {"fever": False}
    revision = body["revision"]
    for link_id, values, more in (("pain", ["1"], {}), (SIGNS, [NONE], {}), ("comment", [], {"skip": True})):
        status, body = await phone.send(path, link_id, *values, revision=revision, **more)
        assert (status, body["outcome"]) == (200, "accepted"), body
        revision = body["revision"]
    assert body["finished"]
    found = await ground.found()
    assert found.answers == {"fever": False, "pain": "1", "signs": ["3"], "comment": None}
    assert (found.status, found.channel, found.score) == ("completed", "page", 1)
    status, page = await phone.get(path)
    assert (status, "填完了，谢谢您" in page, "伤口疼痛的情况护士已经看到" in page) == (200, True, True)
    assert (await phone.send(path, "pain", "2"))[1]["outcome"] == "closed"
    kinds = [one.kind for one in await ground.rows(PatientEvent) if one.kind.startswith("questionnaire")]
    assert kinds == ["questionnaire.assigned", "questionnaire.started", "questionnaire.completed"]


async def test_numbers_are_read_and_doubted(ground: Ground, phone: Phone, path: str) -> None:
    await phone.send(path, "fever", "true")
    status, body = await phone.send(path, "temperature", "三十六度六")
    assert (status, body["outcome"]) == (200, "accepted")
    assert (await ground.found()).answers["temperature"] == 36.6
    _, body = await phone.send(path, "temperature", "42.5")
    assert (body["outcome"], body["link_id"], body["sure"]) == ("asked", "temperature", "42.5")
    assert "35℃ 到 41℃" in body["said"]
    _, body = await phone.send(path, "temperature", "500", sure=True)
    assert (body["outcome"], body["sure"]) == ("asked", None), "what cannot be is not taken, however sure"
    _, body = await phone.send(path, "temperature", "42.5", sure=True)
    assert body["outcome"] == "accepted"
    assert (await ground.found()).answers["temperature"] == 42.5


async def test_a_red_flag_is_heard_at_once(ground: Ground, phone: Phone, path: str) -> None:
    await phone.send(path, "fever", "true")
    _, body = await phone.send(path, "temperature", "39")
    assert [(one["severity"], "护士" in one["text"]) for one in body["alerts"]] == [("urgent", True)]
    await phone.send(path, "pain", "2")
    _, body = await phone.send(path, SIGNS, "0", "2")
    assert [(one["severity"], "120" in one["text"]) for one in body["alerts"]] == [("emergency", True)]
    assert {(one.rule, one.response_id) for one in await ground.rows(Alert)} == {
        ("high", ground.response),
        ("open", ground.response),
    }


async def test_free_text_is_screened_here(ground: Ground, phone: Phone, path: str) -> None:
    for link_id, value in (("fever", "false"), ("pain", "0"), (SIGNS, NONE)):
        await phone.send(path, link_id, value)
    _, body = await phone.send(path, "comment", "胸口疼得厉害，喘不上气，出冷汗")
    assert (body["finished"], body["alerts"][0]["severity"]) == (True, "emergency")


async def test_what_the_chat_answered_meanwhile_is_shown(ground: Ground, phone: Phone, path: str) -> None:
    revision = (await ground.found()).revision
    await ground.says("fever", "是")
    _, body = await phone.send(path, "fever", "false", revision=revision)
    assert (body["outcome"], body["answers"], body["at"]) == (
        "overtaken",
        {"fever": [["true"], ""]},
        "temperature",
    )
    assert "刚才在别处" in body["said"]
    assert (await ground.found()).answers == {"fever": True}
    await phone.send(path, "temperature", "37", revision=body["revision"])
    said = await ground.says("pain", "有点疼")
    assert said.next.link_id == SIGNS, "and the chat goes on from here"


async def test_the_form_without_scripts(ground: Ground, phone: Phone, path: str) -> None:
    page = (await phone.get(path))[1]
    assert "今天量的体温是多少度" in page
    assert (await phone.post(f"{path}/answer", link_id="fever", value="true", revision="0"))[0] == 303
    status, page, _ = await phone.post(f"{path}/answer", link_id="temperature", value="四十二度五")
    assert (status, "没错" in page, 'value="42.5"' in page) == (422, True, True)
    form = {"link_id": "temperature", "value": "39.2", "sure": "1"}
    status, page, _ = await phone.post(f"{path}/answer", **form)
    assert (status, 'class="alarm" data-severity="urgent"' in page) == (200, True)
    status, page, _ = await phone.post(f"{path}/answer", link_id="pain", value="9")
    assert (status, "请从下面的选项里选" in page) == (422, True)
    status, page, _ = await phone.post(f"{path}/answer", link_id="pain", value="1", revision="0")
    assert (status, "刚才在别处" in page) == (409, True)
    assert (await phone.post(f"{path}/answer", link_id="pain", value="1"))[0] == 303
    status, page, _ = await phone.post(f"{path}/answer", link_id="signs", value="3", other="x" * 40_000)
    assert status == 413
    assert (await ground.found()).answers == {"fever": True, "temperature": 39.2, "pain": "1"}


async def test_none_of_these_stands_alone(phone: Phone, path: str) -> None:
    await phone.send(path, "fever", "false")
    await phone.send(path, "pain", "0")
    _, body = await phone.send(path, SIGNS, "0", NONE)
    assert (body["outcome"], "不用再选别的" in body["said"]) == ("asked", True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"link_id": 3}',
        b'{"link_id": "fever", "values": "true"}',
        b'{"link_id":"a","values":["\\u0000"]}',
    ],
)
async def test_what_our_script_never_sends_changes_nothing(
    ground: Ground, phone: Phone, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    async with phone.http.post(f"{path}/answer", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["outcome"]) == (400, "refused")
    async with phone.http.post(
        f"{path}/answer", json={}, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403
    assert (await ground.found()).answers == {}


async def test_put_off_gone_on_with_and_left(ground: Ground, phone: Phone, path: str) -> None:
    await phone.send(path, "fever", "false")
    status, page, _ = await phone.post(f"{path}/pause")
    assert (status, "答案都存好了" in page, f'href="{path}"' in page) == (200, True, True)
    assert (await ground.found()).paused_at is not None
    await phone.send(path, "pain", "0")
    assert (await ground.found()).paused_at is None
    assert (await phone.post(f"{path}/stop"))[0] == 200
    found = await ground.found()
    assert (found.status, found.reason, len(found.answers)) == ("stopped", "left", 2)
    assert (await phone.get(path))[0] == 410
    assert (await phone.send(path, SIGNS, NONE))[0] == 410


async def test_the_cookie_ends_with_the_day(ground: Ground, phone: Phone, path: str) -> None:
    ground.clock.advance(timedelta(hours=13))
    assert (await phone.send(path, "fever", "false"))[1]["outcome"] == "who"
