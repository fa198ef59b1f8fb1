"""The wire, with python-hl7's own client at the other end, and with everything a network does to a message."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hl7.client import MLLPClient
from sqlalchemy import func, select

from care.systems.hl7.client import Line, NoAnswer, NotHeard
from care.systems.hl7.codes import read_codes
from care.systems.hl7.framing import framed
from care.systems.hl7.listener import Door, Listener
from care.systems.hl7.receiving import Receiver
from care.systems.models import SystemMessage
from server.hl7 import door
from server.settings import Settings
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.care.systems.hl7 import messages as said


@pytest.fixture
async def receiver(database: Database, clock: VirtualClock) -> Receiver:
    return Receiver(database, clock, read_codes())


@pytest.fixture
async def listener(receiver: Receiver) -> AsyncIterator[Listener]:
    started = Listener(Door("127.0.0.1", 0, largest=20_000), receiver, patience=0.5)
    await started.start()
    yield started
    await started.stop()


async def stored(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(SystemMessage)) or 0


async def test_another_library_is_answered_and_a_repeat_hears_the_same(
    database: Database, listener: Listener
) -> None:
    def play() -> list[str]:
        """Its client writes UTF-8, with CR at each end."""
        with MLLPClient("127.0.0.1", listener.port) as client:
            return [client.send_message(one).decode() for one in (said.stay(), said.stay(), said.discharge())]

    first, again, third = await asyncio.to_thread(play)
    assert "MSA|AA|A1" in first and "MSA|AA|A2" in third and "云江医院" in first
    assert first == again
    assert await stored(database) == 2


@pytest.mark.parametrize(
    ("broken", "answer", "error"),
    [
        (said.stay().replace("|A1|", "||"), "AE", "101"),
        (said.stay().replace("ADT^A01^ADT_A01", "MDM^T02^MDM_T02"), "AR", "200"),
        (said.stay().replace("ADT^A01^ADT_A01", "ADT^A60^ADT_A60"), "AR", "201"),
        (said.stay().replace("|2.5.1|", "|3.0|"), "AR", "203"),
        (said.stay().replace("UNICODE UTF-8", "UNICODE UTF-32"), "AE", "102"),
        (said.stay().replace("PID|", "ZID|"), "AE", "100"),
        (said.stay().replace("PV1|", "$|"), "AE", "100"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_its_reason(
    database: Database, receiver: Receiver, broken: str, answer: str, error: str
) -> None:
    heard = (await receiver.answer(broken.encode())).decode()
    assert f"\rMSA|{answer}|" in heard and f"\rERR|||{error}^^HL70357|E" in heard
    assert await stored(database) == 0


async def test_a_sender_in_enhanced_mode_gets_commit_answers(receiver: Receiver) -> None:
    asks = said.stay().replace("||||||UNICODE UTF-8", "|||AL|NE||UNICODE UTF-8")
    assert b"\rMSA|CA|A1" in await receiver.answer(asks.encode())


async def test_a_message_in_pieces_two_in_one_and_noise_between(
    database: Database, listener: Listener
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    whole = framed(said.stay("1").encode())
    for piece in (b"\r\n", whole[:1], whole[1:40], whole[40:-1], whole[-1:]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    writer.write(framed(b"junk") + b"noise" + framed(said.discharge("2").encode()))
    heard = b""
    while heard.count(b"\x1c") < 3:
        heard += await asyncio.wait_for(reader.read(65536), 30)
    assert [line[4:6] for line in heard.split(b"\r") if line.startswith(b"MSA")] == [b"AA", b"AR", b"AA"]
    assert await stored(database) == 2
    writer.close()


async def test_one_message_too_large_and_one_never_finished_cost_only_their_connection(
    database: Database, listener: Listener
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"\x0b" + said.stay("9").encode() + b"x" * 30_000)
    heard = await asyncio.wait_for(reader.read(), 30)
    assert b"MSA|AR|9" in heard and b"ERR|||207" in heard
    half_reader, half_writer = await asyncio.open_connection("127.0.0.1", listener.port)
    half_writer.write(b"\x0b" + said.stay("8").encode())
    assert await asyncio.wait_for(half_reader.read(), 30) == b"", "closed without an answer"
    line = Line("127.0.0.1", listener.port, timeout=30)
    assert (await line.say(said.stay("7").encode(), "7")).code == "AA"
    await line.close()
    for one in (writer, half_writer):
        one.close()
    assert await stored(database) == 1


async def test_many_senders_at_once_are_each_answered(database: Database, listener: Listener) -> None:
    async def sender(number: int) -> list[str]:
        line = Line("127.0.0.1", listener.port, timeout=60)
        try:
            names = [f"{number}-{turn}" for turn in range(5)]
            return [(await line.say(said.stay(name).encode(), name)).code for name in names]
        finally:
            await line.close()

    heard = await asyncio.gather(*(sender(number) for number in range(8)))
    assert heard == [["AA"] * 5] * 8
    assert await stored(database) == 40


async def test_while_the_database_is_away_nothing_is_answered(
    database: Database, clock: VirtualClock, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    closed = Listener(Door("127.0.0.1", 0), Receiver(away, clock, read_codes()))
    await closed.start()
    line = Line("127.0.0.1", closed.port, timeout=30)
    try:
        with pytest.raises(NoAnswer):
            await line.say(said.stay().encode(), "A1")
    finally:
        await line.close()
        await closed.stop()
        await away.close()


async def test_who_is_not_among_the_peers_is_turned_away(receiver: Receiver) -> None:
    inner = Door("127.0.0.1", 0, peers=[ipaddress.ip_network("10.0.0.0/8")])
    listener = Listener(inner, receiver)
    await listener.start()
    line = Line("127.0.0.1", listener.port, timeout=30)
    with pytest.raises(NoAnswer):
        await line.say(said.stay().encode(), "A1")
    port = listener.port
    await listener.stop()
    with pytest.raises(NotHeard):
        await Line("127.0.0.1", port, timeout=30).say(b"", "")


async def test_with_tls_only_who_shows_a_certificate_is_heard(
    database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    """One certificate plays authority, listener and sender."""
    pem = tmp_path / "both.pem"
    pem.write_bytes(self_signed())
    settings = Settings(hl7_listen="127.0.0.1:0", hl7_tls_certificate=str(pem), hl7_tls_authority=str(pem))
    listener = Listener(door(settings), receiver)
    await listener.start()
    known = ssl.create_default_context(cafile=str(pem))
    known.load_cert_chain(str(pem))
    stranger = ssl.create_default_context(cafile=str(pem))
    try:
        line = Line("127.0.0.1", listener.port, tls=known, timeout=30)
        assert (await line.say(said.stay().encode(), "A1")).taken
        await line.close()
        for tls in (stranger, None):
            with pytest.raises((NoAnswer, NotHeard)):
                await Line("127.0.0.1", listener.port, tls=tls, timeout=5).say(said.stay("2").encode(), "2")
    finally:
        await listener.stop()
    assert await stored(database) == 1


def self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hl7.test")])
    begins = real_now() - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3650))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


async def test_ten_megabytes_are_refused_and_the_connection_goes_on(
    database: Database, listener: Listener
) -> None:
    """The sender reads its answer after it has said everything: closing before that would cost it the answer."""
    line = Line("127.0.0.1", listener.port, timeout=60)
    huge = said.stay("9").encode() + b"OBX|1|ED|SCAN||" + b"x" * 10_000_000 + b"\r"
    heard = await line.say(huge, "9")
    assert (heard.code, heard.error) == ("AR", 207)
    assert (await line.say(said.stay("7").encode(), "7")).code == "AA"
    await line.close()
    assert await stored(database) == 1
