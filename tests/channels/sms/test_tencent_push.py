"""What Tencent Cloud pushes: the status array, the single reply, and what is neither."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from channels.sms.drivers import make_router
from store.clock import Clock
from tests.channels.simulator.serving import House
from tests.channels.simulator.sms_lines import SECRET, TENCENT

REPLY = {
    "extend": "01",
    "mobile": "13800138000",
    "nationcode": "86",
    "sign": "和平医院",
    "text": "1",
    "time": 1795305600,
}
STATUS = {
    "user_receive_time": "2026-11-22 08:30:05",
    "nationcode": "86",
    "mobile": "13800138000",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "5000:1",
}
OK = b'{"result":0,"errmsg":"OK"}'


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def http(house: House) -> TestClient:
    app = FastAPI()
    app.include_router(make_router([TENCENT], house, house, Clock()))
    return TestClient(app, raise_server_exceptions=True)


def post(http: TestClient, path: str, content: Any) -> None:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    answer = http.post(f"/sms/tencent/{SECRET}/{path}", content=body)
    assert (answer.status_code, answer.content) == (200, OK)


@pytest.mark.parametrize(
    ("change", "address"),
    [
        ({}, "+8613800138000"),
        ({"mobile": "+8613800138000"}, "+8613800138000"),
        ({"nationcode": "+86"}, "+8613800138000"),
        ({"nationcode": "852", "mobile": "61234567"}, "+85261234567"),
        ({"nationcode": ""}, "+8613800138000"),
    ],
)
def test_reply(http: TestClient, house: House, change: dict[str, str], address: str) -> None:
    post(http, "up", REPLY | change)
    message = house.messages[0]
    assert (message.address, message.text, message.kind) == (address, "1", "text")
    assert message.sent_at == datetime.fromtimestamp(1795305600, UTC)
    assert message.raw["extend"] == "01"


def test_a_reply_is_known_by_number_second_and_text(http: TestClient, house: House) -> None:
    for change in ({}, {}, {"text": "2"}, {"time": 1795305601}, {"mobile": "13900139000"}):
        post(http, "up", REPLY | change)
    assert len({message.vendor_key for message in house.messages}) == len(house.messages) == 4
    assert house.repeats == 1


def test_reports(http: TestClient, house: House) -> None:
    failed = STATUS | {"report_status": "FAIL", "errmsg": "MK:0001", "sid": "5000:2", "ext": "ref-2"}
    post(http, "report", [STATUS, failed])
    assert [(one.vendor_id, one.client_ref, one.ok, one.code) for one in house.receipts] == [
        ("5000:1", "", True, "DELIVRD"),
        ("5000:2", "ref-2", False, "MK:0001"),
    ]
    assert house.receipts[0].at == datetime(2026, 11, 22, 0, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("path", ["up", "report"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b"\xff",
        b"{}",
        orjson.dumps([REPLY | {"mobile": "no"}, STATUS | {"report_status": "?"}]),
        orjson.dumps([REPLY | {"text": {}}, STATUS | {"sid": None}]),
    ],
)
def test_unreadable_is_kept_and_acknowledged(http: TestClient, house: House, path: str, body: bytes) -> None:
    post(http, path, body)
    assert [kept[2] for kept in house.quarantined] == [body]


def test_a_strange_time_is_no_reason_to_lose_the_words(http: TestClient, house: House) -> None:
    for stamp in ("", "soon", 10**18, -1):
        post(http, "up", REPLY | {"time": stamp})
    assert len(house.messages) == 4
    assert all(message.sent_at is not None for message in house.messages)
