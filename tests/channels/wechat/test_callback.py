"""The push route: what is trusted, what is kept, what is answered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import xmltodict  # type: ignore[import-untyped]
from fastapi import FastAPI
from fastapi.testclient import TestClient

from channels.ports import ChannelName, Rendered
from channels.wechat import callback, codec
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from store.clock import VirtualClock
from tests.channels.simulator.serving import House

NOW = 1714112445
KEY, OLD_KEY = "A" * 43, "B" * 43
SAFE = WeChatAccount("main", "wxapp", "app-secret", ("tok-new", "tok-old"), (KEY, OLD_KEY))
PLAIN = replace(SAFE, account_id="plain", mode="plain")
COMPAT = replace(SAFE, account_id="compat", mode="compat")
TEXT = (
    f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o-patient]]></FromUserName><CreateTime>{NOW}</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[胸口疼]]></Content><MsgId>{id}</MsgId></xml>"
)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def http(house: House) -> Iterator[TestClient]:
    clock = VirtualClock()
    clock.freeze(datetime.fromtimestamp(NOW, UTC))
    app = FastAPI()
    accounts = {account.account_id: account for account in (SAFE, PLAIN, COMPAT)}
    app.include_router(callback_router(accounts, house, clock))
    yield TestClient(app, raise_server_exceptions=True)


def text(number: int = 1) -> bytes:
    return TEXT.replace("{id}", str(number)).encode()


def plain_query(token: str = "tok-new", stamp: int = NOW, nonce: str = "n1", **change: str) -> dict[str, str]:
    query = {"signature": codec.sign(token, str(stamp), nonce), "timestamp": str(stamp), "nonce": nonce}
    return query | change


def sealed(
    body: bytes,
    key: str = KEY,
    appid: str = "wxapp",
    token: str = "tok-new",
    stamp: int = NOW,
    nonce: str = "n1",
) -> tuple[dict[str, str], bytes]:
    cipher = codec.encrypt(body, codec.decode_aes_key(key), appid)
    query = plain_query(token, stamp, nonce) | {
        "openid": "o-patient",
        "encrypt_type": "aes",
        "msg_signature": codec.sign(token, str(stamp), nonce, cipher),
    }
    return query, f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>".encode()


def test_verification(http: TestClient) -> None:
    answer = http.get("/wx/main", params=plain_query(echostr="<b>4711"))
    assert (answer.status_code, answer.text) == (200, "<b>4711")
    assert answer.headers["content-type"].startswith("text/plain")
    assert http.get("/wx/main", params=plain_query("wrong", echostr="1")).status_code == 403
    assert http.get("/wx/main").status_code == 403
    assert http.get("/wx/nobody", params=plain_query(echostr="1")).status_code == 404


@pytest.mark.parametrize("token", ["tok-new", "tok-old"])
@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_every_accepted_key_works_during_rotation(
    http: TestClient, house: House, token: str, key: str
) -> None:
    house.reply = lambda message: Rendered(text="请打120 ]]>")
    query, body = sealed(text(), key=key, token=token)
    answer = http.post("/wx/main", params=query, content=body)
    outer = xmltodict.parse(answer.content)["xml"]
    assert outer["MsgSignature"] == codec.sign(token, outer["TimeStamp"], "n1", outer["Encrypt"])
    reply = xmltodict.parse(codec.decrypt(outer["Encrypt"], codec.decode_aes_key(key), "wxapp"))["xml"]
    assert (reply["ToUserName"], reply["FromUserName"]) == ("o-patient", "gh_1")
    assert (reply["Content"], reply["CreateTime"]) == ("请打120 ]]>", str(NOW))
    assert house.messages[0].text == "胸口疼"


def test_success_is_never_encrypted(http: TestClient) -> None:
    query, body = sealed(text())
    answer = http.post("/wx/main", params=query, content=body)
    assert (answer.status_code, answer.content) == (200, b"success")


def test_a_repeat_is_acknowledged_and_gets_the_same_answer(http: TestClient, house: House) -> None:
    house.reply = lambda message: Rendered(text="收到")
    bodies = []
    for nonce in ("n1", "n2", "n2"):
        answer = http.post("/wx/plain", params=plain_query(nonce=nonce), content=text())
        bodies.append(answer.content)
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(house.messages) == 1
    assert house.repeats == 2


def _wrong_cipher() -> tuple[dict[str, str], bytes]:
    query, body = sealed(text())
    return query, body.replace(b"CDATA[", b"CDATA[AAAA")


def _refusals() -> list[Any]:
    bad_signature, safe_body = sealed(text())
    return [
        pytest.param("main", *sealed(text(), token="wrong"), id="wrong token"),
        pytest.param("main", *sealed(text(), key="C" * 43), id="wrong key"),
        pytest.param("main", *sealed(text(), appid="wxother"), id="another appid"),
        pytest.param("main", *sealed(text(), stamp=NOW - 301), id="stale"),
        pytest.param("main", *sealed(text(), stamp=NOW + 301), id="from the future"),
        pytest.param("main", *_wrong_cipher(), id="changed cipher"),
        pytest.param("main", bad_signature | {"msg_signature": ""}, safe_body, id="no msg_signature"),
        pytest.param("main", bad_signature | {"msg_signature": "é"}, safe_body, id="odd msg_signature"),
        pytest.param(
            "main", bad_signature | {"msg_signature": bad_signature["signature"]}, safe_body, id="plain one"
        ),
        pytest.param("main", bad_signature, b"<xml>", id="unreadable envelope"),
        pytest.param("main", bad_signature, text(), id="nothing encrypted"),
        pytest.param("main", plain_query(), text(), id="plain to safe"),
        pytest.param("compat", plain_query(), text(), id="plain to compat"),
        pytest.param("plain", *sealed(text()), id="encrypted to plain"),
        pytest.param("plain", plain_query("wrong"), text(), id="plain wrong token"),
        pytest.param("plain", plain_query(stamp=NOW - 400), text(), id="plain stale"),
        pytest.param("plain", plain_query(timestamp=""), text(), id="no timestamp"),
        pytest.param("plain", plain_query(timestamp="²"), text(), id="odd timestamp"),
        pytest.param("plain", plain_query(timestamp="1e9"), text(), id="no number"),
        pytest.param("plain", plain_query(nonce=""), text(), id="no nonce"),
        pytest.param("plain", {}, text(), id="nothing"),
    ]


@pytest.mark.parametrize(("account", "query", "body"), _refusals())
def test_untrusted_pushes_are_refused_and_leave_nothing(
    http: TestClient,
    house: House,
    account: str,
    query: dict[str, str],
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = http.post(f"/wx/{account}", params=query, content=body)
    assert (answer.status_code, answer.content) == (403, b"")
    assert house.messages == []
    assert house.quarantined == []
    assert_no_secret(caplog)


def test_compat_reads_the_encrypted_part_only(http: TestClient, house: House) -> None:
    query, body = sealed(text())
    forged = text(2).replace("胸口疼".encode(), "伪造".encode()).removesuffix(b"</xml>")
    both = forged + body.removeprefix(b"<xml><ToUserName>gh_1</ToUserName>")
    assert http.post("/wx/compat", params=query, content=both).content == b"success"
    assert [(message.text, message.vendor_key) for message in house.messages] == [("胸口疼", "msg:1")]


def test_a_captured_signature_carries_no_other_body(http: TestClient, house: House) -> None:
    """Plain mode signs no body: the nonce is bound to the first one seen."""
    assert http.post("/wx/plain", params=plain_query(), content=text(1)).status_code == 200
    assert http.post("/wx/plain", params=plain_query(), content=text(1)).status_code == 200
    assert http.post("/wx/plain", params=plain_query(), content=text(2)).status_code == 403
    assert len(house.messages) == 1


@pytest.mark.parametrize(
    "inner", [b"", b"hello", b"<xml><MsgType>text</MsgType></xml>", b"\xff", b"<xml>" * 50]
)
def test_unreadable_after_a_good_signature_is_kept(http: TestClient, house: House, inner: bytes) -> None:
    query, body = sealed(inner)
    answer = http.post("/wx/main", params=query, content=body)
    assert (answer.status_code, answer.content) == (200, b"success")
    assert house.quarantined[0][:3] == (ChannelName.WECHAT, "main", inner)


def test_too_much_is_refused(http: TestClient, house: House) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    assert http.post("/wx/plain", params=plain_query(), content=b"x" * 65_537).status_code == 413
    assert http.post("/wx/plain", params=plain_query(), content=drip()).status_code == 413
    assert house.quarantined == []


@pytest.mark.parametrize("trouble", ["away", "broken", "slow"])
def test_no_acknowledgement_without_storage(
    http: TestClient,
    house: House,
    trouble: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callback, "HARD_STOP", 0.05)
    if trouble == "slow":
        house.delay = 1
    else:
        setattr(house, trouble, True)
    with caplog.at_level(logging.DEBUG):
        for inner in (text(), b"unreadable") if trouble != "slow" else (text(),):
            query, body = sealed(inner)
            answer = http.post("/wx/main", params=query, content=body)
            assert (answer.status_code, answer.content) == (503, b"")
    assert_no_secret(caplog)


def test_unknown_account(http: TestClient) -> None:
    assert http.post("/wx/nobody", params=plain_query(), content=text()).status_code == 404


def test_a_long_passive_reply_is_cut_to_what_wechat_takes(http: TestClient, house: House) -> None:
    house.reply = lambda message: Rendered(text="一句话。" * 400)
    answer = http.post("/wx/plain", params=plain_query(), content=text())
    content = xmltodict.parse(answer.content)["xml"]["Content"]
    assert len(content.encode()) <= 2048
    assert content.endswith("。")


def assert_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of ours that was logged names a key, a token, a patient or a word of a message."""
    secrets = (KEY, OLD_KEY, "tok-new", "tok-old", "app-secret", "o-patient", "胸口疼", "secret detail")
    for record in caplog.records:
        if record.name.startswith("channels"):
            assert not [secret for secret in secrets if secret in str(vars(record)) + record.getMessage()]


def test_accounts_are_checked_and_show_no_secret() -> None:
    for secret in ("app-secret", "tok-new", KEY):
        assert secret not in repr(SAFE)
    for change in ({"tokens": ()}, {"tokens": ("",)}, {"aes_keys": ()}, {"aes_keys": ("short",)}):
        with pytest.raises(ValueError, match=r"main|43"):
            replace(SAFE, **change)
