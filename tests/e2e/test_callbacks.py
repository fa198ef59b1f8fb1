"""What the vendors' callbacks answer to what is wrong, late, too much or repeated, and that nothing is lost by it."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from channels.inbox.models import InboundMessage, Quarantined
from channels.simulator.faults import Faults
from channels.simulator.wechat_push import Pusher, signature, to_xml
from channels.simulator.wechat_rules import SimWeChatConfig
from store.clock import VirtualClock
from tests.e2e.installation import SMS, WECHAT, Answer, Installation, http
from tests.e2e.phone import Person, Phone

pytestmark = pytest.mark.e2e

ACCEPTED = {"code": 0, "msg": "接收成功"}
TELLS_TOO_MUCH = re.compile(
    r"Traceback|File \"|line \d+|Error\b|Exception|sqlalchemy|asyncio|uvicorn|/usr/|\.py\b", re.I
)


def quiet(answer: Answer) -> Answer:
    """Nothing of our inside shows in it."""
    assert not TELLS_TOO_MUCH.search(answer.text), answer.text[:500]
    assert len(answer.body) < 20_000
    return answer


@dataclass
class WeChatServer:
    """Calls the callback as WeChat's servers do, and as somebody does who would like to be one."""

    home: Installation

    def __post_init__(self) -> None:
        self.clock = VirtualClock(start=self.home.now())
        settings = self.home.settings
        config = SimWeChatConfig(
            appid=settings.wechat_appid, token=settings.wechat_token, aes_key=settings.wechat_aes_key
        )
        self.url = f"{self.home.url}/wx/{settings.wechat_account}"
        self.pusher = Pusher(config, self.url, self.clock, Faults())
        self.token = settings.wechat_token

    def message(self, openid: str, text: str, number: int) -> dict[str, Any]:
        stamp = int(self.clock.now().timestamp())
        head = {"ToUserName": "gh_banyi_demo", "FromUserName": openid, "CreateTime": stamp}
        return head | {"MsgType": "text", "Content": text, "MsgId": number}

    def sealed(self, fields: dict[str, Any] | bytes) -> tuple[bytes, str]:
        """The encrypted envelope and its cipher text; bytes are sealed as they are."""
        if isinstance(fields, dict):
            return self.pusher._body(fields)
        assert self.pusher._cipher is not None
        cipher = self.pusher._cipher.encrypt(fields, self.home.settings.wechat_appid).decode()
        return to_xml({"ToUserName": "gh_banyi_demo", "Encrypt": cipher}), cipher

    def query(self, cipher: str, **changed: str) -> dict[str, str]:
        return self.pusher._query("o", cipher) | changed

    def post(self, body: bytes, query: dict[str, str], url: str = "") -> Answer:
        answer = http(
            "POST", f"{url or self.url}?{urlencode(query)}", body, headers={"Content-Type": "text/xml"}
        )
        return quiet(answer)


@pytest.fixture
def wechat(home: Installation) -> WeChatServer:
    return WeChatServer(home)


@pytest.fixture
def sms_url(home: Installation) -> str:
    return f"{home.url}/sms/aliyun/{home.settings.sms_callback_secret}"


@pytest.fixture(autouse=True)
def still_working(home: Installation) -> Iterator[None]:
    """After every one of these tests a patient is answered as ever."""
    yield
    phone = Phone.open(home, WECHAT, Person("陈晓"))
    assert phone.say("停车怎么收费").keys == ["faq.answer"], phone


def stored(home: Installation, key: str) -> int:
    with home.rows() as session:
        found = (
            select(func.count()).select_from(InboundMessage).where(InboundMessage.vendor_key.contains(key))
        )
        return session.scalar(found) or 0


def quarantined(home: Installation) -> int:
    with home.rows() as session:
        return session.scalar(select(func.count()).select_from(Quarantined)) or 0


