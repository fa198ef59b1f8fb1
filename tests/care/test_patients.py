"""Patients: finding them, their status, contacts and timeline; nothing readable at rest."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from care.patients import family, identity
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from care.patients.service import PatientData
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("王秀兰", ["王秀兰"]),
        ("秀兰", ["王秀兰"]),
        ("李", ["李静"]),
        (" 王 秀兰 ", ["王秀兰"]),
        ("d0000003", ["张伟"]),
        ("D0000003", ["张伟"]),
        ("19900000002", ["李静"]),
        ("+86 199 0000 0002", ["李静"]),
        ("0006", ["赵小满"]),
        ("0024", ["王秀兰"]),
        ("990100199007210046", ["李静"]),
        ("兰秀", []),
        ("不存在", []),
        ("", []),
    ],
)
async def test_search(database: Database, world: World, query: str, names: list[str]) -> None:
    async with database.read() as session:
        assert [patient.name for patient in await patients.search(session, query)] == names


async def test_a_changed_name_is_found_and_the_old_one_is_not(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        row = await session.get_one(Patient, world.zhang)
        await patients.update(session, row, PatientData("D0000003", "张大伟", "male", None, "19900000033"))
    async with database.read() as session:
        assert [row.name for row in await patients.search(session, "大伟")] == ["张大伟"]
        assert await patients.search(session, "张伟") == []
        found = await patients.search(session, "19900000033")
        assert [row.id for row in found] == [world.zhang]
        assert found[0].birth_year == 1981, "what the new data does not say stays"


async def test_nothing_personal_is_readable_in_the_file(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        await patients.link_contact(
            session, world.wang, uuid4(), Relation.MOTHER, at=clock.now(), label="我的老妈妈"
        )
    async with database.read() as session:
        dump = [
            repr(tuple(row))
            for table in ("patient", "patient_name_piece", "patient_contact")
            for row in await session.execute(text(f"SELECT * FROM {table}"))
        ]
    whole = "\n".join(dump)
    for secret in ("王秀兰", "19900000001", "D0000001", "1964-03-12", "990100196403120024", "老妈妈"):
        assert secret not in whole
    assert "1964" in whole, "the birth year stays plain, for audiences"


async def test_death_is_told_once(database: Database, world: World, clock: VirtualClock) -> None:
    async with database.write() as session:
        row = await session.get_one(Patient, world.wang)
        now = clock.now()
        assert await patients.set_status(session, row, PatientStatus.DIED, at=now, actor="staff:1")
        assert not await patients.set_status(session, row, PatientStatus.DIED, at=now, actor="staff:1")
    async with database.read() as session:
        told = await patients.timeline(session, world.wang, kinds=["patient.died"])
        assert [(event.at, event.data) for event in told] == [(clock.now(), {"before": "active"})]


async def test_contacts_of_a_family(database: Database, world: World, clock: VirtualClock) -> None:
    wechat, phone, stranger = uuid4(), uuid4(), uuid4()
    now = clock.now()
    async with database.write() as session:
        assert await patients.link_contact(session, world.wang, wechat, Relation.MOTHER, at=now, label="老妈")
        later = now + timedelta(minutes=1)
        assert await patients.link_contact(session, world.lijing, wechat, Relation.SELF, at=later)
        assert await patients.link_contact(session, world.lijing, phone, Relation.SELF, at=later)
        assert not await patients.link_contact(session, world.lijing, phone, Relation.OTHER, at=later)
    async with database.read() as session:
        linked = await patients.patients_of_contact(session, wechat)
        assert [(one.patient.name, one.relation, one.label) for one in linked] == [
            ("李静", Relation.SELF, None),
            ("王秀兰", Relation.MOTHER, "老妈"),
        ]
        assert await patients.own_contacts(session, wechat) == sorted([wechat, phone])
        assert await patients.own_contacts(session, stranger) == [stranger]
        found = await patients.contacts_of_patients(session, [world.wang, world.lijing, world.zhang])
        assert [row.contact_id for row in found[world.wang]] == [wechat]
        assert {row.contact_id for row in found[world.lijing]} == {wechat, phone}
        assert found[world.zhang] == []
        for said, names in {
            "我妈眼睛看东西模糊": ["王秀兰"],
            "给老妈挂个号": ["王秀兰"],
            "给王秀兰约": ["王秀兰"],
            "我自己看": ["李静"],
            "我儿子发烧": [],
            "我妈说孩子发烧": [],
            "想看眼科": [],
        }.items():
            assert [one.patient.name for one in family.meant(said, linked)] == names, said
    async with database.write() as session:
        assert await patients.unlink_contact(session, world.wang, wechat, at=now)
        assert not await patients.unlink_contact(session, world.wang, wechat, at=now)
    async with database.read() as session:
        assert [one.patient.id for one in await patients.patients_of_contact(session, wechat)] == [
            world.lijing
        ]


async def test_conditions_and_timeline(database: Database, world: World, clock: VirtualClock) -> None:
    now = clock.now()
    async with database.write() as session:
        day = date(2026, 11, 2)
        assert await patients.add_condition(session, world.wang, "E11.900", "2型糖尿病", day, at=now)
        assert not await patients.add_condition(session, world.wang, "E11.900", "2型糖尿病", day, at=now)
        for hours in (3, 1, 2):
            at = now - timedelta(hours=hours)
            patients.record_event(session, world.wang, "encounter.finished", at, hours=hours)
    async with database.read() as session:
        assert [row.code for row in await patients.conditions(session, world.wang)] == ["E11.900"]
        line = await patients.timeline(session, world.wang)
        assert [row.data.get("hours", 0) for row in line] == [0, 1, 2, 3]
        earlier = await patients.timeline(session, world.wang, before=line[1].at)
        assert [row.data["hours"] for row in earlier] == [2, 3]


def test_masks_and_ages() -> None:
    assert [identity.mask_name(name) for name in ("王秀兰", "张伟", "欧阳静怡", "李")] == [
        "王*兰",
        "张*",
        "欧**怡",
        "李",
    ]
    assert identity.mask_phone("+8619900000001") == "199****0001"
    assert identity.parse_phone("１９９ 0000 0001") == "+8619900000001"
    assert identity.parse_phone("12345") is None
    assert identity.age_on(date(2026, 3, 11), date(1964, 3, 12), 1964) == 61
    assert identity.age_on(date(2026, 3, 12), date(1964, 3, 12), 1964) == 62
    assert identity.age_on(date(2026, 3, 12), None, 1964) == 62
    assert identity.age_on(date(2026, 3, 12), None, None) is None
    assert identity.fold_name("阿依古丽•买买提") == identity.fold_name("阿依古丽·买买提")
