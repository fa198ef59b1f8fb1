"""A hospital's own messages over HTTP, JSON and SOAP, by a mapping: booked, refused, cancelled, asked after, never said twice unasked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from care.appointments import outside
from care.appointments.models import Appointment, Status
from care.patients.models import Patient
from care.systems.mapped.http import HttpSystem
from care.systems.mapped.messages import MessagesMapping
from care.systems.mapped.reading import MappingError, read_mapping
from care.systems.models import SystemMessage
from care.systems.outward import Outward
from care.systems.slots import mirror
from care.systems.watching import watch
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import build
from tests.care.systems.conftest import Hospital, at
from tests.factories.http_his import HttpHis

MAPPINGS = Path(__file__).parent / "mappings"


@pytest.fixture
async def peer() -> AsyncIterator[HttpHis]:
    async with HttpHis().serving() as found:
        found.clinic("Y1", "eye", [at(9), at(9, 10)])
        yield found


@pytest.fixture(params=["json", "soap"])
async def spoken(
    request: pytest.FixtureRequest, database: Database, clock: VirtualClock, peer: HttpHis
) -> AsyncIterator[Hospital]:
    async with database.write("build") as session:
        world = await build(session, clock, slots=False)
    mapping = read_mapping(str(MAPPINGS / f"{request.param}.yml"), MessagesMapping)
    system = HttpSystem(peer.url, mapping, clock, ZoneInfo("Asia/Shanghai"), timeout=30)
    outside.install(Outward(system.name))
    opened = Hospital(database, clock, world, system)
    await opened.mirror()
    yield opened
    await system.close()


async def test_booked_refused_and_cancelled(spoken: Hospital, peer: HttpHis) -> None:
    slot = await spoken.slot(at(9))
    assert (slot.practitioner_id, slot.fee_fen, slot.capacity) == (spoken.world.li, 1850, 1)
    peer.slots["2"]["syhs"] = "0"
    mine, other = (
        await spoken.book(spoken.world.wang, at(9)),
        await spoken.book(spoken.world.lijing, at(9, 10)),
    )
    await spoken.tell()
    assert (await spoken.appointment(mine)).status == Status.BOOKED
    assert (await spoken.appointment(other)).status == Status.CANCELLED
    assert await spoken.conflicts() == ["filled"]
    assert {(one[0], one[1]) for one in peer.patients} == {("D0000001", "王秀兰"), ("D0000002", "李静")}
    assert {one[2] for one in peer.patients} <= {"2", "女"}
    await spoken.cancel(mine)
    await spoken.tell()
    assert [row["zt"] for row in peer.booked] == ["2"]
    assert (await spoken.slot(at(9))).taken == 0
    assert (await spoken.system.check()).problem == ""


async def test_an_answer_that_breaks_off_is_asked_after(spoken: Hospital, peer: HttpHis) -> None:
    peer.silent = True
    mine = await spoken.book(spoken.world.wang, at(9))
    await spoken.tell()
    assert await spoken.messages() == [("book", "uncertain")]
    peer.silent = False
    await spoken.tell(2)
    assert (await spoken.appointment(mine)).status == Status.BOOKED
    assert len(peer.booked) == 1


async def test_what_it_does_not_have_is_not_said_again_unless_it_keeps_our_key(
    spoken: Hospital, peer: HttpHis
) -> None:
    peer.silent = True
    mine = await spoken.book(spoken.world.wang, at(9))
    await spoken.tell()
    peer.silent, peer.slots["1"]["syhs"] = False, "1"
    peer.booked.clear()  # it never came to be there
    await spoken.tell(4)
    row = await spoken.appointment(mine)
    if spoken.system.repeatable:
        assert (row.status, len(peer.booked)) == (Status.BOOKED, 1)
    else:
        assert (row.status, len(peer.booked)) == (Status.PENDING, 0)
        assert await spoken.messages() == [("book", "dead")]
        assert len(spoken.alarms) == 1


async def test_its_own_changes_are_heard(spoken: Hospital, peer: HttpHis) -> None:
    mine = await spoken.book(spoken.world.wang, at(9))
    await spoken.tell()
    await watch(spoken.database, spoken.clock, spoken.system)
    peer.booked[0] |= {"zt": "2", "xgsj": "2099-01-01 00:00:00"}
    await watch(spoken.database, spoken.clock, spoken.system)
    assert (await spoken.appointment(mine)).status == Status.CANCELLED


async def test_what_its_counter_books_is_ours_and_can_be_cancelled(spoken: Hospital, peer: HttpHis) -> None:
    await watch(spoken.database, spoken.clock, spoken.system)
    sex = "1" if isinstance(spoken.system, HttpSystem) and spoken.system._mapping.format == "json" else "男"
    at_counter = {
        "zt": "1",
        "sj": "2026-11-24 09:10:00",
        "xgsj": "2099-01-01 00:00:00",
        "hyid": "2",
        "ysgh": "Y1",
    }
    peer.booked.append({"yyh": "C1", "wbh": "", "blh": "N1", "xm": "陈新", "xb": sex, **at_counter})
    peer.slots["2"]["syhs"] = "0"
    await watch(spoken.database, spoken.clock, spoken.system)
    await watch(spoken.database, spoken.clock, spoken.system)
    async with spoken.database.read() as session:
        row = (await session.scalars(select(Appointment))).one()
        patient = await session.get_one(Patient, row.patient_id)
    assert (row.start, patient.name, patient.sex) == (at(9, 10), "陈新", "male")
    peer.silent = True
    await spoken.cancel(row.id)
    await spoken.tell()
    peer.silent, peer.booked[0]["zt"] = (
        False,
        "1",
    )  # it was not heard after all, and under our key there is nothing
    await spoken.tell(2)
    assert peer.booked[0]["zt"] == "2"
    assert (await spoken.slot(at(9, 10))).taken == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("id: data.yyh", "id: 'data.['"), "is no JMESPath"),
        (('wbh: "{key}", hyid', 'wbh: "{nummer}", hyid'), "speaks of nummer"),
        (('"1001": full', '"1001": voll'), "reasons maps to voll"),
        (
            ("  rows: data.list\n  columns: {id: hyid,", "  rows: data.list\n  columns: {"),
            "schedules.columns lacks id",
        ),
    ],
)
def test_a_mistake_in_the_mapping_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    path = tmp_path / "hospital.yml"
    before = (MAPPINGS / "json.yml").read_text("utf-8")
    assert change[0] in before
    path.write_text(before.replace(*change), "utf-8")
    with pytest.raises(MappingError) as error:
        read_mapping(str(path), MessagesMapping)
    assert named in str(error.value)


@pytest.mark.parametrize(
    "declares", ['<?xml version="1.0" encoding="utf-16"?>', '\r\n<?xml version="1.0" encoding="GB2312"?>\r\n']
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_answers_in_other_bytes_and_texts_that_speak_of_theirs(
    spoken: Hospital, peer: HttpHis, encoding: str, declares: str
) -> None:
    """.NET's StringWriter calls every text UTF-16; a text inside an answer has no bytes of its own."""
    peer.encoding, peer.declares = encoding, declares
    peer.slots["2"]["syhs"] = "0"
    mine, other = (
        await spoken.book(spoken.world.wang, at(9)),
        await spoken.book(spoken.world.lijing, at(9, 10)),
    )
    await spoken.tell()
    assert (await spoken.appointment(mine)).status == Status.BOOKED
    assert (await spoken.appointment(other)).status == Status.CANCELLED
    async with spoken.database.read() as session:
        said = await session.scalars(select(SystemMessage).where(SystemMessage.reason == "full"))
        assert [one.answer for one in said] == ["号源已满"]


