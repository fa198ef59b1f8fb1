"""What is stored is taken: in order for a person, once, and what cannot be taken waits or dies with a reason."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.models import HealthcareService
from care.observations.models import Observation
from care.patients.models import Condition, Patient
from care.records.models import Encounter, Procedure
from care.reports.models import DiagnosticReport
from care.systems import overview
from care.systems.hl7.applying import LATER, Applier
from care.systems.hl7.codes import read_codes
from care.systems.hl7.receiving import Receiver
from care.systems.models import Said, SystemMessage
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from store.ids import new_id
from tests.care.conftest import World
from tests.care.systems.hl7 import messages as said


class Wire:
    """The listener's inside without its socket, and the worker behind it."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        codes = read_codes()
        self.database, self.clock, self.died = database, clock, list[str]()
        self.receiver = Receiver(database, clock, codes)
        self.applier = Applier(database, clock, codes, self._alarm)

    async def _alarm(self, session: AsyncSession, row: SystemMessage, now: Any) -> None:
        self.died.append(str(row.reason))

    async def say(self, text: str, encoding: str = "utf-8") -> str:
        answer = await self.receiver.answer(text.encode(encoding))
        while await self.applier.round():
            pass
        return answer.decode(encoding).split("\rMSA|")[1][:2]

    async def count(self, table: Any) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0

    async def last(self) -> SystemMessage:
        async with self.database.read() as session:
            newest = select(SystemMessage).order_by(SystemMessage.id.desc()).limit(1)
            return (await session.scalars(newest)).one()


@pytest.fixture
def wire(database: Database, clock: VirtualClock, world: World) -> Wire:
    return Wire(database, clock)


async def test_a_stay_arrives_with_its_diagnoses_its_operation_and_its_end(wire: Wire, world: World) -> None:
    assert [await wire.say(one) for one in (said.stay(), said.discharge(), said.stay())] == ["AA"] * 3
    assert await wire.count(SystemMessage) == 2, "the repeat is the same message"
    async with wire.database.read() as session:
        stay = (await session.scalars(select(Encounter))).one()
        assert (stay.patient_id, stay.department_id, stay.start_date, stay.end_date) == (
            world.wang,
            world.eye,
            date(2026, 11, 17),
            date(2026, 11, 20),
        )
        assert set(await session.scalars(select(Condition.code))) == {"H25.900", "E11.900"}
        operation = (await session.scalars(select(Procedure))).one()
        assert (operation.code, operation.performed_date) == ("13.4100", date(2026, 11, 17))
        patient = await session.get_one(Patient, world.wang)
        assert (patient.name, patient.residence_code) == ("王秀兰", "330106")
        kinds = await session.scalars(select(PatientEvent.kind).where(PatientEvent.patient_id == world.wang))
        assert {"encounter.admitted", "encounter.discharged", "procedure.performed"} <= set(kinds)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_cancelled_and_reinstated_in_whatever_order_it_comes(
    wire: Wire, order: tuple[int, ...]
) -> None:
    """Discharged, discharge taken back, admission cancelled as a whole: the last word counts, whenever it is heard."""
    heard = [
        said.discharge("1", at="20261121110000"),
        said.adt("A13", "2", said.pv1(), at="20261121120000"),
        said.adt("A11", "3", said.pv1(), at="20261121130000"),
    ]
    await wire.say(said.stay("0"))
    for number in order:
        await wire.say(heard[number])
    assert (await wire.count(Encounter), await wire.count(Condition), await wire.count(Procedure)) == (
        0,
        0,
        0,
    )
    assert wire.died == []


async def test_a_discharge_before_its_admission_waits_for_it(wire: Wire, clock: VirtualClock) -> None:
    early = said.adt("A03", "2", said.pv1(started="", ended=said.DISCHARGED), at="20261121110000")
    await wire.say(early)
    waiting = await wire.last()
    assert (waiting.status, waiting.reason, waiting.due_at) == (
        Said.QUEUED,
        "no_admission",
        clock.now() + LATER[0],
    )
    await wire.say(said.stay("1"))
    clock.advance(LATER[0])
    assert await wire.applier.round() == 1
    async with wire.database.read() as session:
        assert (await session.scalars(select(Encounter))).one().end_date == date(2026, 11, 20)


async def test_what_never_fits_dies_with_its_reason_and_holds_nobody_up(
    wire: Wire, world: World, clock: VirtualClock
) -> None:
    nowhere = said.adt("A01", "1", said.pv1(place="火星科", number="ZY9"))
    await wire.say(nowhere)
    dead = await wire.last()
    assert (dead.status, dead.dead_reason, dead.answer) == (Said.DEAD, "department", "火星科")
    assert dead.patient_id == world.wang, "reading it is reading of hers"
    await wire.say(said.report())
    assert await wire.count(DiagnosticReport) == 1
    await wire.say(said.report("R9").replace("D0000001", "X0000009"))
    for wait in LATER:
        clock.advance(wait)
        while await wire.applier.round():
            pass
    assert wire.died == ["department", "no_patient"]


