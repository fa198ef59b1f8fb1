"""Departments and doctors found in what a patient wrote, on the demo hospital's own names."""

from __future__ import annotations

import pytest

from care.hospital import seed, service
from care.hospital.gazetteer import Gazetteer, GazetteerCache
from care.hospital.models import STANDARD_DEPARTMENTS, HealthcareService
from store.database import Database
from tests.care.conftest import World


async def _gazetteer(database: Database) -> Gazetteer:
    async with database.write() as session:
        await seed.seed_hospital(session)
    async with database.read() as session:
        return await GazetteerCache().get(session)


DEPARTMENTS = {
    "我想挂眼科": "眼科",
    "挂个心内科的号": "心血管内科",
    "神经外科还有号吗": "神经外科",
    "看牙科": "口腔科",
    "Ｅｎｔ 耳鼻喉 科": "耳鼻咽喉科",
    "不看普外科，看骨科": "普通外科",
    "给宝宝挂小儿科": "儿科",
    "妇科": "妇产科",
    "被狗咬了去犬伤门诊": "犬伤门诊",
    "发热门诊在哪": "发热门诊",
    "想看个心理科": "精神心理科",
    "中医院": "中医科",
    "随便看看": None,
    "": None,
}


async def test_departments_are_found_by_the_longest_name(database: Database) -> None:
    gazetteer = await _gazetteer(database)
    for text, name in DEPARTMENTS.items():
        match = gazetteer.find_department(text)
        assert (match.department.name if match else None) == name, text
    both = gazetteer.find_departments("眼科还是耳鼻喉科")
    assert [(match.department.name, match.text) for match in both] == [
        ("眼科", "眼科"),
        ("耳鼻咽喉科", "耳鼻喉科"),
    ]


async def test_every_standard_department_is_there_and_finds_itself(database: Database) -> None:
    gazetteer = await _gazetteer(database)
    for name in STANDARD_DEPARTMENTS:
        match = gazetteer.find_department(f"我要看{name}")
        assert match is not None
        assert match.department.standard == name
    async with database.read() as session:
        bookable = await service.departments(session, bookable=True)
        assert {row.standard for row in bookable} == set(STANDARD_DEPARTMENTS) - {"急诊科"}
        for row in bookable:
            assert await service.practitioners(session, row.id), f"{row.name} has no doctor"
        of_infection = await service.departments_of_standard(session, "感染科")
        assert [row.name for row in of_infection] == ["感染科", "发热门诊", "肠道门诊"]


async def test_doctors_by_name_and_by_surname_and_title(database: Database) -> None:
    gazetteer = await _gazetteer(database)
    named = gazetteer.find_practitioner("想约李敏副主任医师周四的号")
    assert named is not None
    assert named.exact
    assert [doctor.name for doctor in named.candidates] == ["李敏"]
    eye = named.candidates[0].department_id
    vague = gazetteer.find_practitioner("李主任什么时候出诊")
    assert vague is not None
    assert not vague.exact
    assert "李敏" in {doctor.name for doctor in vague.candidates}
    assert {doctor.name[0] for doctor in vague.candidates} == {"李"}
    inside = gazetteer.find_practitioner("李医生", department_id=eye)
    assert inside is not None
    assert [doctor.name for doctor in inside.candidates] == ["李敏"]
    assert gazetteer.find_practitioner("想找个好点的医生") is None


async def test_the_cache_is_refreshed_when_told(database: Database, world: World) -> None:
    cache = GazetteerCache(max_age=3600)
    async with database.read() as session:
        assert (await cache.get(session)).find_department("泌尿外科") is None
    async with database.write() as session:
        row = await session.get_one(HealthcareService, world.men)
        row.aliases = ["泌尿外科"]
    async with database.read() as session:
        assert (await cache.get(session)).find_department("泌尿外科") is None
        cache.clear()
        match = (await cache.get(session)).find_department("泌尿外科")
    assert match is not None
    assert match.department.name == "男科"


@pytest.mark.parametrize(("private", "said"), [(True, "门诊楼3层东"), (False, "男科")])
async def test_a_sensitive_department_is_a_place_where_others_may_read(
    database: Database, world: World, private: bool, said: str
) -> None:
    async with database.read() as session:
        row = await service.department(session, world.men)
        assert row is not None
        assert service.spoken_place(row, private=private) == said
