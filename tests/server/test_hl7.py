"""The setting makes a listener; the command plays a file against it, and says what became of each message."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from care.records.models import Encounter
from care.systems.hl7.codes import CodesError, read_codes
from server.cli.__main__ import app
from server.cli.hl7 import messages_in
from server.hl7 import add_hl7, door, hl7_system
from server.settings import ROOT, Settings, SettingsError
from server.supervisor import free_ports
from server.work import Work
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import build

STAY = ROOT / "docs" / "examples" / "stay.hl7"


async def test_the_example_of_the_docs_arrives_by_the_command(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write() as session:
        world = await build(session, clock)
    (port,) = free_ports(1)
    settings = Settings(hl7_listen=f"127.0.0.1:{port}", hl7_peers="127.0.0.0/8")
    house = cast(Any, SimpleNamespace(settings=settings, database=database, clock=clock, work=Work()))
    add_hl7(house)
    house.work.start(with_workers=True)
    try:
        play = ["hl7", "send", str(STAY), "--to", f"127.0.0.1:{port}"]
        async with asyncio.timeout(120):
            while "3 of 3 messages were taken" not in (said := await asyncio.to_thread(run, play)):
                assert "nobody answers" in said  # the listener has not begun yet
        assert "ADT^A03  DEMO-2" in said
        async with asyncio.timeout(120):
            while await ended(database) is None:
                await asyncio.sleep(0.05)
        broken = await asyncio.to_thread(run, play, STAY.read_text("utf-8").replace("|2.5.1|", "|3.0|"))
        assert "AR 203" in broken and "0 of 3" in broken
    finally:
        await house.work.stop()
    assert (await ended(database)) is not None and world.wang


def run(arguments: list[str], text: str = "") -> str:
    given = [*arguments[:2], "-", *arguments[3:]] if text else arguments
    result = CliRunner().invoke(app, given, input=text)
    return result.output + str(result.exception or "")


async def ended(database: Database) -> object:
    async with database.read() as session:
        return await session.scalar(select(Encounter.end_date))


def test_a_file_is_taken_apart_however_its_lines_end() -> None:
    one, two = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\rPID|2\r"
    for raw in (
        one + two,
        b"\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\r",
        b"\xef\xbb\xbf" + (one + b"\r" + two).replace(b"\r", b"\r\n"),
        (one + two).replace(b"\r", b"\n"),
    ):
        assert messages_in(raw) == [one, two]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"hl7_peers": "10.0.0.0/33"}, "BANYI_HL7_PEERS"),
        ({"hl7_tls_certificate": "/nowhere.pem"}, "BANYI_HL7_TLS_CERTIFICATE"),
    ],
)
def test_a_wrong_setting_names_itself(values: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        door(Settings(hl7_listen="127.0.0.1:2575", **values))


def test_where_bookings_go_is_a_url(clock: VirtualClock) -> None:
    assert hl7_system(Settings(his_url="mllp://127.0.0.1:2575/HIS/A"), clock)._peer == ("HIS", "A")
    for wrong in ("", "http://x:1", "mllp://host", "mllp://host:abc"):
        with pytest.raises(SettingsError, match="BANYI_HIS_URL"):
            hl7_system(Settings(his_url=wrong), clock)


def test_the_hospitals_codes_go_over_ours(tmp_path: Path) -> None:
    own = tmp_path / "codes.yml"
    own.write_text("departments: {YK01: 眼科}\n", "utf-8")
    assert read_codes(own).departments == {"YK01": "眼科"} and read_codes(own).sexes["F"] == "female"
    for wrong in (
        "departmens: {}",
        "departments: []",
        "visits: {I: somewhere}",
        "observations: {K: 1-1}",
        ": [",
    ):
        own.write_text(wrong, "utf-8")
        with pytest.raises(CodesError):
            read_codes(own)
