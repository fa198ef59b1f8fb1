"""WeChat's callback format: signatures, AES mode, XML and JSON envelopes, passive replies.

Source: https://developers.weixin.qq.com/doc/service/guide/dev/push/encryption.html (the official vectors
are in the tests).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from xml.parsers import expat

import orjson
from wechatpy.crypto.cryptography import WeChatCipher

from channels.ports import ChannelName, Inbound

BLOCK = 32
"""WeChat pads to 32 bytes, not to AES's 16."""
MAX_DEPTH = 8
"""Deepest nesting of an envelope; the vendor's own go to 4."""
MAX_KEY_PART = 120
"""Longer event keys (VIEW carries a URL) enter the vendor key as a digest."""
UNSUPPORTED_NOTE = "【收到不支持的消息类型"
"""What WeChat sends as text in place of stickers and files."""

Format = Literal["xml", "json"]


class CodecError(ValueError):
    """A body that cannot be trusted or read. The message says why and holds no part of the body."""


class CannotDecrypt(CodecError):
    """The encrypted part is damaged, made with another key, or meant for another account."""


class Malformed(CodecError):
    """Readable by nobody: not XML or JSON, or a needed field is missing."""


# -- signatures


def sign(*parts: str) -> str:
    """SHA-1 hex of the sorted, joined parts (token, timestamp, nonce and, in AES mode, the ciphertext)."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def signature_ok(tokens: Iterable[str], given: str, *parts: str) -> bool:
    """Whether `given` was made with one of `tokens`; every token is tried, in constant time."""
    found = False
    for token in tokens:
        found |= hmac.compare_digest(sign(token, *parts).encode(), given.encode("utf-8", "replace"))
    return found


# -- AES


@lru_cache(maxsize=64)
def decode_aes_key(encoded: str) -> bytes:
    """The 32-byte key behind the console's 43-character EncodingAESKey."""
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}", encoded):
        raise ValueError("an EncodingAESKey has exactly 43 letters and digits")
    return base64.b64decode(encoded + "=")


def encrypt(message: bytes, key: bytes, appid: str, random16: bytes | None = None) -> str:
    """Base64 of AES-256-CBC over random16 + length + message + appid. `random16` is given only by tests."""
    plain = (random16 or secrets.token_bytes(16)) + len(message).to_bytes(4, "big") + message + appid.encode()
    padding = BLOCK - len(plain) % BLOCK
    plain += bytes([padding]) * padding
    return base64.b64encode(WeChatCipher(key).encrypt(plain)).decode()


def decrypt(encoded: str, key: bytes, appid: str) -> bytes:
    """The message inside `encoded`; `CannotDecrypt` unless base64, padding, length and appid are all
    right."""
    try:
        cipher = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise CannotDecrypt("the encrypted part is not base64") from None
    if not cipher or len(cipher) % BLOCK:
        raise CannotDecrypt("the encrypted part has a wrong length")
    plain: bytes = WeChatCipher(key).decrypt(cipher)
    padding = plain[-1]
    if not 1 <= padding <= BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise CannotDecrypt("wrong padding (another key?)")
    content = plain[16:-padding]
    if len(content) < 4:
        raise CannotDecrypt("nothing inside")
    end = 4 + int.from_bytes(content[:4], "big")
    if end > len(content):
        raise CannotDecrypt("the length inside is wrong")
    if not hmac.compare_digest(content[end:], appid.encode()):
        raise CannotDecrypt("meant for another appid")
    return content[4:end]


def decrypt_any(encoded: str, keys: Iterable[bytes], appid: str) -> tuple[bytes, bytes]:
    """`(message, key)` with the first of `keys` that fits; the last failure otherwise."""
    failure = CannotDecrypt("no key")
    for key in keys:
        try:
            return decrypt(encoded, key, appid), key
        except CannotDecrypt as error:
            failure = error
    raise failure


# -- envelopes


def read_envelope(body: bytes) -> tuple[Format, dict[str, Any]]:
    """The fields of an XML or JSON body; `Malformed` for anything odd (entities, repeated fields, deep
    nesting…)."""
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    if text.startswith("{"):
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise Malformed("not JSON") from None
        _check_depth(fields)
        return "json", fields
    if text.startswith("<"):
        return "xml", _XmlReader().read(text)
    raise Malformed("neither XML nor JSON")