async def test_a_request_is_written_in_the_bytes_its_header_names(spoken: Hospital, peer: HttpHis) -> None:
    mapping = spoken.system._mapping  # type: ignore[attr-defined]
    headers = {
        "Content-Type": f"{'text/xml' if mapping.format == 'xml' else 'application/json'}; charset=GBK"
    }
    mapping = mapping.model_copy(update={"book": mapping.book.model_copy(update={"headers": headers})})
    system = HttpSystem(peer.url, mapping, spoken.clock, ZoneInfo("Asia/Shanghai"), timeout=30)
    spoken.system = system
    await spoken.book(spoken.world.wang, at(9))
    await spoken.tell()
    await system.close()
    assert [one[1] for one in peer.patients] == ["王秀兰"]


async def test_one_row_that_cannot_be_read_is_shown_and_stops_no_other(
    spoken: Hospital, peer: HttpHis
) -> None:
    peer.slots["9"] = {**peer.slots["1"], "hyid": "9", "kssj": "停诊", "jssj": ""}
    assert await mirror(spoken.database, spoken.clock, spoken.system) is not None
    mine = await spoken.book(spoken.world.wang, at(9))
    await spoken.tell()
    await watch(spoken.database, spoken.clock, spoken.system)
    peer.booked.insert(0, {"yyh": "YY9", "wbh": "", "zt": "7", "sj": "", "xgsj": "2099-01-01 09:00:00"})
    peer.booked[1] |= {"zt": "2", "xgsj": "2099-01-01 09:00:00"}
    await watch(spoken.database, spoken.clock, spoken.system)
    assert (await spoken.appointment(mine)).status == Status.CANCELLED
    assert sorted(await spoken.conflicts()) == ["cancelled", "unread"]
