"""Coverage-guided fuzzing of everything that reads foreign bytes, one target a run:

    python -m tests.fuzz.targets wechat_envelope CORPUS SECONDS

The run fails (and libFuzzer keeps the input) when a parser raises anything but its own error, or lets through what could not be
stored.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import atheris
from wechatpy.crypto.cryptography import WeChatCipher

with atheris.instrument_imports(include=["channels.wechat.codec", "channels.sms", "care.systems.hl7", "hl7"]):
    from care.systems.hl7 import adt, fields, oru
    from care.systems.hl7.acks import acknowledged
    from care.systems.hl7.codes import read_codes
    from care.systems.hl7.framing import Frames, TooLarge, framed
    from care.systems.hl7.message import Unreadable, decoded, header, parsed
    from channels.sms.aliyun import AliyunAccount
    from channels.sms.aliyun_push import AliyunCallbacks
    from channels.sms.cmpp import codec as cmpp
    from channels.sms.cmpp import text as cmpp_text
    from channels.sms.numbers import to_e164
    from channels.sms.push import Push
    from channels.sms.tencent import TencentAccount
    from channels.sms.tencent_push import TencentCallbacks
    from channels.sms.twilio import TwilioAccount
    from channels.sms.twilio_push import TwilioCallbacks
    from channels.wechat import codec as wechat

from care.systems.taking import PatientFact, Unusable
from channels.ports import Inbound, Receipt
from store.clock import Clock

KEY = wechat.decode_aes_key("A" * 43)
APPID = "wxba5fad812f8e6fb9"
SECRETS = ("s" * 24,)
CALLBACKS = (
    AliyunCallbacks(
        AliyunAccount(
            account_id="a", sign="医院", access_key_id="k", access_key_secret="s", callback_secrets=SECRETS
        ),
        Clock(),
    ),
    TencentCallbacks(
        TencentAccount(
            account_id="t", sign="医院", secret_id="i", secret_key="k", sdk_app_id="1", callback_secrets=SECRETS
        ),
        Clock(),
    ),
    TwilioCallbacks(
        TwilioAccount(
            account_id="w", sign="H", account_sid="AC1", auth_token="t", from_number="+14155550100",
            callback_base="https://h.example", callback_secrets=SECRETS,
        ),
        Clock(),
    ),
)  # fmt: skip


def storable(inbound: Inbound) -> None:
    """What the inbox's columns ask of a message; PostgreSQL takes no NUL and no lone surrogate."""
    texts = (
        inbound.address,
        inbound.vendor_key,
        inbound.text,
        inbound.event,
        inbound.event_key,
        inbound.option_ref,
    )
    for text in texts:
        assert "\x00" not in text, "NUL"
        text.encode("utf-8")
    assert 0 < len(inbound.address) <= 128, "address"
    assert len(inbound.event) <= 64, "event"
    assert inbound.sent_at is not None and inbound.sent_at.tzinfo is not None, "time"


def known(receipt: Receipt) -> None:
    for text in (receipt.vendor_id, receipt.client_ref, receipt.code):
        assert "\x00" not in text, "NUL"
        text.encode("utf-8")
    assert receipt.vendor_id or receipt.client_ref, "a report of nothing"


def wechat_envelope(data: bytes) -> None:
    try:
        _, fields = wechat.read_envelope(data)
        storable(wechat.to_inbound(fields, "main"))
    except wechat.Malformed:
        pass


def wechat_decrypt(data: bytes) -> None:
    """First as it comes, then as the plain text of a good ciphertext, so that what lies behind the cipher is reached too."""
    with suppress(wechat.CannotDecrypt):
        wechat.decrypt(data.decode("latin-1"), KEY, APPID)
    plain = data[: len(data) - len(data) % 32]
    if plain:
        sealed = base64.b64encode(WeChatCipher(KEY).encrypt(plain)).decode()
        try:
            inside = wechat.decrypt(sealed, KEY, APPID)
        except wechat.CannotDecrypt:
            pass
        else:
            assert APPID.encode() in plain and inside in plain
    message = data[:2000]
    assert wechat.decrypt(wechat.encrypt(message, KEY, APPID), KEY, APPID) == message


