"""A hospital's database as it really is: empty columns, other types, locks, bytes of another encoding, ten thousand rows of one second."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine

from care.appointments.models import Appointment, Slot, Status
from care.patients.models import Patient
from care.systems.mapped import views as views_module
from care.systems.mapped.reading import read_mapping
from care.systems.mapped.tables import ViewsMapping
from care.systems.mapped.views import ViewsSystem
from care.systems.models import SystemState
from care.systems.slots import mirror
from care.systems.watching import watch
from tests.care.systems.conftest import Hospital, at
from tests.care.systems.test_views import MAPPING, Peer, peer, views
from tests.factories.servers import Postgres

__all__ = ["peer", "views"]
ZONE = ZoneInfo("Asia/Shanghai")


async def heard(hospital: Hospital) -> int:
    return await watch(hospital.database, hospital.clock, hospital.system)


async def test_rows_with_holes_cost_no_other(views: Hospital, peer: Peer) -> None:
    """No time, no doctor, no end, no number of places, no fee: left out and counted, or read as far as they go."""
    await peer.run(
        "INSERT INTO his.haoyuan VALUES (11, 'Y1', 'eye', '20261124', NULL, NULL, 1, 18), (12, NULL, 'eye', '20261124', '10:00', '10:10', 1, 18),"
        " (13, 'Y1', NULL, '20261124', '10:20', NULL, 1, NULL), (14, 'Y1', 'eye', NULL, '10:30', '10:40', 1, 18),"
        " (15, 'Y1', 'eye', '20261124', '10:40', '10:50', NULL, 18)"
    )
    done = await mirror(views.database, views.clock, views.system)
    assert done is not None and done.unknown == 4, "Y9's, and three of these"
    async with views.database.read() as session:
        slot = (await session.scalars(select(Slot).where(Slot.start == at(10, 20)))).one()
        assert (slot.end, slot.capacity, slot.department_id) == (at(10, 30), 1, views.world.eye)
        assert (await session.scalars(select(Slot.capacity).where(Slot.start == at(10, 40)))).one() == 0


async def test_a_status_nobody_mapped_is_shown_and_the_rest_is_heard(views: Hospital, peer: Peer) -> None:
    booked = await views.book(views.world.wang, at(9))
    for _ in range(2):
        await views.tell()
        await peer.answer()
    await views.tell()
    await heard(views)
    await peer.run("INSERT INTO his.yuyue (hyxh, zt, blh, xm, xb) VALUES (2, '8', 'D0000002', '李静', '女')")
    await peer.run("UPDATE his.yuyue SET zt = '2', xgsj = clock_timestamp() WHERE wbyyh IS NOT NULL")
    await heard(views)
    await heard(views)
    assert (await views.appointment(booked)).status == Status.CANCELLED
    assert sorted(await views.conflicts()) == ["cancelled", "unread"]


async def test_one_statement_there_may_change_more_than_is_read_at_once(
    views: Hospital, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_module, "AT_ONCE", 2)
    await heard(views)
    rows = ", ".join(f"(2, 'N{one}', '病人{one}', '女', now() + interval '1 minute')" for one in range(5))
    await peer.run(f"INSERT INTO his.yuyue (hyxh, blh, xm, xb, xgsj) VALUES {rows}")
    await peer.run(
        "INSERT INTO his.yuyue (hyxh, blh, xm, xb, xgsj) VALUES (3, 'N9', '后来', '女', now() + interval '2 minutes'), (3, 'N8', '无', '女', NULL)"
    )
    for _ in range(3):
        await heard(views)
    async with views.database.read() as session:
        found = select(Patient.record_number_hash, Appointment.id).join(
            Appointment, Appointment.patient_id == Patient.id
        )
        assert len((await session.execute(found)).all()) == 6


async def test_a_wish_fits_columns_of_other_types(views: Hospital, peer: Peer) -> None:
    """Slot numbers as numbers, moments and money as texts."""
    await peer.run(
        "ALTER TABLE his.yy_zjb ALTER hyxh TYPE int USING hyxh::int, ALTER yysj TYPE text, ALTER ghf TYPE text, ALTER sjh TYPE bigint USING NULL"
    )
    async with views.database.write() as session:
        (await session.get_one(Patient, views.world.wang)).phone = "19900000001"
    booked = await views.book(views.world.wang, at(9))
    await views.tell()
    assert await peer.rows("SELECT hyxh, yysj, ghf, sjh FROM his.yy_zjb") == [
        (1, "2026-11-24 09:00:00", "18.50", 19900000001)
    ]
    await peer.answer()
    await views.tell()
    assert (await views.appointment(booked)).status == Status.BOOKED


@pytest.mark.parametrize(
    "rule", ["ALTER sjh SET NOT NULL, ADD CHECK (sjh <> '+8619900000001')", "ALTER xm TYPE varchar(2)"]
)
async def test_a_wish_its_table_never_takes_is_refused_at_once(
    views: Hospital, peer: Peer, rule: str
) -> None:
    await peer.run(f"ALTER TABLE his.yy_zjb {rule}")
    booked = await views.book(views.world.wang, at(9))
    await views.tell()
    assert (await views.appointment(booked)).status == Status.CANCELLED
    assert await views.messages() == [("book", "refused")]


async def test_why_it_refused_is_known_by_its_code(views: Hospital, peer: Peer) -> None:
    await peer.run("INSERT INTO his.yuyue (hyxh) VALUES (1)")
    await views.book(views.world.wang, at(9))
    await views.tell()
    await peer.answer()
    await views.tell()
    assert await views.conflicts() == ["filled"]


async def test_cancelled_a_second_time_is_a_wish_of_its_own(views: Hospital, peer: Peer) -> None:
    """The first was refused; its answer is not the second one's."""
    booked = await views.book(views.world.wang, at(9))
    await views.tell()
    await peer.answer()
    await views.tell()
    await views.cancel(booked)
    await views.tell()
    await peer.run("UPDATE his.yy_zjb SET zt = '2', sbyy = '已取号' WHERE czlx = '2'")
    await views.tell(2)
    assert (await views.appointment(booked)).status == Status.BOOKED
    await views.cancel(booked)
    await views.tell()
    await peer.answer()
    await views.tell(2)
    assert (await views.appointment(booked)).status == Status.CANCELLED
    assert await peer.rows("SELECT zt FROM his.yuyue") == [("2",)]
    assert {len(str(one[0])) <= 60 for one in await peer.rows("SELECT qqbh FROM his.yy_zjb")} == {True}