def test_wechat_address_check(wechat: WeChatServer) -> None:
    stamp = str(int(wechat.clock.now().timestamp()))
    right = {
        "timestamp": stamp,
        "nonce": "n1",
        "echostr": "8412957",
        "signature": signature(wechat.token, stamp, "n1"),
    }
    answer = http("GET", f"{wechat.url}?{urlencode(right)}")
    assert (answer.status, answer.text) == (200, "8412957")
    for wrong in (
        {"signature": "0" * 40},
        {"timestamp": str(int(stamp) - 3600)},
        {"nonce": ""},
        {"timestamp": "soon"},
    ):
        assert quiet(http("GET", f"{wechat.url}?{urlencode(right | wrong)}")).status == 403
    assert quiet(http("GET", wechat.url)).status == 403


def test_wechat_untrusted_pushes_are_refused_and_leave_nothing(
    home: Installation, wechat: WeChatServer
) -> None:
    number = time.time_ns()
    body, cipher = wechat.sealed(wechat.message("oBanyiTest_forged", "停车怎么收费", number))
    before = quarantined(home)
    long_ago = str(int(wechat.clock.now().timestamp()) - 3600)
    stale = wechat.query(cipher, timestamp=long_ago)
    stale["msg_signature"] = signature(wechat.token, long_ago, stale["nonce"], cipher)
    other = wechat.query(cipher)
    other["msg_signature"] = signature("not the token", other["timestamp"], other["nonce"], cipher)
    refused = {
        "no signature at all": (body, {}),
        "another signature": (body, wechat.query(cipher, msg_signature="0" * 40)),
        "another token": (body, other),
        "an hour old": (body, stale),
        "body and signature do not belong together": (
            wechat.sealed(wechat.message("o", "别的", number))[0],
            wechat.query(cipher),
        ),
        "not encrypted": (to_xml(wechat.message("o", "停车", number)), wechat.query("")),
        "empty": (b"", wechat.query(cipher)),
        "not XML": (b"\x00\xff{]<", wechat.query(cipher)),
        "cipher text that does not open": (to_xml({"Encrypt": "AAAA"}), wechat.query("AAAA")),
        "a bomb outside": (BOMB, wechat.query(cipher)),
    }
    answers = {name: wechat.post(sent, query).status for name, (sent, query) in refused.items()}
    assert answers == dict.fromkeys(refused, 403)
    assert wechat.post(body, wechat.query(cipher), f"{home.url}/wx/nobody").status == 404
    assert wechat.post(b"<xml>" + b"a" * 70_000, wechat.query(cipher)).status == 413
    assert stored(home, str(number)) == 0
    assert quarantined(home) == before, "what is not trusted is not kept either"


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


@pytest.mark.parametrize(
    "inside", [b"not XML at all", b"<xml><FromUserName>", BOMB, b"<xml></xml>", "啊".encode("gbk")]
)
def test_wechat_unreadable_inside_is_kept_for_people(
    home: Installation, wechat: WeChatServer, inside: bytes
) -> None:
    before = quarantined(home)
    body, cipher = wechat.sealed(inside)
    answer = wechat.post(body, wechat.query(cipher))
    assert (answer.status, answer.body) == (200, b"success"), "refusing would only make WeChat repeat it"
    assert quarantined(home) == before + 1


def test_wechat_repeats_change_nothing(home: Installation, wechat: WeChatServer) -> None:
    phone = Phone.open(home, WECHAT, Person("陈晓"))
    phone.say("你好")  # opens WeChat's window for answers
    number = time.time_ns()
    body, cipher = wechat.sealed(wechat.message(phone.address, "停车怎么收费", number))
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: wechat.post(body, wechat.query(cipher)), range(8)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"success")}
    assert stored(home, str(number)) == 1
    assert phone.outcome(2).keys == ["faq.answer"]
    assert wechat.post(body, wechat.query(cipher)).status == 200
    time.sleep(0.5)
    assert [event["direction"] for event in phone.transcript()] == ["in", "out", "out"], "answered once"


HALF = b'[{"phone_number": "19800000001", "content": "\\ud83d", "sequence_id": 1}]'
"""Half a surrogate pair: no character."""


