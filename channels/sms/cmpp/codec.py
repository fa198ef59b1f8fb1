"""CMPP 3.0 on the wire: a frame's header, and the bodies of the requests and answers between an SP and its gateway.

All numbers are big-endian; text fields are ASCII of a fixed length, filled up with NUL. Nothing here does I/O; whatever the
bytes, only `Malformed` is raised. Field tables: 中国移动通信互联网短信网关接口协议 V3.0, section 7.4.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 0x30
HEADER = struct.Struct(">III")
MAX_FRAME = 4096
"""Bytes. The longest legal frame is a SUBMIT to 99 numbers: 3,491."""
MAX_DESTINATIONS = 99
"""DestUsr_tl is below 100."""
MAX_CONTENT = {0: 159}
"""Msg_Length by Msg_Fmt: below 160 for ASCII (0), else at most `LONGEST_CONTENT`."""
LONGEST_CONTENT = 140
RESPONSE = 0x80000000


class Command(IntEnum):
    CONNECT = 0x01
    CONNECT_RESP = 0x80000001
    TERMINATE = 0x02
    TERMINATE_RESP = 0x80000002
    SUBMIT = 0x04
    SUBMIT_RESP = 0x80000004
    DELIVER = 0x05
    DELIVER_RESP = 0x80000005
    QUERY = 0x06
    QUERY_RESP = 0x80000006
    CANCEL = 0x07
    CANCEL_RESP = 0x80000007
    ACTIVE_TEST = 0x08
    ACTIVE_TEST_RESP = 0x80000008


class Malformed(ValueError):
    """Bytes that are not CMPP; the message never holds a part of them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: command, sequence id, and the body behind the header."""

    command: int
    sequence: int
    body: bytes = b""

    def encode(self) -> bytes:
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.sequence) + self.body


def read_header(data: bytes) -> tuple[int, int, int]:
    """Length of the body in bytes, command and sequence id, from the first twelve bytes. After `Malformed` the rest of the
    stream cannot be read."""
    if len(data) != HEADER.size:
        raise Malformed("header is cut short")
    total, command, sequence = HEADER.unpack(data)
    if not HEADER.size <= total <= MAX_FRAME:
        raise Malformed("Total_Length is out of range")
    return total - HEADER.size, command, sequence


class Reader:
    """Takes the fields of a body one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octets(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise Malformed("body is cut short")
        self._at += count
        return taken

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.octets(size), "big")

    def text(self, size: int) -> str:
        """ASCII up to the first NUL; some gateways fill up with spaces."""
        raw = self.octets(size).split(b"\0", 1)[0].rstrip(b" ")
        if not all(0x20 <= byte < 0x7F for byte in raw):
            raise Malformed("text field is not ASCII")
        return raw.decode("ascii")

    def end(self) -> None:
        if self._at != len(self._data):
            raise Malformed("body is too long")


def _text(value: str, size: int) -> bytes:
    raw = value.encode("ascii", "strict") if value.isascii() else b""
    if len(raw) != len(value) or len(raw) > size:
        raise Malformed(f"text does not fit into {size} ASCII bytes")
    return raw.ljust(size, b"\0")


def _content(content: bytes, msg_fmt: int) -> bytes:
    if len(content) > MAX_CONTENT.get(msg_fmt, LONGEST_CONTENT):
        raise Malformed("Msg_Content is too long")
    return bytes([len(content)]) + content


def authenticator(source_addr: str, secret: str, timestamp: int) -> bytes:
    """AuthenticatorSource: MD5 of name, nine NULs, secret and MMDDHHMMSS in ten digits."""
    text = source_addr.encode("ascii") + bytes(9) + secret.encode("ascii") + f"{timestamp:010d}".encode()
    return hashlib.md5(text).digest()  # noqa: S324  the standard's


def authenticator_ismg(status: int, source: bytes, secret: str) -> bytes:
    """AuthenticatorISMG: MD5 of the status, the request's authenticator and the secret."""
    return hashlib.md5(status.to_bytes(4, "big") + source + secret.encode("ascii")).digest()  # noqa: S324


