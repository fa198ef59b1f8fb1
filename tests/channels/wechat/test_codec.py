"""Signatures, AES and envelopes, against the official vectors and against wechatpy's own cipher."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import orjson
import pytest
import xmltodict  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from channels.simulator.wechat_push import to_xml
from channels.wechat import codec

KEY = "A" * 43
APPID = "wxba5fad812f8e6fb9"
CIPHER = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG"
    "+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtW"
    "ygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)


def test_official_plain_signature() -> None:
    assert codec.sign("AAAAA", "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"


def test_official_push_is_read() -> None:
    assert codec.sign("AAAAA", "1714112445", "415670741") == "6c5c811b55cc85e0e1b54100749188c20beb3f5d"
    given_signature = "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
    assert codec.signature_ok(("BBBBB", "AAAAA"), given_signature, "1714112445", "415670741", CIPHER)
    assert not codec.signature_ok(("BBBBB",), given_signature, "1714112445", "415670741", CIPHER)
    message, _ = codec.decrypt_any(CIPHER, [b"B" * 32, codec.decode_aes_key(KEY)], APPID)
    form, fields = codec.read_envelope(message)
    assert form == "json"
    assert fields["debug_str"] == "hello world"
    inbound = codec.to_inbound(fields, "main")
    assert (inbound.kind, inbound.event, inbound.address) == (
        "event",
        "debug_demo",
        "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    )


def test_official_reply_is_written() -> None:
    sealed = codec.seal(
        b'{"demo_resp":"good luck"}',
        "json",
        codec.decode_aes_key(KEY),
        "AAAAA",
        APPID,
        1713424427,
        "415670741",
        b"707722b803182950",
    )
    assert orjson.loads(sealed) == {
        "Encrypt": "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",
        "MsgSignature": "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1",
        "TimeStamp": 1713424427,
        "Nonce": "415670741",
    }


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_wechatpy_reads_what_we_seal(text: str) -> None:
    """An independent implementation agrees, whatever the length and so the padding."""
    body = text.encode("utf-8", "ignore")
    sealed = codec.seal(body, "xml", codec.decode_aes_key(KEY), "token", APPID, 1714112445, "n1")
    outer = xmltodict.parse(sealed)["xml"]
    theirs = WeChatCrypto("token", KEY, APPID)
    assert theirs.decrypt_message(sealed, outer["MsgSignature"], "1714112445", "n1").encode() == body
    assert codec.decrypt(outer["Encrypt"], codec.decode_aes_key(KEY), APPID) == body


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c[:-4] + "!!!!", "base64"),
        (lambda c: c[:-4], "base64|length"),
        (lambda c: codec.encrypt(b"x", b"k" * 32, APPID), "padding|length|inside|appid"),
        (lambda c: codec.encrypt(b"x", codec.decode_aes_key(KEY), "wxother"), "another appid"),
        (lambda c: "", "length"),
    ],
)
def test_damaged_ciphertext_is_refused(change: Any, reason: str) -> None:
    with pytest.raises(codec.CannotDecrypt, match=reason):
        codec.decrypt(change(CIPHER), codec.decode_aes_key(KEY), APPID)


def test_padding_must_be_whole() -> None:
    """wechatpy looks at the last byte alone; a wrong byte in the middle of the padding must not pass."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    key = codec.decode_aes_key(KEY)
    plain = b"r" * 16 + (1).to_bytes(4, "big") + b"x" + APPID.encode()
    padding = 32 - len(plain) % 32
    plain += b"\x07" + bytes([padding]) * (padding - 1)
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    damaged = base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    with pytest.raises(codec.CannotDecrypt, match="padding"):
        codec.decrypt(damaged, key, APPID)


@pytest.mark.parametrize("key", ["", "A" * 42, "A" * 44, "A" * 42 + "*", "A" * 43 + "="])
def test_odd_aes_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="43"):
        codec.decode_aes_key(key)


