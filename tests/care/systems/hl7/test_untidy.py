"""What real senders do to a message: it is taken as it was meant, or people see why not; nobody gets another's facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from care.hospital.models import HealthcareService
from care.patients.models import Condition, Patient, PatientStatus
from care.records.models import Encounter
from care.reports.models import DiagnosticReport
from care.systems import overview
from care.systems.hl7.message import decoded, header, parsed
from care.systems.models import Said, SystemMessage
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from store.ids import new_id
from tests.care.conftest import World
from tests.care.systems.hl7 import messages as said
from tests.care.systems.hl7.test_taking_messages import Wire


@pytest.fixture
def wire(database: Database, clock: VirtualClock, world: World) -> Wire:
    return Wire(database, clock)


async def codes(wire: Wire) -> set[str]:
    async with wire.database.read() as session:
        return set(await session.scalars(select(Condition.code)))


async def stay(wire: Wire) -> Encounter:
    async with wire.database.read() as session:
        return (await session.scalars(select(Encounter))).one()


async def wang(wire: Wire, world: World) -> Patient:
    async with wire.database.read() as session:
        return await session.get_one(Patient, world.wang)


# --- order ---


async def test_an_admission_heard_after_it_was_cancelled_leaves_nothing(wire: Wire) -> None:
    """Neither the stay nor the diagnoses and the operation told with it: no plan may start from them."""
    await wire.say(said.adt("A11", "2", said.pv1(), at="20261121130000"))
    await wire.say(said.stay("1"))
    assert await codes(wire) == set()
    async with wire.database.read() as session:
        kinds = list(await session.scalars(select(PatientEvent.kind)))
    assert not [one for one in kinds if one.startswith(("encounter.", "condition.", "procedure."))]


async def test_an_older_list_of_diagnoses_adds_nothing_to_a_newer_one(wire: Wire) -> None:
    await wire.say(said.adt("A08", "2", said.pv1(), said.dg1("H25.900", "白内障"), at="20261121120000"))
    late = said.adt(
        "A01", "1", said.pv1(), said.dg1("H25.900", "白内障"), said.dg1("C50.900", "乳房恶性肿瘤"), said.PR1
    )
    await wire.say(late)
    assert await codes(wire) == {"H25.900"}
    assert (await wire.last()).status == Said.ACCEPTED


async def test_a_list_told_before_a_message_without_one_still_counts(wire: Wire) -> None:
    """The discharge that came first said nothing of diagnoses."""
    await wire.say(said.discharge("2"))
    await wire.say(said.stay("1"))
    assert await codes(wire) == {"H25.900", "E11.900"}


async def test_what_waited_does_not_undo_what_came_after_it_in_the_same_second(
    wire: Wire, clock: VirtualClock
) -> None:
    """Discharged and taken back within a second; the discharge had to wait for its ward."""
    await wire.say(said.stay("1"))
    same = "20261121110000"
    await wire.say(said.discharge("2", at=same).replace("眼科", "火星科"))
    clock.advance(timedelta(milliseconds=300))
    await wire.say(said.adt("A13", "3", said.pv1(), at=same))
    async with wire.database.write() as session:
        eye = await session.scalar(select(HealthcareService).where(HealthcareService.code == "eye"))
        assert eye is not None
        eye.aliases = ["火星科"]
    async with wire.database.write() as session:
        dead = await session.scalar(select(SystemMessage).where(SystemMessage.status == Said.DEAD))
        assert dead is not None
        await overview.again(session, dead.id, staff_id=new_id(), now=clock.now())
    while await wire.applier.round():
        pass
    assert (await stay(wire)).end_date is None


# --- times ---


async def test_fractions_of_a_second_put_two_messages_in_order(wire: Wire) -> None:
    await wire.say(said.stay("1"))
    await wire.say(said.adt("A13", "3", said.pv1(), at="20261121110000.8000"))
    await wire.say(said.discharge("2", at="20261121110000.2000000"))
    assert (await stay(wire)).end_date is None


async def test_a_message_dated_by_the_day_alone_is_as_of_when_it_came(
    wire: Wire, clock: VirtualClock
) -> None:
    """Else it would be older than what the same morning brought."""
    clock.freeze(datetime(2026, 11, 21, 4, tzinfo=UTC))
    await wire.say(said.stay("1"))
    await wire.say(said.discharge("2", at="20261121"))
    assert (await stay(wire)).end_date == date(2026, 11, 20)


async def test_a_sender_whose_clock_is_ahead_does_not_silence_the_rest(
    wire: Wire, clock: VirtualClock
) -> None:
    await wire.say(said.stay("1").replace("|20261121100000||ADT", "|20621121100000||ADT"))
    clock.advance(timedelta(minutes=1))
    await wire.say(said.discharge("2", at=f"{clock.local():%Y%m%d%H%M%S}"))
    assert (await stay(wire)).end_date == date(2026, 11, 20)


@pytest.mark.parametrize("nothing", ["00010101000000", "19000101", "99991231235959", "00000000"])
async def test_a_placeholder_for_no_time_is_no_time(wire: Wire, world: World, nothing: str) -> None:
    """Databases' least and greatest dates: nobody died in 1900, nobody is discharged in 9999."""
    pid = said.PID + "|" * (29 - said.PID.count("|")) + nothing
    text = said.adt("A01", "1", said.pv1(ended=nothing), pid=pid)
    await wire.say(text)
    assert (await wire.last()).status == Said.ACCEPTED
    assert (await wang(wire, world)).status == PatientStatus.ACTIVE
    assert (await stay(wire)).end_date is None


