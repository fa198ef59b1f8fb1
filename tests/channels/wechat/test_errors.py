"""Every row of WeChat's error table: what it means for the message, the account and the people."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from channels.outbox.ports import Rung
from channels.ports import MenuItem, Outcome, Rendered
from channels.simulator.faults import Fault
from channels.wechat.client import WeChatClient
from channels.wechat.errors import ALERT_CODES, SIGN_IN_AGAIN, VendorError, closed_until, verdict
from tests.channels.simulator.test_wechat_line import CONFIG, line

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
"""12:00 in China."""
RETRY, REFUSED = Outcome.RETRY, Outcome.REFUSED
TABLE: list[tuple[int, Outcome, dict[str, bool], bool]] = [
    # code, outcome, what else is true of it, whether people must look
    (-1, RETRY, {}, False),
    (40001, RETRY, {"next_rung": True}, True),
    (40014, RETRY, {"next_rung": True}, False),
    (42001, RETRY, {"next_rung": True}, False),
    (40003, REFUSED, {"next_rung": True, "stop_contact": True}, False),
    (40007, REFUSED, {"next_rung": True}, False),
    (40008, REFUSED, {"next_rung": True}, True),
    (40013, REFUSED, {"stop_channel": True}, True),
    (40125, REFUSED, {"stop_channel": True}, True),
    (40243, REFUSED, {"stop_channel": True}, True),
    (40037, REFUSED, {"next_rung": True}, True),
    (40164, RETRY, {"next_rung": True}, True),
    (61004, RETRY, {"next_rung": True}, True),
    (89503, RETRY, {"next_rung": True}, True),
    (40200, REFUSED, {"next_rung": True}, False),
    (41030, REFUSED, {"next_rung": True}, True),
    (43004, REFUSED, {"next_rung": True}, False),
    (43019, REFUSED, {"stop_contact": True}, False),
    (43101, REFUSED, {"next_rung": True}, False),
    (43117, RETRY, {"next_rung": True}, False),
    (44004, REFUSED, {"next_rung": True}, True),
    (45002, REFUSED, {"next_rung": True}, True),
    (45008, REFUSED, {"next_rung": True}, True),
    (45009, RETRY, {"next_rung": True}, True),
    (45011, RETRY, {}, False),
    (45015, REFUSED, {"next_rung": True}, False),
    (45047, REFUSED, {"next_rung": True}, False),
    (45087, REFUSED, {"next_rung": True, "stop_channel": True}, True),
    (45098, REFUSED, {"next_rung": True}, False),
    (45099, REFUSED, {"next_rung": True}, False),
    (47001, REFUSED, {"next_rung": True}, True),
    (47003, REFUSED, {"next_rung": True}, True),
    (48001, REFUSED, {"next_rung": True, "stop_channel": True}, True),
    (99999, REFUSED, {"next_rung": True}, False),
]


@pytest.mark.parametrize(("code", "outcome", "also", "alert"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_each_code_means_what_the_table_says(
    code: int, outcome: Outcome, also: dict[str, bool], alert: bool
) -> None:
    detail = "said so rid: 61a99868-03103a0c-13bc7adf"
    result = verdict(VendorError(code, detail), NOON)
    assert (result.outcome, result.code, result.detail) == (outcome, str(code), detail)
    flags = {name: getattr(result, name) for name in ("next_rung", "stop_contact", "stop_channel")}
    assert flags == {"next_rung": False, "stop_contact": False, "stop_channel": False} | also
    assert (result.retry_after > 0) == (outcome is RETRY)
    assert (code in ALERT_CODES) == alert


def test_a_daily_quota_stops_until_midnight_in_china_a_minutes_quota_for_a_minute() -> None:
    assert verdict(VendorError(45009, ""), NOON).retry_after == 12 * 3600
    assert closed_until(45009, NOON) == datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert verdict(VendorError(45011, ""), NOON).retry_after == 60
    assert closed_until(45011, NOON) == NOON + timedelta(seconds=60)
    assert closed_until(45015, NOON) is None


@pytest.mark.parametrize(("code", "wait"), [(45009, 86401), (45011, 61)])
async def test_an_endpoint_whose_quota_is_gone_is_not_asked_again_meanwhile(code: int, wait: int) -> None:
    async with line() as wired:
        client = WeChatClient(wired.client.account, wired.sim.clock)
        await wired.sim.user_text("o1", "hi")
        wired.sim.faults.add(Fault("errcode", value=code, path="custom/send", count=2))
        for _ in range(3):
            answer = await client.send_text("o1", "好")
            assert isinstance(answer, VendorError)
            assert answer.code == code
        assert wired.sim.faults.describe()[0]["count"] == 1  # one request reached the vendor
        assert isinstance(await client.user_info("o1"), dict)  # other endpoints are not concerned
        wired.sim.faults.clear()
        wired.sim.advance(wait)
        await wired.sim.user_text("o1", "hi")
        assert isinstance(await client.send_text("o1", "好"), dict)
        await client.close()


async def test_people_are_told_of_what_they_must_look_at_with_the_rid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        wired.sim.faults.add(Fault("errcode", value=45087, path="custom/send"))
        with caplog.at_level(logging.ERROR):
            result = await wired.sender.send("o1", Rendered(text="好"), "r")
    assert "rid: " in result.detail
    [record] = [one for one in caplog.records if one.name == "channels.wechat.client"]
    assert (record.__dict__["errcode"], "rid: " in record.__dict__["detail"]) == (45087, True)


async def test_errcodes_are_counted_by_endpoint() -> None:
    labels = {"account": "main", "path": "/cgi-bin/message/custom/send", "errcode": "45015"}
    before = REGISTRY.get_sample_value("banyi_wechat_errors_total", labels) or 0
    async with line() as wired:
        await wired.client.send_text("o1", "好")
    assert REGISTRY.get_sample_value("banyi_wechat_errors_total", labels) == before + 1


async def test_an_expired_medium_is_uploaded_again_once() -> None:
    picture = b"\xff\xd8\xff\xe0" + bytes(40)
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        answer, media_id = await wired.client.send_medium("o1", "image", picture, "image/jpeg")
        assert isinstance(answer, dict)
        assert media_id
        again, same = await wired.client.send_medium("o1", "image", picture, "image/jpeg", media_id)
        assert (isinstance(again, dict), same) == (True, media_id)
        answer, other = await wired.client.send_medium("o1", "image", picture, "image/jpeg", "gone")
        assert isinstance(answer, dict)
        assert other not in ("gone", media_id)
        assert [kind for _, kind in wired.sim.rules.accepted] == ["image"] * 3
        wired.sim.faults.add(Fault("errcode", value=40007, path="custom/send", count=9))
        failed, _ = await wired.client.send_medium("o1", "image", picture, "image/jpeg", "gone")
        assert isinstance(failed, VendorError)
        assert wired.sim.faults.describe()[0]["count"] == 7  # the old id, the new one, and no more


@pytest.mark.parametrize("code", [40200, 45098, 45099])
async def test_a_refused_menu_becomes_numbered_text(code: int) -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        wired.sim.faults.add(Fault("errcode", value=code, path="custom/send"))
        question = Rendered(text="选哪个？", menu=(MenuItem("q:1", "上午"), MenuItem("q:2", "下午")))
        result = await wired.sender.send("o1", question, "r")
        assert result.outcome is Outcome.ACCEPTED
        assert wired.texts() == [("custom", "选哪个？\n1 上午\n2 下午")]


TEMPLATES = {"visit": ("thing1", "time2")}
FIELDS = {"thing1": "眼科", "time2": "2026年11月24日 09:30"}


@pytest.mark.parametrize(
    ("rung", "code", "outcome"),
    [
        (Rung.SUBSCRIPTION_ONCE, "43101", REFUSED),
        (Rung.TEMPLATE, "43004", REFUSED),
        (Rung.TEMPLATE, "0", Outcome.ACCEPTED),
        (Rung.SUBSCRIPTION_LONG, "0", Outcome.ACCEPTED),
    ],
)
async def test_notices_go_by_their_rung(rung: Rung, code: str, outcome: Outcome) -> None:
    async with line(replace(CONFIG, templates=TEMPLATES)) as wired:
        if rung == Rung.SUBSCRIPTION_LONG:
            await wired.sim.user_subscribes("o1", "visit", long_term=True)
        if code == "43004":
            await wired.sim.user_unfollow("o1")
        message = Rendered(rung=str(rung), template_code="visit", variables=FIELDS)
        result = await wired.sender.send("o1", message, "r")
        assert (result.outcome, result.code) == (outcome, code)
        assert bool(result.vendor_id) == (outcome is Outcome.ACCEPTED)
        assert result.next_rung == (outcome is REFUSED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"template_code": "nobody"}, "40037"),
        ({"variables": {"thing1": "很" * 21, "time2": "明天"}}, "47003"),
        ({"variables": {}}, "no_notice"),
    ],
)
async def test_a_notice_that_is_wrong_is_refused_for_the_next_rung(change: dict[str, Any], code: str) -> None:
    async with line(replace(CONFIG, templates=TEMPLATES)) as wired:
        good = Rendered(rung=str(Rung.TEMPLATE), template_code="visit", variables=FIELDS)
        result = await wired.sender.send("o1", replace(good, **change), "r")
        assert (result.outcome, result.code, result.next_rung) == (REFUSED, code, True)


async def test_a_missing_right_to_notices_does_not_stop_conversations() -> None:
    async with line(replace(CONFIG, templates=TEMPLATES)) as wired:
        wired.sim.faults.add(Fault("errcode", value=48001, path="template/send"))
        message = Rendered(rung=str(Rung.TEMPLATE), template_code="visit", variables=FIELDS)
        result = await wired.sender.send("o1", message, "r")
        assert (result.code, result.next_rung, result.stop_channel) == ("48001", True, False)


@pytest.mark.parametrize("code", sorted(SIGN_IN_AGAIN))
async def test_a_used_up_code_is_told_apart_so_that_the_page_signs_in_again(code: int) -> None:
    from channels.wechat.web import sign_in

    async with line() as wired:
        wired.sim.faults.add(Fault("errcode", value=code, path="/sns/"))
        answer = await sign_in(wired.client, "code")
        assert isinstance(answer, VendorError)
        assert answer.code in SIGN_IN_AGAIN
