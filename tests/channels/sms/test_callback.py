"""What Alibaba Cloud pushes: the inbound table, unreadable bodies, outages."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from channels.sms.aliyun import AliyunAccount
from channels.sms.aliyun_push import AliyunCallbacks
from channels.sms.drivers import make_router
from store.clock import Clock
from tests.channels.simulator.serving import House

SECRET = "0123456789abcdef0123456789"
ACCOUNT = AliyunAccount(
    account_id="ali",
    sign="和平医院",
    access_key_id="key",
    access_key_secret="key-secret",
    callback_secrets=(SECRET,),
)
ACCEPTED = AliyunCallbacks.accepted
UP = {
    "phone_number": "13800138000",
    "send_time": "2026-11-22 08:30:00",
    "content": "1",
    "sign_name": "和平医院",
    "dest_code": "10690188",
    "sequence_id": 1234567890,
}
REPORT = {
    "phone_number": "13800138000",
    "send_time": "2026-11-22 08:30:00",
    "report_time": "2026-11-22 08:30:05",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "932702304080415357^0",
    "out_id": "ref-1",
}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def http(house: House) -> TestClient:
    app = FastAPI()
    app.include_router(make_router([ACCOUNT], house, house, Clock()))
    return TestClient(app, raise_server_exceptions=True)


def test_answer_is_exactly_the_vendors() -> None:
    assert ACCEPTED.decode() == '{"code":0,"msg":"接收成功"}'


INBOUND: list[tuple[dict[str, Any], str, str, str]] = [
    # change, address, text, vendor_key
    ({}, "+8613800138000", "1", "up:1234567890"),
    ({"phone_number": "8613800138000"}, "+8613800138000", "1", "up:1234567890"),
    ({"phone_number": "+8613800138000"}, "+8613800138000", "1", "up:1234567890"),
    ({"phone_number": "008613800138000"}, "+8613800138000", "1", "up:1234567890"),
    ({"phone_number": "+85261234567"}, "+85261234567", "1", "up:1234567890"),
    ({"content": ""}, "+8613800138000", "", "up:1234567890"),
    ({"content": "退订\u0000' OR 1=1 --"}, "+8613800138000", "退订' OR 1=1 --", "up:1234567890"),
    ({"sequence_id": "77"}, "+8613800138000", "1", "up:77"),
]


@pytest.mark.parametrize(("change", "address", "text", "key"), INBOUND)
def test_inbound_table(
    http: TestClient, house: House, change: dict[str, Any], address: str, text: str, key: str
) -> None:
    answer = http.post(f"/sms/aliyun/{SECRET}/up", content=orjson.dumps([UP | change]))
    assert (answer.status_code, answer.content) == (200, ACCEPTED)
    message = house.messages[0]
    assert (message.address, message.text, message.vendor_key, message.kind) == (address, text, key, "text")
    assert message.sent_at == datetime(2026, 11, 22, 0, 30, tzinfo=UTC)


def test_without_a_sequence_the_key_is_still_the_same_each_time(http: TestClient, house: House) -> None:
    item = {name: value for name, value in UP.items() if name != "sequence_id"}
    for content in ("1", "1", "2"):
        http.post(f"/sms/aliyun/{SECRET}/up", content=orjson.dumps([item | {"content": content}]))
    assert [message.text for message in house.messages] == ["1", "2"]
    assert house.repeats == 1


def test_report_is_recorded(http: TestClient, house: House) -> None:
    failed = REPORT | {"success": False, "err_code": "UNDELIV", "out_id": "ref-2"}
    answer = http.post(f"/sms/aliyun/{SECRET}/report", content=orjson.dumps([REPORT, failed]))
    assert (answer.status_code, answer.content) == (200, ACCEPTED)
    assert [(receipt.client_ref, receipt.ok, receipt.code) for receipt in house.receipts] == [
        ("ref-1", True, "DELIVERED"),
        ("ref-2", False, "UNDELIV"),
    ]
    assert house.receipts[0].vendor_id == "932702304080415357^0"
    assert house.receipts[0].at == datetime(2026, 11, 22, 0, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("path", ["up", "report"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"{}",
        b"[1]",
        b"[[]]",
        b'"x"',
        b"\xff\xff",
        orjson.dumps([{}]),
        orjson.dumps([UP | {"phone_number": "no"}, REPORT | {"success": "yes"}]),
        orjson.dumps([UP | {"content": {"a": 1}}, REPORT | {"biz_id": None, "out_id": None}]),
        orjson.dumps([UP | {"content": "x" * 5001}, REPORT | {"out_id": "x" * 300}]),
        b"[" * 2000,
    ],
)
def test_unreadable_is_kept_and_acknowledged(http: TestClient, house: House, path: str, body: bytes) -> None:
    answer = http.post(f"/sms/aliyun/{SECRET}/{path}", content=body)
    assert (answer.status_code, answer.content) == (200, ACCEPTED)
    assert [kept[2] for kept in house.quarantined] == [body]


def test_good_items_beside_a_bad_one_are_kept(http: TestClient, house: House) -> None:
    http.post(f"/sms/aliyun/{SECRET}/up", content=orjson.dumps([UP, UP | {"phone_number": "?"}]))
    assert len(house.messages) == 1
    assert len(house.quarantined) == 1


@pytest.mark.parametrize("secret", ["wrong", SECRET + "x", SECRET[:-1], "é" * 26])
def test_wrong_secret_is_nowhere(http: TestClient, house: House, secret: str) -> None:
    assert http.post(f"/sms/aliyun/{secret}/up", content=orjson.dumps([UP])).status_code == 404
    assert house.messages == []


def test_too_much_is_refused(http: TestClient, house: House) -> None:
    assert http.post(f"/sms/aliyun/{SECRET}/up", content=b"[" + b" " * 300_000).status_code == 413
    assert house.quarantined == []


@pytest.mark.parametrize("trouble", ["away", "broken"])
def test_no_acknowledgement_without_storage(
    http: TestClient, house: House, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    setattr(house, trouble, True)
    with caplog.at_level(logging.DEBUG):
        answer = http.post(f"/sms/aliyun/{SECRET}/up", content=orjson.dumps([UP]))
    assert answer.status_code == 503
    assert answer.content == b""
    for hidden in (SECRET, "13800138000", "secret detail"):
        assert not [
            record
            for record in caplog.records
            if record.name.startswith("channels") and hidden in str(vars(record))
        ]


def test_short_secrets_are_refused() -> None:
    with pytest.raises(ValueError, match="24"):
        replace(ACCOUNT, callback_secrets=("short",))
    assert "key-secret" not in repr(ACCOUNT)
    assert SECRET not in repr(ACCOUNT)
