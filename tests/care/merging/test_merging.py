"""Two records of one person become one: what each had is there once, and what is not clearly one person is left to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, select

from care.appointments import service as appointments
from care.appointments.models import Appointment, Slot, Status
from care.appointments.views import Held
from care.consents import service as consents
from care.consents.models import ConsentNow, Purpose
from care.merging import moving, service
from care.merging.service import NotMerged, bring_over
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientContact, PatientStatus, Relation
from care.records.models import Encounter
from channels.contacts import service as contacts
from store.audit import AuditRow
from store.base import Base
from store.events import PatientEvent
from tests.care.conftest import PEOPLE
from tests.care.plans.conftest import Ward, plan_of, step

SAME = replace(PEOPLE["wang"], record_number="D0009999", phone="19900000099", id_number=None, sex="unknown")


async def second_record(ward: Ward, **changes: Any) -> UUID:
    async with ward.database.write() as session:
        return (await patients.create(session, replace(SAME, **changes), ward.clock.now())).id


async def merged(ward: Ward, gone: UUID, kept: UUID, **how: Any) -> bool:
    async with ward.database.write() as session:
        return await service.merge(session, gone, kept, at=ward.clock.now(), actor="system:his", **how)


async def booked(ward: Ward, patient: UUID, number: int) -> UUID:
    """An appointment in the eye clinic's slot of that number."""
    async with ward.database.write() as session:
        slots = await session.scalars(
            select(Slot.id).where(Slot.department_id == ward.world.eye).order_by(Slot.start)
        )
        slot = slots.all()[number]
        held = await appointments.hold(session, slot_id=slot, patient_id=patient, now=ward.clock.now())
        assert isinstance(held, Held), held
        await appointments.confirm(session, held.hold_id, now=ward.clock.now(), created_via="staff")
        return slot


def test_every_table_with_a_patient_in_it_is_moved() -> None:
    known = {table.name for table, _ in moving.owned()} | moving.NOT_MOVED.keys()
    missing = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("patient_id") or any(key.column.table.name == "patient" for key in column.foreign_keys)
        if table.name not in known
    ]  # fmt: skip
    assert missing == []


async def test_what_both_had_is_there_once(ward: Ward) -> None:
    kept, gone, now = ward.world.wang, await second_record(ward), ward.clock.now()
    await ward.publish(plan_of(step("a", 1), step("b", 5)), plan_of(step("x", 20), name="other", stops=[]))
    stay = await ward.discharged(kept, ward.today)
    twin = await ward.discharged(gone, ward.today)
    await ward.tick()
    assert [one[1] for one in await ward.plans(kept) + await ward.plans(gone)] == ["active"] * 4
    slot = await booked(ward, gone, 0)
    async with ward.database.write() as session:
        for one in (kept, gone):
            await patients.add_condition(session, one, "H25.900", "老年性白内障", None, at=now)
        await patients.add_condition(session, gone, "E11.900", "2型糖尿病", None, at=now)
        other, _ = await contacts.ensure(session, "sms", "sms-1", "+8619900000099", now)
        await patients.link_contact(session, gone, other.id, Relation.SELF, at=now)
        mine = (await patients.contacts_of_patients(session, [kept]))[kept][0].contact_id
        await patients.link_contact(session, gone, mine, Relation.SELF, at=now)
        for one, granted, later in ((kept, True, 1), (gone, False, 2)):
            await consents.decide(
                session,
                subject="patient",
                subject_id=one,
                purpose=Purpose.RESEARCH,
                granted=granted,
                text_version="v1",
                channel="staff",
                proof="test",
                now=now + timedelta(minutes=later),
            )

    assert await merged(ward, gone, kept)
    assert not await merged(ward, gone, kept), "a second time nothing is left to do"

    async with ward.database.read() as session:
        for table, column in moving.owned():
            left = await session.scalar(select(func.count()).where(column == gone))
            assert left == 0, f"{table.name} still has rows of the closed record"
        closed, stands = await session.get_one(Patient, gone), await session.get_one(Patient, kept)
        assert (closed.status, closed.replaced_by) == (PatientStatus.MERGED, kept)
        assert (stands.phone, stands.sex) == ("+8619900000001", "female"), "its own word counts"
        assert (await session.scalars(select(Encounter.id))).all() == [stay], f"{twin} is the same stay"
        codes = await session.scalars(select(Condition.code).where(Condition.patient_id == kept))
        assert sorted(codes) == ["E11.900", "H25.900"]
        assert await session.scalar(select(Appointment.patient_id).where(Appointment.slot_id == slot)) == kept
        links = await session.scalars(
            select(PatientContact.contact_id).where(PatientContact.patient_id == kept)
        )
        assert set(links) == {mine, other.id}
        research = await session.get_one(ConsentNow, (kept, Purpose.RESEARCH))
        assert not research.granted, "the later decision holds"
        told = await session.execute(
            select(PatientEvent.kind, PatientEvent.patient_id).where(
                PatientEvent.kind.like("patient.merged%")
            )
        )
        assert {tuple(row) for row in told} == {("patient.merged", gone), ("patient.merged_in", kept)}
        trail = await session.scalars(select(AuditRow.subject).where(AuditRow.action.like("patient.merged%")))
        assert set(trail) == {f"patient:{gone}", f"patient:{kept}"}
        assert (await patients.search(session, "王秀兰")) == [stands]
        assert (await patients.search(session, "D0009999")) == [stands]
    assert sorted(await ward.plans(kept)) == [
        ("after", "active", None),
        ("after", "revoked", "record_merged"),
        ("other", "active", None),
        ("other", "revoked", "record_merged"),
    ]
    for day in (1, 5, 20):
        await ward.at(day)
        await ward.sent_all()
    texts = await ward.said()
    assert len(texts) == 3, f"each step once: {texts}"