@pytest.mark.parametrize(
    "written", ["2026-11-17 09:30:00", "2026-11-17T09:30:00+08:00", "2026/11/17 09:30", "20261117 093000"]
)
async def test_times_as_their_databases_write_them(wire: Wire, written: str) -> None:
    await wire.say(said.adt("A01", "1", said.pv1(started=written), at="2026-11-21 10:00:00.123"))
    assert (await stay(wire)).start_date == date(2026, 11, 17)


# --- what is missing, or wrong in one field ---


@pytest.mark.parametrize("born", ["19640230", "1964-3", "19640000"])
async def test_a_birth_date_that_is_none_costs_only_itself(wire: Wire, world: World, born: str) -> None:
    await wire.say(said.adt("A01", "1", said.pv1(), pid=said.PID.replace("19640312", born)))
    row = await wire.last()
    assert (row.status, (await stay(wire)).patient_id) == (Said.ACCEPTED, world.wang)
    assert "birth_date" in (row.answer or "")
    assert (await wang(wire, world)).birth_date == "1964-03-12"


async def test_a_birth_date_written_with_hyphens_is_read(wire: Wire) -> None:
    pid = (
        said.PID.replace("19640312", "1971-02-03").replace("D0000001", "N1").replace("990100196403120024", "")
    )
    await wire.say(said.adt("A28", "1", pid=pid))
    made = (await wire.last()).patient_id
    async with wire.database.read() as session:
        row = await session.get_one(Patient, made)
        assert row.birth_date == "1971-02-03"


async def test_a_bare_number_is_enough_for_who_is_known(wire: Wire, world: World) -> None:
    """Name and sex are not said again: both stay."""
    await wire.say(said.stay("1"))
    await wire.say(
        said.adt("A03", "2", said.pv1(ended=said.DISCHARGED), at="20261121110000", pid="PID|||D0000001^^^^MR")
    )
    assert (await wire.last()).status == Said.ACCEPTED
    row = await wang(wire, world)
    assert (row.name, row.sex) == ("王秀兰", "female")
    assert (await stay(wire)).end_date == date(2026, 11, 20)


async def test_a_correction_with_a_visit_without_number_is_taken(wire: Wire, world: World) -> None:
    moved = said.PID.replace("330106", "330108")
    await wire.say(said.adt("A08", "1", "PV1|1|N", pid=moved))
    assert (await wire.last()).status == Said.ACCEPTED
    assert (await wang(wire, world)).residence_code == "330108"


# --- two people, or one person twice ---


async def test_a_report_of_two_patients_in_one_message_goes_to_each(wire: Wire, world: World) -> None:
    second = [
        "PID|1||D0000002^^^云江医院^MR||LI JING",
        "OBR|1|P78|JY20261121002|BG07^血糖^L|||20261121080000|||||||||||||||20261121113000||LAB|F",
        "OBX|1|NM|GLU^葡萄糖^L||19.9|mmol/L|||||F",
    ]
    await wire.say(said.report() + said.text(*second))
    async with wire.database.read() as session:
        rows = await session.execute(select(DiagnosticReport.identifier, DiagnosticReport.patient_id))
        assert {row[0]: row[1] for row in rows} == {
            "JY20261121001": world.wang,
            "JY20261121002": world.lijing,
        }


