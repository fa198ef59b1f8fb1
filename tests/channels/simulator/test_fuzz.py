"""Whatever is thrown at the public routes: an answer the vendors know, never a 500, nothing kept unchecked."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.sms.aliyun import AliyunAccount
from channels.sms.drivers import make_router
from channels.sms.tencent import TencentAccount
from channels.sms.twilio import TwilioAccount
from channels.sms.twilio_push import sign
from channels.wechat import codec
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from store.clock import Clock
from tests.channels.simulator.serving import House

SECRET = "s" * 24
SAFE = WeChatAccount("safe", "wxapp", "secret", ("token",), ("A" * 43,))
PLAIN = WeChatAccount("plain", "wxapp", "secret", ("token",), mode="plain")
HOUSE = House()
APP = FastAPI()
APP.include_router(callback_router({"safe": SAFE, "plain": PLAIN}, HOUSE, Clock()))
ALIYUN = AliyunAccount(
    account_id="a",
    sign="和平医院",
    access_key_id="key",
    access_key_secret="secret",
    callback_secrets=(SECRET,),
)
TENCENT = TencentAccount(
    account_id="t",
    sign="和平医院",
    secret_id="id",
    secret_key="key",
    sdk_app_id="1",
    callback_secrets=(SECRET,),
)
TWILIO = TwilioAccount(
    account_id="w",
    sign="",
    account_sid="AC1",
    auth_token="token",
    callback_base="https://house.example",
    callback_secrets=(SECRET,),
    from_number="+15005550006",
)
APP.include_router(make_router([ALIYUN, TENCENT, TWILIO], HOUSE, HOUSE, Clock()))
HTTP = TestClient(APP, raise_server_exceptions=True)

words = st.text(max_size=40)
values = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | words
bodies = (
    st.binary(max_size=200)
    | st.recursive(
        values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4)
    ).map(orjson.dumps)
    | words.map(lambda text: f"<xml>{text}</xml>".encode())
)
NAMES = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "Content",
    "MsgId",
    "Event",
    "EventKey",
    "bizmsgmenuid",
]
items = st.dictionaries(
    st.sampled_from(
        [
            "phone_number",
            "send_time",
            "content",
            "sequence_id",
            "biz_id",
            "out_id",
            "success",
            "report_time",
            "err_code",
            "mobile",
            "nationcode",
            "text",
            "time",
            "sid",
            "ext",
            "report_status",
            "user_receive_time",
        ]
    ),
    values
    | st.sampled_from(["13800138000", "2026-11-22 08:00:00", "86", "SUCCESS"])
    | st.lists(values, max_size=2),
)


@given(st.sampled_from(["safe", "plain", "other"]), st.dictionaries(words, words, max_size=4), bodies)
@settings(max_examples=150, deadline=None)
def test_unsigned_pushes(account: str, query: dict[str, str], body: bytes) -> None:
    before = len(HOUSE.messages)
    assert HTTP.post(f"/wx/{account}", params=query, content=body).status_code in (403, 404)
    assert HTTP.get(f"/wx/{account}", params=query).status_code in (403, 404)
    assert len(HOUSE.messages) == before


@given(
    st.dictionaries(st.sampled_from(NAMES), values | st.sampled_from(["text", "event", "1714112445"]))
    | bodies
)
@settings(max_examples=200, deadline=None)
def test_signed_pushes_with_odd_insides(inside: dict[str, object] | bytes) -> None:
    body = inside if isinstance(inside, bytes) else orjson.dumps(inside)
    stamp = str(int(Clock().now().timestamp()))
    cipher = codec.encrypt(body, codec.decode_aes_key("A" * 43), "wxapp")
    query = {
        "timestamp": stamp,
        "nonce": "n",
        "encrypt_type": "aes",
        "msg_signature": codec.sign("token", stamp, "n", cipher),
    }
    answer = HTTP.post("/wx/safe", params=query, content=orjson.dumps({"Encrypt": cipher}))
    assert (answer.status_code, answer.content) == (200, b"success")


@given(
    st.sampled_from(["up", "report"]),
    st.lists(items, max_size=3).map(orjson.dumps) | items.map(orjson.dumps) | bodies,
)
@settings(max_examples=200, deadline=None)
def test_sms_pushes(path: str, body: bytes) -> None:
    answer = HTTP.post(f"/sms/aliyun/{SECRET}/{path}", content=body)
    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    answer = HTTP.post(f"/sms/tencent/{SECRET}/{path}", content=body)
    assert (answer.status_code, answer.json()["result"]) == (200, 0)


@given(
    st.sampled_from(["up", "report"]),
    st.dictionaries(st.sampled_from(["From", "Body", "MessageSid", "MessageStatus", "ErrorCode"]), words)
    | bodies,
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_twilio_pushes(path: str, inside: dict[str, str] | bytes, as_json: bool) -> None:
    """Signed, whatever is inside is kept or quarantined; unsigned, nothing is."""
    body = inside if isinstance(inside, bytes) else urlencode(inside).encode()
    target = f"/sms/twilio/{SECRET}/{path}"
    kind = "application/x-www-form-urlencoded"
    fields: list[tuple[str, str]] = []
    if as_json:
        target, kind = f"{target}?bodySHA256={hashlib.sha256(body).hexdigest()}", "application/json"
    else:
        fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    headers = {
        "Content-Type": kind,
        "X-Twilio-Signature": sign("token", "https://house.example" + target, fields),
    }
    assert HTTP.post(target, content=body, headers=headers).status_code == 200
    assert HTTP.post(target, content=body, headers={"Content-Type": kind}).status_code == 403
