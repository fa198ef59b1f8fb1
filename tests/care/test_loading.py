"""Loading a hospital's own files: every wrong row named, all or nothing."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from care import files, loading
from care.appointments.models import Schedule
from care.files import LoadError, LoadReport
from care.hospital.models import Practitioner
from care.patients import service as patients
from care.patients.models import Patient
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

PATIENTS = """病历号,姓名,性别,出生日期,手机号,身份证号,备注
M001,钱多多,女,1988/5/6,199 0000 0101,,随便
M002,孙 小美,F,19920102,,990100199201020019,
D0000001,王秀兰,女,,19900000099,,
"""
SCHEDULE = """工号,医生,职称,科室,星期,午别,开始时间,结束时间,号间隔,号数,挂号费
Y9,高远,主任医师,眼科门诊,周三,上午,08:00,11:30,15,2,28.50
Y1,李敏,主任医师,眼科,2,am,09:00,10:30,10,1,18元
"""


async def test_patients_are_added_and_brought_up_to_date(
    database: Database, world: World, clock: VirtualClock
) -> None:
    for expected in (LoadReport(2, 1), LoadReport(0, 3)):
        async with database.write() as session:
            rows = files.rows_of_csv(PATIENTS)
            assert await loading.load_patients(session, rows, clock.now()) == expected
    async with database.read() as session:
        [found] = await patients.search(session, "多多")
        assert (found.record_number, found.sex, found.birth_date) == ("M001", "female", "1988-05-06")
        [found] = await patients.search(session, "0019")
        assert found.name == "孙小美"
        [found] = await patients.search(session, "19900000099")
        assert (found.id, found.birth_year) == (world.wang, 1964)


async def test_every_wrong_patient_row_is_named_and_nothing_is_written(
    database: Database, world: World, clock: VirtualClock
) -> None:
    bad = (
        "record_number,name,sex,birth_date,phone\n"
        "N1,好人,男,1990-01-01,19900000111\n"
        ",无号,男,,\n"
        "\n"
        "N3,无性别,,1990-13-01,12345\n"
        "N1,重复,女,2990-01-01,\n"
    )
    async with database.write() as session:
        with pytest.raises(LoadError) as caught:
            await loading.load_patients(session, files.rows_of_csv(bad), clock.now())
    named = {(error.row, error.field) for error in caught.value.errors}
    assert named == {
        (3, "record_number"),
        (5, "sex"),
        (5, "birth_date"),
        (5, "phone"),
        (6, "birth_date"),
        (6, "record_number"),
    }
    assert "12345" not in str(caught.value), "messages repeat no data"
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Patient)) == 4


async def test_schedules(database: Database, world: World) -> None:
    for expected in (LoadReport(1, 1), LoadReport(0, 2)):
        async with database.write() as session:
            rows = files.rows_of_csv(SCHEDULE)
            assert await loading.load_schedule(session, rows) == expected
    async with database.read() as session:
        doctor = (await session.scalars(select(Practitioner).where(Practitioner.code == "Y9"))).one()
        clinic = (await session.scalars(select(Schedule).where(Schedule.practitioner_id == doctor.id))).one()
        assert (doctor.department_id, clinic.weekday, clinic.part) == (world.eye, 2, "morning")
        assert (clinic.ends, clinic.capacity, clinic.fee_fen) == (time(11, 30), 2, 2850)
        promoted = await session.get_one(Practitioner, world.li)
        assert promoted.title == "主任医师"


async def test_every_wrong_clinic_is_named(database: Database, world: World) -> None:
    bad = (
        "工号,医生,职称,科室,星期,午别,开始时间,结束时间,号间隔,号数,挂号费\n"
        "Y1,李敏,主任医师,魔法科,周八,半夜,9点,08:00,1,0,免费\n"
        "Y5,甲,医师,眼科,周一,上午,09:00,08:00,10,1,8\n"
        "Y6,乙,医师,眼科,周一,上午,08:00,09:00,10,1,8\n"
        "Y6,丙,医师,眼科,周一,上午,08:00,09:00,10,1,8\n"
    )
    async with database.write() as session:
        with pytest.raises(LoadError) as caught:
            await loading.load_schedule(session, files.rows_of_csv(bad))
    named = {(error.row, error.field) for error in caught.value.errors}
    assert named == {
        *((2, field) for field in ("department", "weekday", "part", "starts", "slot_minutes")),
        *((2, field) for field in ("capacity", "fee")),
        (3, "ends"),
        (5, "starts"),
        (5, "practitioner_code"),
    }


async def test_what_is_exported_loads_again(database: Database, world: World) -> None:
    async with database.write() as session:
        exported = await loading.export_schedule(session)
        assert [(row["practitioner"], row["weekday"], row["fee"]) for row in exported] == [
            ("李敏", 2, "18.00"),
            ("赵强", 2, "8.00"),
            ("钱进", 2, "28.00"),
        ]
        assert str(await loading.load_schedule(session, exported)) == "0 new, 3 updated"
        assert await loading.export_schedule(session) == exported


def test_files_as_hospitals_have_them(tmp_path: Path) -> None:
    excel = tmp_path / "patients.csv"
    excel.write_bytes(PATIENTS.encode("gb18030"))
    [first, *_] = files.read_rows(excel)
    assert (first.number, first.values["name"]) == (2, "钱多多")
    assert "备注" not in first.values
    listed = tmp_path / "patients.json"
    listed.write_text('[{"病历号": 12, "姓名": "钱多多", "性别": null}]', encoding="utf-8")
    [row] = files.read_rows(listed)
    assert (row.number, row.values) == (1, {"record_number": "12", "name": "钱多多"})
    listed.write_text('{"name": "甲"}\n\n{"name": "乙"}\n', encoding="utf-8")
    assert [row.values["name"] for row in files.read_rows(listed)] == ["甲", "乙"]
    listed.write_text("{", encoding="utf-8")
    with pytest.raises(LoadError, match="not JSON"):
        files.read_rows(listed)


async def test_a_file_that_says_nothing_of_it_opens_no_confidential_record(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async def load(*cells: str) -> bool:
        row = {"病历号": "D0000001", "姓名": "王秀兰", "性别": "女", **({"保密": cells[0]} if cells else {})}
        async with database.write() as session:
            await loading.load_patients(session, [row], clock.now())
        async with database.read() as session:
            return (await session.get_one(Patient, world.wang)).confidential

    assert not await load()
    assert await load("是")
    assert await load(), "loaded again without the column"
    assert not await load("否")
