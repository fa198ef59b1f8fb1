"""The record system's facts from files: every wrong row named, all or nothing, the same file twice changes nothing."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from care import files
from care.files import LoadError, LoadReport
from care.loading import load_patients
from care.patients.models import Condition, Patient, PatientTag
from care.records.loading import load_records
from care.records.models import Encounter, Pregnancy, Procedure
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World

TODAY = date(2026, 11, 22)
FILES = {
    "conditions": "病历号,诊断编码,诊断名称,确诊日期,治愈日期\nD0000001,E11.900,2型糖尿病,2026/11/02,\nD0000003,I10.x00,高血压,2020-01-05,2026-01-01\n",
    "encounters": "病历号,就诊类型,科室,入院日期,出院日期\nD0000001,住院,眼科门诊,2026-11-01,2026-11-09\nD0000001,门诊,眼科,20261120,\nD0000002,急诊,眼科,2026-11-20,\n",
    "procedures": "病历号,手术编码,手术名称,状态,手术日期,科室\nD0000001,13.4100,白内障超声乳化,完成,2026-11-03,眼科\nD0000003,81.5400,全膝关节置换,计划,2026-12-03,\n",
    "pregnancies": "病历号,末次月经,妊娠结束日期,结局\nD0000002,2026-06-01,,\nD0000001,2025-01-01,2025-10-05,分娩\n",
}
TABLES = {"conditions": Condition, "encounters": Encounter, "procedures": Procedure, "pregnancies": Pregnancy}


@pytest.mark.parametrize("what", FILES)
async def test_a_file_is_loaded_and_the_same_again_changes_nothing(
    database: Database, world: World, what: str
) -> None:
    rows = files.rows_of_csv(FILES[what])
    for expected in (LoadReport(len(rows), 0), LoadReport(0, len(rows))):
        async with database.write() as session:
            assert await load_records(session, what, rows, TODAY) == expected
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TABLES[what])) == len(rows)


async def test_rows_say_what_the_files_said_and_the_timeline_hears_of_them(
    database: Database, world: World
) -> None:
    async with database.write() as session:
        for what, text in FILES.items():
            await load_records(session, what, files.rows_of_csv(text), TODAY)
        changed = FILES["conditions"].replace("2026-01-01", "2025-01-01")
        await load_records(session, "conditions", files.rows_of_csv(changed), TODAY)
    async with database.read() as session:
        old = (await session.scalars(select(Condition).where(Condition.code == "I10.x00"))).one()
        assert (old.patient_id, old.recorded_date, old.ended_date) == (
            world.zhang,
            date(2020, 1, 5),
            date(2025, 1, 1),
        )
        stay = (await session.scalars(select(Encounter).where(Encounter.kind == "inpatient"))).one()
        assert (stay.patient_id, stay.department_id, stay.end_date) == (
            world.wang,
            world.eye,
            date(2026, 11, 9),
        )
        planned = (await session.scalars(select(Procedure).where(Procedure.status == "planned"))).one()
        assert planned.department_id is None
        events = list(
            await session.scalars(select(PatientEvent).where(PatientEvent.patient_id == world.wang))
        )
        assert sorted((one.kind, one.at.date(), one.data.get("code", "")) for one in events) == [
            ("condition.diagnosed", date(2026, 11, 2), "E11.900"),
            ("encounter.admitted", date(2026, 11, 1), ""),
            ("encounter.discharged", date(2026, 11, 9), ""),
            ("encounter.finished", date(2026, 11, 20), ""),
            ("pregnancy.birth", date(2025, 10, 5), ""),
            ("pregnancy.registered", date(2025, 1, 1), ""),
            ("procedure.performed", date(2026, 11, 3), "13.4100"),
        ]


BAD = {
    "conditions": (
        "病历号,诊断编码,诊断名称,确诊日期,治愈日期\nX9,E11,糖,2026-11-02,\nD0000001,,高血压,2027-01-05,\n"
        "D0000001,I10,高血压,2026-01-05,2025-01-01\nD0000002,K29,胃炎,2026-01-05,\nD0000002,K29,胃炎,2026-02-05,\n",
        {(2, "record_number"), (3, "code"), (3, "recorded_date"), (4, "ended_date"), (6, "record_number")},
    ),
    "encounters": (
        "病历号,就诊类型,科室,入院日期,出院日期\nD0000001,飞行,魔法科,2026-13-01,\nD0000001,住院,眼科,2026-11-09,2026-11-01\n",
        {(2, "kind"), (2, "department"), (2, "start_date"), (3, "end_date")},
    ),
    "procedures": (
        "病历号,手术编码,手术名称,状态,手术日期\nD0000001,81.54,膝,完成,2027-01-01\nD0000001,,膝,随便,\n",
        {(2, "performed_date"), (3, "code"), (3, "status"), (3, "performed_date")},
    ),
    "pregnancies": (
        "病历号,末次月经,妊娠结束日期,结局\nD0000001,2026-12-01,,\nD0000002,2026-06-01,2026-05-01,分娩\nD0000003,2026-06-01,2026-07-01,\n",
        {(2, "lmp_date"), (3, "ended_date"), (4, "outcome")},
    ),
}


@pytest.mark.parametrize("what", BAD)
async def test_every_wrong_row_is_named_and_nothing_is_written(
    database: Database, world: World, what: str
) -> None:
    text, expected = BAD[what]
    async with database.write() as session:
        with pytest.raises(LoadError) as caught:
            await load_records(session, what, files.rows_of_csv(text), TODAY)
    assert {(error.row, error.field) for error in caught.value.errors} == expected
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TABLES[what])) == 0


async def test_patients_bring_where_they_live_and_their_tags(
    database: Database, world: World, clock: VirtualClock
) -> None:
    text = "病历号,姓名,性别,区划代码,语言,标签\nD0000001,王秀兰,女,330106,zh,家庭医生签约、独居\nM2,新人,男,,en,\n"
    for _ in range(2):
        async with database.write() as session:
            await load_patients(session, files.rows_of_csv(text), clock.now())
    async with database.read() as session:
        row = await session.get_one(Patient, world.wang)
        assert (row.residence_code, row.language) == ("330106", "zh")
        tags = await session.execute(select(PatientTag.patient_id, PatientTag.tag).order_by(PatientTag.tag))
        assert [tuple(one) for one in tags] == [(world.wang, "家庭医生签约"), (world.wang, "独居")]
    async with database.write() as session:
        with pytest.raises(LoadError, match="residence_code"):
            await load_patients(session, files.rows_of_csv(text.replace("330106", "杭州")), clock.now())