@pytest.mark.parametrize("order", [0, 1])
async def test_two_record_numbers_in_one_message_are_one_known_person(
    wire: Wire, world: World, order: int
) -> None:
    both = ["D0000001^^^东院^MR", "X7700001^^^西院^MR"]
    pid = said.PID.replace("D0000001^^^云江医院^MR", "~".join(both[order:] + both[:order]))
    await wire.say(said.adt("A01", "1", said.pv1(), pid=pid))
    assert (await stay(wire)).patient_id == world.wang


# --- texts ---

LONG = [
    said.msh("ORU^R01^ORU_R01", "T1", "20261121120000"),
    "PID|1||D0000001^^^云江医院^MR||王秀兰",
    "OBR|1|P77|JY1|US01^腹部超声^L|||20261121080000|||||||||||||||20261121113000||RUS|F",
]


async def conclusion(wire: Wire) -> str | None:
    async with wire.database.read() as session:
        return (await session.scalars(select(DiagnosticReport))).one().conclusion


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("肝区光点密~胆囊壁毛糙", "肝区光点密\n胆囊壁毛糙"),
        (r"肝区光点密\X0D0A\胆囊壁毛糙", "肝区光点密\n胆囊壁毛糙"),
        (r"大小3\S\2\T\1 \F\ a\E\b\H\重\N\点", "大小3^2&1 | a\\b重点"),
        ("3^2 & 1", "3^2 & 1"),
        ("肝区光点密\n胆囊壁毛糙", "肝区光点密\n胆囊壁毛糙"),
        ("肝区光点密\r\n胆囊壁毛糙", "肝区光点密\n胆囊壁毛糙"),
        (r"\XB8CE\区光点密", "肝区光点密"),
    ],
)
async def test_the_whole_text_of_a_report_arrives(wire: Wire, field: str, read: str) -> None:
    assert await wire.say(said.text(*LONG, f"OBX|1|FT|N^说明^L||{field}||||||F")) == "AA"
    assert await conclusion(wire) == read


async def test_line_ends_of_windows_and_a_mark_of_byte_order(wire: Wire) -> None:
    text = said.stay("1").replace("\r", "\r\n")
    answer = await wire.receiver.answer(b"\xef\xbb\xbf" + text.encode())
    assert b"\rMSA|AA|1" in answer
    while await wire.applier.round():
        pass
    assert await codes(wire) == {"H25.900", "E11.900"}


@pytest.mark.parametrize("named", ["GBK", "gb2312", "GB18030-2000", "CP936", "", "8859/1", "ASCII"])
async def test_chinese_bytes_however_they_are_called(wire: Wire, world: World, named: str) -> None:
    pid = said.PID.replace("王秀兰^^^^^^L^I~Wang^Xiulan^^^^^L^A", "王秀珅")
    text = said.adt("A31", "1", pid=pid).replace("UNICODE UTF-8", named)
    answer = await wire.receiver.answer(text.encode("gbk"))
    assert b"\rMSA|AA|1" in answer and "云江医院".encode("gbk") in answer, (
        "answered in the sender's own bytes"
    )
    while await wire.applier.round():
        pass
    assert (await wang(wire, world)).name == "王秀珅"


def test_a_character_whose_second_byte_is_a_separator_moves_no_field() -> None:
    """GBK's second bytes begin at 0x40: `|`, `^`, `~` and the backslash are among them."""
    sign = next(chr(one) for one in range(0x4E00, 0x9FFF) if chr(one).encode("gb18030")[1:] == b"|")
    raw = said.text(said.msh("ADT^A28^ADT_A05", "1", charset="GBK").replace("云江", sign), said.PID).encode(
        "gbk"
    )
    head = header(raw)
    assert (head[10], head[18]) == ("1", "GBK")
    assert sign in decoded(raw, head)[0]


def test_signs_of_the_senders_own_choice() -> None:
    text = said.stay("1").replace("|^~\\&|", "|!%\\@|").replace("^", "!").replace("~", "%")
    message = parsed(text)
    assert message.head.kind == "ADT^A01"
    assert message.needed("PID").repeats(3)[1][0] == "990100196403120024"
