"""Twilio's webhooks: our signature check against the vendor's own validator, forms and JSON, states on the way."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from urllib.parse import urlencode

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from channels.sms.drivers import make_router
from channels.sms.twilio_push import is_signed, sign
from store.clock import Clock
from tests.channels.simulator.serving import House
from tests.channels.simulator.sms_lines import SECRET, TWILIO

ACCOUNT = replace(TWILIO, callback_base="https://wx.hospital.example")
VENDOR = RequestValidator(ACCOUNT.auth_token)
UP = f"/sms/twilio/{SECRET}/up"
REPORT = f"/sms/twilio/{SECRET}/report"
WORDS = {"MessageSid": "SM1", "From": "+12025550123", "To": "+15005550006", "Body": "1 & 2 是"}
STATE = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": "+15005550006", "To": "+12025550123"}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def http(house: House) -> TestClient:
    app = FastAPI()
    app.include_router(make_router([ACCOUNT], house, house, Clock()))
    return TestClient(app, base_url="http://inside:8000", raise_server_exceptions=True)


def post(http: TestClient, target: str, fields: dict[str, str], signature: str | None = None) -> int:
    if signature is None:
        signature = VENDOR.compute_signature(ACCOUNT.callback_base + target, fields)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    return http.post(target, content=urlencode(fields), headers=headers).status_code


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)


@given(st.dictionaries(names, names, max_size=5))
def test_signatures_are_the_vendors(fields: dict[str, str]) -> None:
    for url in ("https://a.example/x?y=1", "https://a.example:443/x", "http://a.example:8080/x"):
        assert sign(ACCOUNT.auth_token, url, fields.items()) == VENDOR.compute_signature(url, fields)


@pytest.mark.parametrize("called", ["https://a.example/x", "https://a.example:443/x"])
@pytest.mark.parametrize("signed", ["https://a.example/x", "https://a.example:443/x"])
def test_a_default_port_may_be_there_or_not(called: str, signed: str) -> None:
    given = VENDOR.compute_signature(signed, WORDS)
    assert VENDOR.validate(called, WORDS, given)
    assert is_signed(ACCOUNT.auth_token, called, urlencode(WORDS).encode(), False, given)


def test_words_arrive(http: TestClient, house: House) -> None:
    assert [post(http, UP, WORDS), post(http, UP, WORDS)] == [200, 200]
    message = house.messages[0]
    assert (message.address, message.text, message.vendor_key) == ("+12025550123", "1 & 2 是", "up:SM1")
    assert house.repeats == 1


def test_answer_is_twiml_that_says_nothing(http: TestClient) -> None:
    headers = {"X-Twilio-Signature": VENDOR.compute_signature(ACCOUNT.callback_base + UP, WORDS)}
    answer = http.post(UP, data=WORDS, headers=headers)
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


def test_states_on_the_way_are_not_receipts(http: TestClient, house: House) -> None:
    target = f"{REPORT}?ref=out-7"
    for state in ("queued", "sent", "delivered"):
        assert post(http, target, STATE | {"MessageStatus": state}) == 200
    failed = STATE | {"MessageStatus": "undelivered", "ErrorCode": "30003", "MessageSid": "SM2"}
    assert post(http, target, failed) == 200
    assert [(one.vendor_id, one.client_ref, one.ok, one.code) for one in house.receipts] == [
        ("SM1", "out-7", True, "delivered"),
        ("SM2", "out-7", False, "30003"),
    ]


def test_forged_calls_are_refused(http: TestClient, house: House) -> None:
    good = VENDOR.compute_signature(ACCOUNT.callback_base + UP, WORDS)
    assert post(http, UP, WORDS | {"Body": "2"}, good) == 403
    assert post(http, UP + "?x=1", WORDS, good) == 403
    assert post(http, UP, WORDS, "") == 403
    assert (
        post(http, UP, WORDS, RequestValidator("other").compute_signature(ACCOUNT.callback_base + UP, WORDS))
        == 403
    )
    assert house.messages == []
    assert house.quarantined == []


@pytest.mark.parametrize(("change", "status"), [(b"", 200), (b" ", 403)])
def test_json_is_signed_by_its_digest(http: TestClient, house: House, change: bytes, status: int) -> None:
    body = orjson.dumps(WORDS)
    target = f"{UP}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    url = ACCOUNT.callback_base + target
    signature = VENDOR.compute_signature(url, {})
    assert VENDOR.validate(url, (body + change).decode(), signature) is (status == 200)
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
    assert http.post(target, content=body + change, headers=headers).status_code == status
    assert len(house.messages) == (status == 200)


def test_json_without_a_digest_is_not_signed(http: TestClient) -> None:
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Signature": VENDOR.compute_signature(ACCOUNT.callback_base + UP, {}),
    }
    assert http.post(UP, content=orjson.dumps(WORDS), headers=headers).status_code == 403


@pytest.mark.parametrize("change", [{"From": "?"}, {"MessageSid": ""}, {"Body": "x" * 5001}])
def test_unreadable_is_kept(http: TestClient, house: House, change: dict[str, str]) -> None:
    assert post(http, UP, WORDS | change) == 200
    assert len(house.quarantined) == 1