@dataclass(frozen=True, slots=True)
class Connect:
    """`timestamp` is MMDDHHMMSS as a number."""

    source_addr: str
    authenticator: bytes
    timestamp: int
    version: int = VERSION

    def encode(self) -> bytes:
        head = _text(self.source_addr, 6) + self.authenticator
        return head + bytes([self.version]) + self.timestamp.to_bytes(4, "big")

    @classmethod
    def decode(cls, body: bytes) -> Connect:
        read = Reader(body)
        name, digest, version = read.text(6), read.octets(16), read.number(1)
        found = cls(name, digest, read.number(4), version)
        read.end()
        return found


@dataclass(frozen=True, slots=True)
class ConnectResp:
    """`status`: 0 right, 1 structure, 2 unknown source, 3 wrong secret, 4 version too high, above: other."""

    status: int
    authenticator: bytes = bytes(16)
    version: int = VERSION

    def encode(self) -> bytes:
        return self.status.to_bytes(4, "big") + self.authenticator + bytes([self.version])

    @classmethod
    def decode(cls, body: bytes) -> ConnectResp:
        read = Reader(body)
        found = cls(read.number(4), read.octets(16), read.number(1))
        read.end()
        return found


@dataclass(frozen=True, slots=True)
class Submit:
    """A message, or one part of it, to up to 99 numbers. `msg_fmt`: 0 ASCII, 8 UCS-2, 15 GBK. `tp_udhi` 1: the content begins
    with a user data header. Times are the standard's 17 characters or empty."""

    msg_src: str
    src_id: str
    destinations: tuple[str, ...]
    content: bytes
    msg_fmt: int = 8
    msg_id: int = 0
    pk_total: int = 1
    pk_number: int = 1
    registered_delivery: int = 1
    msg_level: int = 0
    service_id: str = ""
    fee_user_type: int = 0
    fee_terminal_id: str = ""
    fee_terminal_type: int = 0
    tp_pid: int = 0
    tp_udhi: int = 0
    fee_type: str = "01"
    fee_code: str = "000000"
    valid_time: str = ""
    at_time: str = ""
    destination_type: int = 0
    link_id: str = ""

    def encode(self) -> bytes:
        if not 1 <= len(self.destinations) <= MAX_DESTINATIONS:
            raise Malformed("DestUsr_tl is out of range")
        parts = bytes([self.pk_total, self.pk_number, self.registered_delivery, self.msg_level])
        return b"".join(
            (
                self.msg_id.to_bytes(8, "big"),
                parts,
                _text(self.service_id, 10),
                bytes([self.fee_user_type]),
                _text(self.fee_terminal_id, 32),
                bytes([self.fee_terminal_type, self.tp_pid, self.tp_udhi, self.msg_fmt]),
                _text(self.msg_src, 6),
                _text(self.fee_type, 2),
                _text(self.fee_code, 6),
                _text(self.valid_time, 17),
                _text(self.at_time, 17),
                _text(self.src_id, 21),
                bytes([len(self.destinations)]),
                *(_text(number, 32) for number in self.destinations),
                bytes([self.destination_type]),
                _content(self.content, self.msg_fmt),
                _text(self.link_id, 20),
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> Submit:
        read = Reader(body)
        msg_id, pk_total, pk_number, registered, level = read.number(8), *read.octets(4)
        service_id, fee_user = read.text(10), read.number(1)
        fee_terminal, fee_terminal_type = read.text(32), read.number(1)
        tp_pid, tp_udhi, msg_fmt = read.octets(3)
        msg_src, fee_type, fee_code = read.text(6), read.text(2), read.text(6)
        valid_time, at_time, src_id = read.text(17), read.text(17), read.text(21)
        count = read.number(1)
        if not 1 <= count <= MAX_DESTINATIONS:
            raise Malformed("DestUsr_tl is out of range")
        destinations = tuple(read.text(32) for _ in range(count))
        destination_type, content, link_id = read.number(1), _read_content(read, msg_fmt), read.text(20)
        read.end()
        return cls(
            msg_src, src_id, destinations, content, msg_fmt, msg_id, pk_total, pk_number, registered, level,
            service_id, fee_user, fee_terminal, fee_terminal_type, tp_pid, tp_udhi, fee_type, fee_code,
            valid_time, at_time, destination_type, link_id,
        )  # fmt: skip


def _read_content(read: Reader, msg_fmt: int) -> bytes:
    length = read.number(1)
    if length > MAX_CONTENT.get(msg_fmt, LONGEST_CONTENT):
        raise Malformed("Msg_Length is out of range")
    return read.octets(length)


@dataclass(frozen=True, slots=True)
class Answer:
    """SUBMIT_RESP and DELIVER_RESP: the message's id (8 bytes as a number) and a result, 0 is right."""

    msg_id: int
    result: int

    def encode(self) -> bytes:
        return self.msg_id.to_bytes(8, "big") + self.result.to_bytes(4, "big")

    @classmethod
    def decode(cls, body: bytes) -> Answer:
        read = Reader(body)
        found = cls(read.number(8), read.number(4))
        read.end()
        return found


@dataclass(frozen=True, slots=True)
class Deliver:
    """What a handset sent (`registered_delivery` 0) or a delivery report (1; `Report.decode` reads its content)."""

    msg_id: int
    dest_id: str
    src_terminal_id: str
    content: bytes
    msg_fmt: int = 8
    registered_delivery: int = 0
    service_id: str = ""
    tp_pid: int = 0
    tp_udhi: int = 0
    src_terminal_type: int = 0
    link_id: str = ""

    def encode(self) -> bytes:
        return b"".join(
            (
                self.msg_id.to_bytes(8, "big"),
                _text(self.dest_id, 21),
                _text(self.service_id, 10),
                bytes([self.tp_pid, self.tp_udhi, self.msg_fmt]),
                _text(self.src_terminal_id, 32),
                bytes([self.src_terminal_type, self.registered_delivery]),
                _content(self.content, self.msg_fmt),
                _text(self.link_id, 20),
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> Deliver:
        read = Reader(body)
        msg_id, dest_id, service_id = read.number(8), read.text(21), read.text(10)
        tp_pid, tp_udhi, msg_fmt = read.octets(3)
        source, source_type, registered = read.text(32), read.number(1), read.number(1)
        if registered not in (0, 1):
            raise Malformed("Registered_Delivery is neither 0 nor 1")
        content, link_id = _read_content(read, msg_fmt), read.text(20)
        read.end()
        return cls(
            msg_id,
            dest_id,
            source,
            content,
            msg_fmt,
            registered,
            service_id,
            tp_pid,
            tp_udhi,
            source_type,
            link_id,
        )


SHORT_REPORT = 60
"""Bytes of a report whose number has the 21 bytes of CMPP 2.0: many 3.0 gateways still send it so [R] (bigwhite/gocmpp)."""


@dataclass(frozen=True, slots=True)
class Report:
    """A status report's content: 71 bytes (or 60). Times are YYMMDDhhmm of the gateway, UTC+8."""

    msg_id: int
    stat: str
    submit_time: str
    done_time: str
    dest_terminal_id: str
    smsc_sequence: int = 0

    def encode(self) -> bytes:
        times = _text(self.submit_time, 10) + _text(self.done_time, 10)
        tail = _text(self.dest_terminal_id, 32) + self.smsc_sequence.to_bytes(4, "big")
        return self.msg_id.to_bytes(8, "big") + _text(self.stat, 7) + times + tail

    @classmethod
    def decode(cls, content: bytes) -> Report:
        read = Reader(content)
        msg_id, stat, submitted, done = read.number(8), read.text(7), read.text(10), read.text(10)
        number = read.text(21 if len(content) == SHORT_REPORT else 32)
        found = cls(msg_id, stat, submitted, done, number, read.number(4))
        read.end()
        if not stat:
            raise Malformed("Stat is empty")
        return found


def decode_active_test_resp(body: bytes) -> None:
    """One reserved byte; some gateways leave it out."""
    if len(body) > 1:
        raise Malformed("body is too long")