async def test_a_plan_of_the_closed_record_alone_goes_on(ward: Ward) -> None:
    kept, gone = ward.world.wang, await second_record(ward)
    await ward.publish(plan_of(step("a", 1)))
    await ward.discharged(gone, ward.today)
    await ward.tick()
    assert await merged(ward, gone, kept)
    await ward.tick()
    assert await ward.plans(kept) == [("after", "active", None)]
    await ward.at(1)
    assert len(await ward.said()) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "李静"}, "name"),
        ({"birth_date": date(1990, 7, 21)}, "birth_date"),
        ({"sex": "male"}, "sex"),
        ({"id_number": "990100199007210046"}, "id_number"),
    ],
)
async def test_who_may_be_two_people_is_left_to_people(
    ward: Ward, changes: dict[str, Any], code: str
) -> None:
    gone = await second_record(ward, **changes)
    with pytest.raises(NotMerged) as error:
        await merged(ward, gone, ward.world.wang)
    assert (error.value.code, error.value.detail) == ("identities_differ", code)
    assert await merged(ward, gone, ward.world.wang, confirmed=True)


async def test_a_name_written_otherwise_is_settled_by_the_citizens_number(ward: Ward) -> None:
    gone = await second_record(ward, name="王秀蘭", id_number=PEOPLE["wang"].id_number)
    assert await merged(ward, gone, ward.world.wang)


async def test_the_daughter_of_one_is_not_the_other(ward: Ward) -> None:
    gone = await second_record(ward)
    async with ward.database.write() as session:
        mine = (await patients.contacts_of_patients(session, [ward.world.wang]))[ward.world.wang][0]
        await patients.link_contact(session, gone, mine.contact_id, Relation.MOTHER, at=ward.clock.now())
    with pytest.raises(NotMerged, match="two_people"):
        await merged(ward, gone, ward.world.wang)


async def test_two_appointments_of_a_half_day_are_not_chosen_between(ward: Ward) -> None:
    gone = await second_record(ward)
    await booked(ward, gone, 0)
    await booked(ward, ward.world.wang, 1)
    with pytest.raises(NotMerged, match="two_appointments"):
        await merged(ward, gone, ward.world.wang, confirmed=True)
    async with ward.database.read() as session:
        live = select(func.count()).where(Appointment.status == Status.BOOKED)
        assert await session.scalar(live) == 2


async def test_what_still_comes_under_the_closed_record_is_brought_over(ward: Ward) -> None:
    kept, gone = ward.world.wang, await second_record(ward)
    third = await second_record(ward, record_number="D0009998")
    assert await merged(ward, gone, third)
    assert await merged(ward, third, kept), "and a record that others were merged into"
    await ward.discharged(gone, ward.today)
    assert await bring_over(ward.database, ward.clock) == 1
    assert await bring_over(ward.database, ward.clock) == 0
    async with ward.database.read() as session:
        assert (await session.scalars(select(Encounter.patient_id))).all() == [kept]
        for number in ("D0009999", "D0009998"):
            found = await patients.get_by_record_number(session, number)
            assert found is not None and found.id == kept


@pytest.mark.parametrize("died", ["gone", "kept"])
async def test_who_died_by_either_record_hears_no_more(ward: Ward, died: str) -> None:
    kept, gone = ward.world.wang, await second_record(ward)
    await ward.publish(plan_of(step("a", 1)))
    await ward.discharged(gone if died == "kept" else kept, ward.today)
    await ward.tick()
    async with ward.database.write() as session:
        row = await session.get_one(Patient, {"gone": gone, "kept": kept}[died])
        await patients.set_status(session, row, PatientStatus.DIED, at=ward.clock.now(), actor="system:his")
    with pytest.raises(NotMerged, match="status"):
        await merged(ward, gone, kept)
    assert await merged(ward, gone, kept, confirmed=True)
    async with ward.database.read() as session:
        assert (await session.get_one(Patient, kept)).status == PatientStatus.DIED
    assert await ward.plans(kept) == [("after", "revoked", "died")]
    await ward.at(1)
    await ward.sent_all()
    assert await ward.said() == []


async def test_looking_for_what_still_comes_costs_the_same_for_many_records(ward: Ward) -> None:
    said: list[str] = []

    async def statements() -> int:
        said.clear()
        assert await bring_over(ward.database, ward.clock) == 0
        return len(said)

    for engine in (ward.database.reader, ward.database.writer):
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *seen: said.append(seen[2]))
    assert await merged(ward, await second_record(ward), ward.world.wang)
    one = await statements()
    for number in range(3):
        gone = await second_record(ward, record_number=f"D000888{number}")
        assert await merged(ward, gone, ward.world.wang)
    assert await statements() == one