def sms_push(data: bytes) -> None:
    """The first byte chooses the content type, the rest is the body of every vendor's callbacks."""
    kind = "application/json" if data[:1] != b"f" else "application/x-www-form-urlencoded"
    body = data[1:]
    text = body.decode("utf-8", "replace")
    push = Push(
        "/sms/x?" + text[:50],
        {"ref": text[:300]},
        {"content-type": kind, "x-twilio-signature": text[:30]},
        body,
    )
    for callbacks in CALLBACKS:
        callbacks.genuine(push)
        for inbound in callbacks.inbound(push).items:
            storable(inbound)
            assert to_e164(inbound.address) == inbound.address
        for receipt in callbacks.receipts(push).items:
            known(receipt)


def cmpp_frame(data: bytes) -> None:
    """A header, every body, a report, and the texts inside."""
    try:
        length, _, _ = cmpp.read_header(data[:12])
        assert 0 <= length <= cmpp.MAX_FRAME
    except cmpp.Malformed:
        pass
    for kind in (cmpp.Connect, cmpp.ConnectResp, cmpp.Submit, cmpp.Answer, cmpp.Deliver, cmpp.Report):
        try:
            read = kind.decode(data)
            assert kind.decode(read.encode()) == read
        except cmpp.Malformed:
            continue
        if isinstance(read, cmpp.Deliver):
            for whole in (True, False):
                try:
                    part, content = cmpp_text.take_header(read.content) if whole else (None, read.content)
                    assert part is None or 1 <= part.number <= part.total <= 255
                    cmpp_text.decode(content, read.msg_fmt).encode("utf-8")
                except cmpp.Malformed:
                    pass


CODES = read_codes()
NOW = Clock().now()


def hl7_message(data: bytes) -> None:
    """The wire in pieces, then a message down to its facts: only our own errors, nothing a column could not hold."""
    frames, found = Frames(4000), list[bytes]()
    with suppress(TooLarge):
        for at in range(0, len(data), 97):
            found += [one for one in frames.feed(data[at : at + 97]) if isinstance(one, bytes)]
    if not {b"\x0b"[0], b"\x1c"[0]} & set(data) and len(data) <= 4000:
        assert Frames(4000).feed(framed(data)) == [data]
    for block in (data, *found):
        try:
            text, charset = decoded(block, header(block))
            message = parsed(text)
        except Unreadable as wrong:
            acknowledged(None, "1", NOW, wrong)
            continue
        acknowledged(message.head, "1", NOW, charset=charset).decode(charset, "replace")
        for take in (_patient, _visit, _reports):
            with suppress(Unusable, Unreadable):
                take(message)


def _patient(message: Any) -> None:
    pid = message.needed("PID")
    number = adt.record_numbers(pid, CODES)[0]
    fact: PatientFact = adt.patient_of(pid, CODES, fields.said_at(message, NOW), number)
    assert fact.record_number and "\0" not in fact.name + fact.record_number
    assert fact.residence_code is None or len(fact.residence_code) == 6


def _visit(message: Any) -> None:
    visit = message.needed("PV1")
    adt.visit_number(message, visit)
    adt.department(visit, CODES)
    fields.moment(visit.get(44))


def _reports(message: Any) -> None:
    for obr, rest in message.groups("OBR"):
        fact = oru.report(obr, rest, obr.get(3), CODES, NOW, UUID(int=0))
        assert len(fact.title) <= 80 and len(fact.code or "") <= 20


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (wechat_envelope, wechat_decrypt, sms_push, cmpp_frame, hl7_message)
}


def main(name: str, corpus: str, seconds: str) -> None:
    """Fuzz for so many seconds; new inputs go into `corpus`, one that fails beside it."""
    folder = Path(corpus)
    artifacts = f"{folder.parent}/failed-"
    arguments = [
        name, str(folder), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=4096",
        f"-artifact_prefix={artifacts}", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(arguments, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