def xml(**fields: Any) -> bytes:
    inner = "".join(f"<{name}>{codec.cdata(str(value))}</{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>".encode()


BASE = {"ToUserName": "gh_1", "FromUserName": "o1", "CreateTime": 1714112445}

INBOUND = [
    # fields, (kind, event, event_key, text, option_ref), vendor_key
    (
        {"MsgType": "text", "Content": "挂号 ]]> <b>", "MsgId": 71},
        ("text", "", "", "挂号 ]]> <b>", ""),
        "msg:71",
    ),
    (
        {"MsgType": "text", "Content": "上午", "MsgId": 72, "bizmsgmenuid": "q1:2"},
        ("text", "", "", "上午", "q1:2"),
        "msg:72",
    ),
    (
        {"MsgType": "text", "Content": "【收到不支持的消息类型，暂无法显示】", "MsgId": 73},
        ("media", "unsupported", "", "", ""),
        "msg:73",
    ),
    (
        {"MsgType": "image", "PicUrl": "http://x/1", "MediaId": "m1", "MsgId": 74},
        ("media", "image", "m1", "", ""),
        "msg:74",
    ),
    (
        {"MsgType": "voice", "MediaId": "m2", "Format": "amr", "Recognition": "不可信", "MsgId": 75},
        ("media", "voice", "m2", "", ""),
        "msg:75",
    ),
    (
        {"MsgType": "video", "MediaId": "m3", "ThumbMediaId": "t", "MsgId": 76},
        ("media", "video", "m3", "", ""),
        "msg:76",
    ),
    (
        {"MsgType": "shortvideo", "MediaId": "m4", "MsgId": 77},
        ("media", "shortvideo", "m4", "", ""),
        "msg:77",
    ),
    (
        {
            "MsgType": "location",
            "Location_X": "23.1",
            "Location_Y": "113.3",
            "Scale": 20,
            "Label": "家",
            "MsgId": 78,
        },
        ("media", "location", "", "", ""),
        "msg:78",
    ),
    (
        {"MsgType": "link", "Title": "t", "Url": "http://x", "MsgId": 79},
        ("media", "link", "", "", ""),
        "msg:79",
    ),
    ({"MsgType": "miniprogrampage", "MsgId": 80}, ("media", "miniprogrampage", "", "", ""), "msg:80"),
    ({"MsgType": "hologram", "MsgId": 81}, ("media", "hologram", "", "", ""), "msg:81"),
    (
        {"MsgType": "event", "Event": "subscribe", "EventKey": ""},
        ("event", "subscribe", "", "", ""),
        "event:o1:1714112445:subscribe:",
    ),
    (
        {"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_abc", "Ticket": "T"},
        ("event", "subscribe", "abc", "", ""),
        "event:o1:1714112445:subscribe:qrscene_abc",
    ),
    (
        {"MsgType": "event", "Event": "SCAN", "EventKey": "abc", "Ticket": "T"},
        ("event", "scan", "abc", "", ""),
        "event:o1:1714112445:scan:abc",
    ),
    (
        {"MsgType": "event", "Event": "unsubscribe"},
        ("event", "unsubscribe", "", "", ""),
        "event:o1:1714112445:unsubscribe:",
    ),
    (
        {"MsgType": "event", "Event": "CLICK", "EventKey": "BOOK"},
        ("event", "click", "BOOK", "", ""),
        "event:o1:1714112445:click:BOOK",
    ),
    (
        {"MsgType": "event", "Event": "LOCATION", "Latitude": "23"},
        ("event", "location", "", "", ""),
        "event:o1:1714112445:location:",
    ),
    (
        {"MsgType": "event", "Event": "scancode_waitmsg", "EventKey": "S"},
        ("event", "scancode_waitmsg", "S", "", ""),
        "event:o1:1714112445:scancode_waitmsg:S",
    ),
    (
        {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 9001, "Status": "success"},
        ("event", "templatesendjobfinish", "9001", "", ""),
        "event:o1:1714112445:templatesendjobfinish:9001",
    ),
    (
        {"MsgType": "event", "Event": "MASSSENDJOBFINISH", "MsgID": 9002},
        ("event", "masssendjobfinish", "9002", "", ""),
        "event:o1:1714112445:masssendjobfinish:9002",
    ),
    (
        {"MsgType": "event", "Event": "never_seen", "EventKey": "k"},
        ("event", "never_seen", "k", "", ""),
        "event:o1:1714112445:never_seen:k",
    ),
]


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(("fields", "expected", "vendor_key"), INBOUND)
def test_inbound_table(fields: dict[str, Any], expected: tuple[str, ...], vendor_key: str, form: str) -> None:
    body = xml(**BASE, **fields) if form == "xml" else orjson.dumps(BASE | fields)
    read_form, read = codec.read_envelope(body)
    inbound = codec.to_inbound(read, "main")
    assert read_form == form
    assert (inbound.kind, inbound.event, inbound.event_key, inbound.text, inbound.option_ref) == expected
    assert inbound.vendor_key == vendor_key
    assert inbound.address == "o1"
    assert inbound.sent_at is not None
    assert inbound.sent_at.timestamp() == 1714112445


def test_long_event_keys_become_digests() -> None:
    fields = BASE | {"MsgType": "event", "Event": "VIEW", "EventKey": "https://x/" + "a" * 900}
    first = codec.to_inbound(fields, "main")
    second = codec.to_inbound(fields | {"EventKey": "https://x/" + "a" * 901}, "main")
    assert len(first.vendor_key) < 200
    assert first.vendor_key != second.vendor_key
    assert first.event_key.endswith("aaa")


def test_subscription_popups_of_one_second_differ() -> None:
    body = (
        "<xml><ToUserName>gh</ToUserName><FromUserName>o1</FromUserName><CreateTime>1714112445</CreateTime>"
        "<MsgType>event</MsgType><Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>"
        "<List><TemplateId>A</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
        "<List><TemplateId>B</TemplateId><SubscribeStatusString>{}</SubscribeStatusString></List>"
        "</SubscribeMsgPopupEvent></xml>"
    )
    keys = set()
    for status in ("accept", "reject"):
        _, fields = codec.read_envelope(body.format(status).encode())
        inbound = codec.to_inbound(fields, "main")
        assert [item["TemplateId"] for item in inbound.raw["SubscribeMsgPopupEvent"]["List"]] == ["A", "B"]
        keys.add(inbound.vendor_key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hello",
        b"<xml>",
        b"<xml/>",
        b"<xml>text</xml>",
        b"<other><a>1</a></other>",
        b"{",
        b"[1]",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"<xml>" + b"<a>" * 5000,
        b"\xff\xfe<xml/>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Content>&e;</Content></xml>',
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Content>&b;</Content></xml>',
        xml(**BASE, MsgType="text", Content="x", MsgId="12a"),
        xml(**(BASE | {"CreateTime": "soon"}), MsgType="text", Content="x", MsgId="1"),
        xml(**(BASE | {"CreateTime": "9" * 15}), MsgType="text", Content="x", MsgId="1"),
        xml(**(BASE | {"FromUserName": ""}), MsgType="text", Content="x", MsgId="1"),
        xml(**BASE, Content="x"),
        xml(**BASE, MsgType="event"),
        b"<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName><b>a</b></FromUserName><MsgType>text</MsgType></xml>",
        b'{"FromUserName":true,"MsgType":"text"}',
    ],
)
def test_odd_bodies_are_malformed(body: bytes) -> None:
    with pytest.raises(codec.Malformed):
        codec.to_inbound(codec.read_envelope(body)[1], "main")


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda t: f"<xml>{t}</xml>".encode("utf-8", "ignore"))
)
@settings(max_examples=300, deadline=None)
def test_reading_raises_nothing_else(body: bytes) -> None:
    with contextlib.suppress(codec.Malformed):
        codec.to_inbound(codec.read_envelope(body)[1], "main")


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_passive_text_is_always_well_formed(text: str) -> None:
    push = codec.Push("xml", "o1", "gh_1", "n")
    answer = xmltodict.parse(
        codec.passive_text(push, text + "]]>x", APPID, 1714112445), strip_whitespace=False
    )["xml"]
    assert (answer["ToUserName"], answer["FromUserName"], answer["CreateTime"]) == (
        "o1",
        "gh_1",
        "1714112445",
    )
    kept = codec._NOT_XML.sub("", text + "]]>x")
    assert answer["Content"] == kept.replace("\r\n", "\n").replace("\r", "\n")