class _XmlReader:
    """Reads `<xml>` into dicts: an element with children is a dict, a repeated child a list, any other its
    text.

    Document types are refused, and with them every entity but XML's own five. Attributes are ignored.
    """

    def __init__(self) -> None:
        self._stack: list[dict[str, Any]] = [{}]
        self._text: list[str] = []
        self._leaf = False

    def read(self, text: str) -> dict[str, Any]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(text, True)
        except expat.ExpatError:
            raise Malformed("not XML") from None
        fields = self._stack[0].get("xml")
        if not isinstance(fields, dict):
            raise Malformed("no <xml> with fields")
        return fields

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) > MAX_DEPTH:
            raise Malformed("nested too deep")
        self._stack.append({})
        self._text.clear()
        self._leaf = True

    def _end(self, name: str) -> None:
        children = self._stack.pop()
        value: Any = "".join(self._text) if self._leaf else children
        self._leaf = False
        self._text.clear()
        parent = self._stack[-1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def _refuse(self, *declaration: object) -> None:
        raise Malformed("a document type is not allowed")


def _check_depth(fields: dict[str, Any]) -> None:
    level: list[Any] = [fields]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise Malformed("nested too deep")


def field_text(fields: Mapping[str, Any], name: str, limit: int = 64 * 1024) -> str:
    """One field as text, `""` when absent; `Malformed` when it is repeated or nested."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Malformed(f"{name} is not a single value")
    text = str(value).replace("\x00", "")
    if len(text) > limit:
        raise Malformed(f"{name} is too long")
    return text


def to_inbound(fields: dict[str, Any], account_id: str) -> Inbound:
    """One message or event as the house knows it.

    Messages other than text become `media`: `event` is the MsgType (`voice`, `image`, `location`…),
    `event_key` the MediaId. For a scene QR code `event_key` is the scene itself, on `subscribe` (without
    `qrscene_`) as on `scan`. For template and mass results `event_key` is the MsgID. `option_ref` is the
    tapped menu item's id.
    """
    sender = field_text(fields, "FromUserName", 128)
    message_type = field_text(fields, "MsgType", 64).lower()
    created = field_text(fields, "CreateTime", 20)
    if not sender or not message_type:
        raise Malformed("FromUserName or MsgType is missing")
    sent_at = _seconds(created)
    if message_type == "event":
        return _event(fields, account_id, sender, created, sent_at)
    number = field_text(fields, "MsgId", 32)
    if number and not number.isdecimal():
        raise Malformed("MsgId is not a number")
    key = f"msg:{number}" if number else f"msg:{sender}:{created}:{_digest(fields)}"
    text, event, event_key = "", message_type, ""
    if message_type == "text":
        text, event = field_text(fields, "Content"), ""
        if text.startswith(UNSUPPORTED_NOTE):
            text, event = "", "unsupported"
    else:
        event_key = field_text(fields, "MediaId", 512)
    return Inbound(
        channel=ChannelName.WECHAT,
        account_id=account_id,
        address=sender,
        vendor_key=key,
        kind="media" if event else "text",
        text=text,
        event=event,
        event_key=event_key,
        option_ref=field_text(fields, "bizmsgmenuid", 512),
        sent_at=sent_at,
        raw=fields,
    )


def _event(
    fields: dict[str, Any],
    account_id: str,
    sender: str,
    created: str,
    sent_at: datetime,
) -> Inbound:
    event = field_text(fields, "Event", 64).lower()
    if not event:
        raise Malformed("Event is missing")
    event_key = field_text(fields, "EventKey", 4096) or field_text(fields, "MsgID", 64)
    unique = event_key
    if not unique and event.startswith("subscribe_msg_"):
        unique = _digest(fields)
    if len(unique) > MAX_KEY_PART:
        unique = hashlib.sha256(unique.encode()).hexdigest()
    return Inbound(
        channel=ChannelName.WECHAT,
        account_id=account_id,
        address=sender,
        vendor_key=f"event:{sender}:{created}:{event}:{unique}",
        kind="event",
        event=event,
        event_key=event_key.removeprefix("qrscene_") if event == "subscribe" else event_key,
        sent_at=sent_at,
        raw=fields,
    )


def _seconds(created: str) -> datetime:
    if not created.isdecimal() or len(created) > 11:
        raise Malformed("CreateTime is not in seconds")
    return datetime.fromtimestamp(int(created), UTC)


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


# -- passive replies

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def cdata(text: str) -> str:
    """A CDATA section that survives `]]>` and drops what XML 1.0 cannot hold."""
    safe = _NOT_XML.sub("", text).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{safe}]]>"


@dataclass(frozen=True, slots=True)
class Push:
    """What a passive reply must know of the push it answers. `key` is set when the push was encrypted."""

    form: Format
    sender: str
    recipient: str
    nonce: str
    key: bytes | None = None
    token: str = ""


def passive_text(push: Push, text: str, appid: str, now: int) -> bytes:
    """The answer to `push` as text: From and To swapped, `now` in seconds, encrypted if the push was."""
    if push.form == "json":
        body = orjson.dumps(
            {
                "ToUserName": push.sender,
                "FromUserName": push.recipient,
                "CreateTime": now,
                "MsgType": "text",
                "Content": _NOT_XML.sub("", text),
            }
        )
    else:
        body = (
            f"<xml><ToUserName>{cdata(push.sender)}</ToUserName><FromUserName>{cdata(push.recipient)}</FromUserName>"
            f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content>{cdata(text)}</Content></xml>"
        ).encode()
    if push.key is None:
        return body
    return seal(body, push.form, push.key, push.token, appid, now, push.nonce)


def seal(
    body: bytes,
    form: Format,
    key: bytes,
    token: str,
    appid: str,
    now: int,
    nonce: str,
    random16: bytes | None = None,
) -> bytes:
    """An encrypted reply's envelope: Encrypt, MsgSignature, TimeStamp, Nonce."""
    cipher = encrypt(body, key, appid, random16)
    signature = sign(token, str(now), nonce, cipher)
    if form == "json":
        return orjson.dumps(
            {
                "Encrypt": cipher,
                "MsgSignature": signature,
                "TimeStamp": now,
                "Nonce": nonce,
            }
        )
    return (
        f"<xml><Encrypt><![CDATA[{cipher}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{now}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
    ).encode()