def test_sms_unreadable_batches_are_acknowledged_and_kept(home: Installation, sms_url: str) -> None:
    before = quarantined(home)
    bodies = [
        b"",
        b"not json",
        b"{}",
        b"[1, 2]",
        b'[{"phone_number": "abc", "content": "x"}]',
        b'[{"content": {"a": 1}}]',
        b"\xff\xfe",
        HALF,
    ]
    for body in bodies:
        answer = quiet(http("POST", f"{sms_url}/up", body))
        assert (answer.status, answer.json()) == (200, ACCEPTED), body
    assert quarantined(home) == before + len(bodies)
    for body in (b"nonsense", b'[{"success": "maybe", "biz_id": "1"}]', b"[{}]"):
        assert http("POST", f"{sms_url}/report", body).json() == ACCEPTED
    assert quarantined(home) == before + len(bodies) + 3


def test_sms_the_readable_part_of_a_batch_is_handled(home: Installation, sms_url: str) -> None:
    phone = Phone.open(home, SMS, Person("陈晓"))
    good = {
        "phone_number": phone.address.removeprefix("+86"),
        "content": "停车怎么收费",
        "sequence_id": time.time_ns(),
    }
    answer = http("POST", f"{sms_url}/up", [{"phone_number": "?"}, good])
    assert answer.json() == ACCEPTED
    assert phone.outcome(1).keys == ["faq.answer"]
    assert http("POST", f"{sms_url}/up", [good, good]).json() == ACCEPTED
    time.sleep(0.5)
    assert stored(home, str(good["sequence_id"])) == 1
    assert [event["direction"] for event in phone.transcript()] == ["out"], "answered once"


def test_sms_strangers_and_floods_are_turned_away(home: Installation, sms_url: str) -> None:
    guess = f"{home.url}/sms/aliyun/{'x' * 32}"
    assert quiet(http("POST", f"{guess}/up", [])).status == 404
    assert quiet(http("POST", f"{guess}/report", [])).status == 404
    assert quiet(http("GET", f"{sms_url}/up")).status == 405
    assert quiet(http("POST", f"{sms_url}/up", b"[" + b" " * 300_000 + b"]")).status == 413
    report = {"phone_number": "19800000000", "biz_id": "0^0", "success": True, "out_id": "nobody's"}
    assert http("POST", f"{sms_url}/report", [report]).json() == ACCEPTED


def test_a_body_longer_than_it_says_is_cut_off(home: Installation) -> None:
    """Chunked, without a length: no more than the limit is ever read."""
    with socket.create_connection(("127.0.0.1", home.settings.port), timeout=10) as raw:
        path = f"/wx/{home.settings.wechat_account}"
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(64):
                raw.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")
            raw.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        said = raw.recv(4096)
    assert b" 413 " in said.split(b"\r\n", 1)[0]


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/wx/",
        "/phones?patient='",
        "/phones/..%2f..%2fetc",
        "/sim/wechat/nothing",
        "/static/../server/settings.py",
    ],
)
def test_pages_that_are_not_there_tell_nothing(home: Installation, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = http(method, home.url + path, b"{" if method == "POST" else None)
        assert answer.status < 500, f"{method} {path}: {answer.status}"
        assert not re.search(r"Traceback|File \"", answer.text)


def test_the_inside_is_closed(home: Installation) -> None:
    """The action webhook needs its token; the engine and it listen on this machine alone."""
    inside = f"http://127.0.0.1:{home.settings.internal_port}/webhook"
    call = {"next_action": "action_my_data", "tracker": {}, "sender_id": "x"}
    assert http("POST", inside, call).status == 403
    assert http("POST", inside + "?token=guess", call).status == 403
    answer = http(
        "POST", f"{inside}?token={home.secrets.action_token}", call | {"next_action": "no_such_action"}
    )
    assert answer.status == 404 and json.loads(answer.text)["action_name"] == "no_such_action"


@pytest.mark.parametrize("kind", ["bad_signature", "stale_push"])
def test_a_push_gone_wrong_once_arrives_by_its_repetition(home: Installation, kind: str) -> None:
    phone = Phone.open(home, WECHAT, Person("陈晓"))
    http("POST", f"{phone.base}/_sim/faults", {"kind": kind})
    assert phone.say("停车怎么收费").keys == ["faq.answer"], phone
    assert [event["direction"] for event in phone.transcript()] == ["in", "out"]