async def test_a_table_that_is_locked_there_holds_nobody_up_for_ever(views: Hospital, peer: Peer) -> None:
    url = peer.engine.url.render_as_string(hide_password=False)
    hurried = ViewsSystem.at(url, read_mapping(str(MAPPING), ViewsMapping), ZONE, 1)
    await hurried.check()
    booked = await views.book(views.world.wang, at(9))
    async with peer.engine.begin() as held:
        await held.execute(text("LOCK TABLE his.haoyuan, his.yy_zjb, his.yuyue IN ACCESS EXCLUSIVE MODE"))
        assert await mirror(views.database, views.clock, hurried) is None
        usual, views.system = views.system, hurried
        await views.tell()
        assert await heard(views) == 0
    async with views.database.read() as session:
        assert (await session.get_one(SystemState, "views")).failure == "no_answer"
    await views.tell(2)
    await peer.answer()
    await views.tell()
    assert (await views.appointment(booked)).status == Status.BOOKED
    views.system = usual
    await hurried.close()


async def test_bytes_the_database_cannot_hand_over_are_a_fault_that_is_shown(
    views: Hospital, postgres: Postgres, tmp_path: Path
) -> None:
    """A database that declares nothing, full of GBK."""
    name = postgres.create()
    admin = create_async_engine(postgres.url(name))
    async with admin.connect() as opened:
        link = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await link.execute(
            text("CREATE DATABASE gbk ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        )
    raw = create_async_engine(postgres.url("gbk"))
    mapping = tmp_path / "gbk.yml"
    mapping.write_text(MAPPING.read_text("utf-8").replace("his.v_haoyuan", "hao"), "utf-8")
    try:
        async with raw.begin() as link:
            await link.execute(
                text(
                    "CREATE TABLE hao (hyxh text, ysgh text, ksdm text, czrq text, kssj text, jssj text, syhs int, zhs int, ghf int)"
                )
            )
            await link.execute(
                text("INSERT INTO hao (hyxh, ysgh) VALUES ('1', convert_from('\\xd1dbbfc6', 'SQL_ASCII'))")
            )
        system = ViewsSystem.at(postgres.url("gbk"), read_mapping(str(mapping), ViewsMapping), ZONE, 20)
        assert await mirror(views.database, views.clock, system) is None
        await system.close()
        async with views.database.read() as session:
            assert (await session.get_one(SystemState, "views")).failure == "broken"
    finally:
        await raw.dispose()
        async with admin.connect() as opened:
            link = await opened.execution_options(isolation_level="AUTOCOMMIT")
            await link.execute(text("DROP DATABASE gbk WITH (FORCE)"))
        await admin.dispose()
        postgres.drop(name)
