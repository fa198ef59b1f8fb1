"""CMPP 3.0 as the gateway stand-in reads and writes it: fixed layouts, apart from the adapter's codec so that each checks the
other. Field tables: 中国移动通信互联网短信网关接口协议 V3.0, section 7.4."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

CONNECT, TERMINATE, SUBMIT, DELIVER, QUERY, CANCEL, ACTIVE_TEST = 1, 2, 4, 5, 6, 7, 8
RESP = 0x80000000
HEADER = struct.Struct("!III")
_CONNECT = struct.Struct("!6s16sBI")
_CONNECT_RESP = struct.Struct("!I16sB")
_SUBMIT_HEAD = struct.Struct("!QBBBB10sB32sBBBB6s2s6s17s17s21sB")
_SUBMIT_MIDDLE = struct.Struct("!BB")
_DELIVER_HEAD = struct.Struct("!Q21s10sBBB32sBBB")
_REPORT = struct.Struct("!Q7s10s10s32sI")
_ANSWER = struct.Struct("!QI")
_QUERY = struct.Struct("!8sB10s8s")
_QUERY_RESP = struct.Struct("!8sB10s8I")
LONGEST = 4096


class WireError(ValueError):
    """`status` is the result the gateway answers with: 1 structure, 4 length."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def pack(command: int, sequence: int, body: bytes = b"") -> bytes:
    return HEADER.pack(12 + len(body), command, sequence) + body


def _cut(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", "replace").rstrip(" ")


@dataclass(frozen=True, slots=True)
class LoginRequest:
    name: str
    digest: bytes
    version: int
    stamp: int

    @classmethod
    def read(cls, body: bytes) -> LoginRequest:
        if len(body) != _CONNECT.size:
            raise WireError(1)
        name, digest, version, stamp = _CONNECT.unpack(body)
        return cls(_cut(name), digest, version, stamp)

    def right(self, secret: str) -> bool:
        """Whether the digest is that of `secret`."""
        text = self.name.encode() + b"\0" * 9 + secret.encode() + str(self.stamp).rjust(10, "0").encode()
        return hashlib.md5(text).digest() == self.digest  # noqa: S324  the standard's


def login_answer(status: int, digest: bytes, secret: str) -> bytes:
    own = hashlib.md5(struct.pack("!I", status) + digest + secret.encode()).digest()  # noqa: S324  the standard's
    return _CONNECT_RESP.pack(status, own, 0x30)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the gateway looks at in a SUBMIT."""

    total: int
    number: int
    wants_report: bool
    service_id: str
    udhi: bool
    msg_fmt: int
    msg_src: str
    fee_type: str
    src_id: str
    phones: tuple[str, ...]
    content: bytes

    @classmethod
    def read(cls, body: bytes) -> Submitted:
        if len(body) < _SUBMIT_HEAD.size:
            raise WireError(4)
        (_, total, number, report, _, service, _, _, _, _, udhi, fmt, source, fee, _, _, _, src_id, count) = (
            _SUBMIT_HEAD.unpack_from(body)
        )
        at = _SUBMIT_HEAD.size + 32 * count
        if not 1 <= count < 100 or len(body) < at + 2:
            raise WireError(1)
        fields = [body[n : n + 32] for n in range(_SUBMIT_HEAD.size, at, 32)]
        phones = tuple(_cut(field) for field in fields)
        _, length = _SUBMIT_MIDDLE.unpack_from(body, at)
        content = body[at + 2 : at + 2 + length]
        if len(body) != at + 2 + length + 20:
            raise WireError(4)
        if length > (159 if fmt == 0 else 140):
            raise WireError(6)
        return cls(
            total, number, report == 1, _cut(service), udhi == 1, fmt, _cut(source), _cut(fee), _cut(src_id),
            phones, content,
        )  # fmt: skip

    def place(self) -> tuple[int, int, int] | None:
        """Reference, total and number from the header 05 00 03 of a part of a long message."""
        if not self.udhi:
            return None
        if self.content[:3] != b"\x05\x00\x03" or len(self.content) < 6:
            raise WireError(1)
        return self.content[3], self.content[4], self.content[5]


def answer(msg_id: int, result: int) -> bytes:
    return _ANSWER.pack(msg_id, result)


def read_answer(body: bytes) -> tuple[int, int]:
    if len(body) != _ANSWER.size:
        raise WireError(1)
    msg_id, result = _ANSWER.unpack(body)
    return msg_id, result


def deliver(
    msg_id: int, dest: str, phone: str, content: bytes, fmt: int, *, udhi: bool, report: bool
) -> bytes:
    head = _DELIVER_HEAD.pack(
        msg_id, dest.encode(), b"", 0, udhi, fmt, phone.encode(), 0, report, len(content)
    )
    return head + content + bytes(20)


def report(msg_id: int, stat: str, submitted: str, done: str, phone: str, sequence: int) -> bytes:
    return _REPORT.pack(msg_id, stat.encode(), submitted.encode(), done.encode(), phone.encode(), sequence)


def query_answer(body: bytes, counts: tuple[int, int, int, int, int, int, int, int]) -> bytes:
    """Totals of a day: messages and users from the SP, delivered, waiting, failed; the same three to the SP."""
    if len(body) != _QUERY.size:
        raise WireError(1)
    day, kind, code, _ = _QUERY.unpack(body)
    return _QUERY_RESP.pack(day, kind, code, *counts)