async def test_diagnoses_no_longer_listed_are_taken_back_and_unknown_codes_named(wire: Wire) -> None:
    await wire.say(said.stay())
    again = said.adt(
        "A08",
        "2",
        said.pv1(),
        said.dg1("H25.900", "老年性白内障"),
        said.dg1("BZ01", "某病", system="院内码"),
        at="20261121110000",
    )
    await wire.say(again)
    row = await wire.last()
    assert (row.status, row.reason, row.answer) == (Said.ACCEPTED, "left_out", "code_system: DG1 BZ01 院内码")
    async with wire.database.read() as session:
        assert list(await session.scalars(select(Condition.code))) == ["H25.900"]


async def test_the_patient_is_corrected_even_when_the_visit_is_not_known(wire: Wire, world: World) -> None:
    moved = said.PID.replace("330106", "330108")
    await wire.say(said.adt("A08", "1", said.pv1(started="", number="ZY8"), pid=moved))
    async with wire.database.read() as session:
        assert (await session.get_one(Patient, world.wang)).residence_code == "330108"
    assert (await wire.last()).answer == "no_admission: ZY8"


async def test_a_report_with_its_number_and_its_correction(wire: Wire, world: World) -> None:
    await wire.say(said.report("R1"))
    await wire.say(said.report("R2", status="C", glucose="5.6", at="20261121130000"))
    async with wire.database.read() as session:
        row = (await session.scalars(select(DiagnosticReport))).one()
        assert (row.identifier, row.title, row.status, row.category) == (
            "JY20261121001",
            "血糖",
            "amended",
            "LAB",
        )
        assert row.conclusion == "标本无异常\n空腹采血"
        number = (await session.scalars(select(Observation))).one()
        assert (number.code, number.value, number.unit) == ("15074-8", 5.6, "mmol/L")
        assert (await session.get_one(Patient, world.wang)).name == "王秀兰", "a laboratory renames nobody"
    assert (await wire.last()).answer == "observation: CRP"


async def test_chinese_in_gb18030(wire: Wire) -> None:
    pid = (
        said.PID.replace("D0000001", "N0000001")
        .replace("王秀兰", "䶮㐂")
        .replace("~990100196403120024^^^CN^NI", "")
    )
    text = said.adt("A28", "1", pid=pid).replace("UNICODE UTF-8", "GB 18030-2000")
    assert await wire.say(text, "gb18030") == "AA"
    made = (await wire.last()).patient_id
    async with wire.database.read() as session:
        row = await session.get_one(Patient, made)
        assert row.name == "䶮㐂"


async def test_a_control_id_used_again_for_something_else_is_not_lost(wire: Wire) -> None:
    await wire.say(said.stay("1"))
    assert await wire.say(said.discharge("1")) == "AA"
    assert await wire.say(said.discharge("1")) == "AA"
    assert await wire.count(SystemMessage) == 2
    async with wire.database.read() as session:
        assert (await session.scalars(select(Encounter))).one().end_date == date(2026, 11, 20)


async def test_in_the_same_second_the_later_one_counts(wire: Wire, clock: VirtualClock) -> None:
    same = "20261121100000"
    await wire.receiver.answer(said.stay("1").encode())
    await wire.receiver.answer(said.discharge("2", at=same).encode())
    clock.advance(timedelta(seconds=1))
    while await wire.applier.round():
        pass
    async with wire.database.read() as session:
        assert (await session.scalars(select(Encounter))).one().end_date == date(2026, 11, 20)


async def test_a_dead_message_is_tried_again_from_the_page(wire: Wire, clock: VirtualClock) -> None:
    await wire.say(said.adt("A01", "1", said.pv1(place="火星科", number="ZY9")))
    dead = await wire.last()
    async with wire.database.write() as session:
        (
            await session.scalars(select(HealthcareService).where(HealthcareService.code == "eye"))
        ).one().aliases = ["火星科"]
        assert await overview.again(session, dead.id, staff_id=new_id(), now=clock.now())
    assert await wire.applier.round() == 1
    assert ((await wire.last()).status, await wire.count(Encounter)) == (Said.ACCEPTED, 1)


def test_every_reason_has_words() -> None:
    known = yaml.safe_load((ROOT / "data" / "seed" / "system_words.yml").read_text("utf-8"))["reasons"]
    folders = (ROOT / "care" / "systems" / "hl7", ROOT / "care" / "systems" / "taking")
    raised = {
        code
        for folder in folders
        for file in folder.glob("*.py")
        for code in re.findall(r'Unusable\(\s*"(\w+)"', file.read_text("utf-8"))
    }
    assert len(raised) > 15 and raised <= known.keys()