def test_nul_never_reaches_the_house() -> None:
    body = orjson.dumps(BASE | {"MsgType": "text", "Content": "a\x00b", "MsgId": 5})
    assert codec.to_inbound(codec.read_envelope(body)[1], "main").text == "ab"


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)
TAGS = st.text("ABCabc", min_size=1, max_size=8)


@given(
    st.dictionaries(
        TAGS, WORDS | st.dictionaries(TAGS, WORDS, min_size=1, max_size=3), min_size=1, max_size=5
    )
)
@settings(max_examples=80, deadline=None)
def test_whatever_the_vendor_writes_as_xml_is_read_back(fields: dict[str, Any]) -> None:
    form, read = codec.read_envelope(to_xml(fields))
    assert (form, read) == ("xml", fields)


@given(
    st.dictionaries(TAGS, WORDS | st.integers(0, 2**62) | st.lists(WORDS, max_size=3), min_size=1, max_size=5)
)
@settings(max_examples=80, deadline=None)
def test_whatever_the_vendor_writes_as_json_is_read_back(fields: dict[str, Any]) -> None:
    assert codec.read_envelope(orjson.dumps(fields)) == ("json", fields)


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=400))
@settings(max_examples=60, deadline=None)
def test_we_read_what_wechatpy_seals(text: str) -> None:
    theirs = PrpCrypto(base64.b64decode(KEY + "="))
    cipher = theirs.encrypt(text, APPID).decode()
    assert codec.decrypt(cipher, codec.decode_aes_key(KEY), APPID) == text.encode()


@given(st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_sealing_and_opening_is_the_identity_and_one_changed_byte_never_passes(body: bytes) -> None:
    key = codec.decode_aes_key(KEY)
    cipher = codec.encrypt(body, key, APPID)
    assert codec.decrypt(cipher, key, APPID) == body
    raw = bytearray(base64.b64decode(cipher))
    raw[-1] ^= 1
    with contextlib.suppress(codec.CannotDecrypt):
        assert codec.decrypt(base64.b64encode(bytes(raw)).decode(), key, APPID) != body
