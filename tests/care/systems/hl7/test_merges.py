"""ADT A40 and A02 as the record system sends them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from care.hospital.models import HealthcareService
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.records.models import Encounter
from care.systems import merging
from care.systems.hl7.codes import read_codes
from care.systems.models import Said
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from store.ids import new_id
from tests.care.conftest import World
from tests.care.systems.hl7 import messages as said
from tests.care.systems.hl7.test_taking_messages import Wire

OLD = "PID|1||D0009999^^^云江医院^MR||王秀兰^^^^^^L^I||19640312|F"


@pytest.fixture
def wire(database: Database, clock: VirtualClock, world: World) -> Wire:
    return Wire(database, clock)


@pytest.mark.parametrize("event", ["A40", "A34", "A18"])
async def test_a_second_record_is_closed_and_its_stay_moves(wire: Wire, world: World, event: str) -> None:
    await wire.say(said.adt("A01", "1", said.pv1(), pid=OLD))
    assert await wire.say(said.merge("2", "D0009999", event=event)) == "AA"
    assert (
        await wire.say(said.adt("A03", "3", said.pv1(ended=said.DISCHARGED), at="20261121140000", pid=OLD))
        == "AA"
    )
    assert wire.died == []
    async with wire.database.read() as session:
        stay = (await session.scalars(select(Encounter))).one()
        assert (stay.patient_id, stay.end_date is not None) == (world.wang, True)
        stands = await session.get_one(Patient, world.wang)
        assert (stands.record_number, stands.phone) == ("D0000001", "+8619900000001")
        closed = await session.scalars(select(Patient).where(Patient.replaced_by.is_not(None)))
        assert [(one.replaced_by, one.status) for one in closed] == [(world.wang, PatientStatus.MERGED)]
        events = select(PatientEvent.kind).where(PatientEvent.patient_id == world.wang)
        assert {"encounter.admitted", "encounter.discharged", "patient.merged_in"} <= set(
            await session.scalars(events)
        )


async def test_what_was_said_of_a_record_before_it_was_closed_makes_nobody_anew(
    wire: Wire, world: World
) -> None:
    assert await wire.say(said.merge("1", "D0009999")) == "AA"
    await wire.say(said.adt("A28", "2", pid=OLD, at="20261121120000"))
    assert await wire.count(Patient) == 4
    assert wire.died == []


async def test_two_people_are_not_made_one_unless_somebody_has_looked(wire: Wire, world: World) -> None:
    await wire.say(said.merge("1", "D0000002"))
    row = await wire.last()
    assert (row.status, row.reason, row.answer) == (
        Said.DEAD,
        "identities_differ",
        "id_number,name,birth_date",
    )
    assert wire.died == ["identities_differ"]
    staff = new_id()
    async with wire.database.write() as session:
        assert await merging.confirm(
            session, row.id, "电话核对过", read_codes(), staff_id=staff, now=wire.clock.now()
        )
    async with wire.database.write() as session:
        again = await merging.confirm(
            session, row.id, "再点一次", read_codes(), staff_id=staff, now=wire.clock.now()
        )
        assert not again
    async with wire.database.read() as session:
        found = await patients.get_by_record_number(session, "D0000002")
        assert found is not None and found.id == world.wang
    row = await wire.last()
    assert (row.status, row.settled_by, row.note) == (Said.ACCEPTED, staff, "电话核对过")


async def test_a_merge_without_mrg_is_refused_at_once(wire: Wire) -> None:
    assert await wire.say(said.adt("A40", "1")) == "AE"


async def test_moved_to_another_ward_and_back(wire: Wire, world: World) -> None:
    async with wire.database.write() as session:
        eye = await session.get_one(HealthcareService, world.eye)
        other = HealthcareService(
            id=new_id(), code="heart", name="心内科", standard="心血管内科", aliases=[], kind="clinic",
            location_id=eye.location_id, room="5", place="住院楼5层", phone_ext="1", position=9, active=True,
        )  # fmt: skip
        session.add(other)
    await wire.say(said.adt("A01", "1", said.pv1()))
    await wire.say(said.adt("A02", "2", said.pv1(place="眼科^14^1^云江医院"), at="20261121110000"))
    await wire.say(said.adt("A02", "3", said.pv1(place="心内科^1^1^云江医院"), at="20261121120000"))
    await wire.say(said.adt("A02", "3", said.pv1(place="心内科^1^1^云江医院"), at="20261121120000"))
    async with wire.database.read() as session:
        assert (await session.scalars(select(Encounter))).one().department_id == other.id
    await wire.say(said.adt("A12", "4", said.pv1(), at="20261121130000"))
    async with wire.database.read() as session:
        assert (await session.scalars(select(Encounter))).one().department_id == world.eye
        rows = await session.scalars(
            select(PatientEvent).where(PatientEvent.kind.like("encounter.%")).order_by(PatientEvent.id)
        )
        told = [(one.kind, one.data.get("department"), one.data.get("from_id")) for one in rows]
    assert told == [
        ("encounter.admitted", "eye", None),
        ("encounter.transferred", "heart", str(world.eye)),
        ("encounter.corrected", "eye", None),
    ], "a bed in the same ward is no transfer"
