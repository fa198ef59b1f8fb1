"""A hospital's database, on a real PostgreSQL: its times read from a view, wishes written to a 中间表 that its own program answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from care.appointments import outside
from care.appointments.models import Appointment, Status
from care.patients import service as patients
from care.systems.mapped.reading import MappingError, read_mapping
from care.systems.mapped.tables import ViewsMapping
from care.systems.mapped.views import ViewsSystem
from care.systems.outward import Outward
from care.systems.slots import mirror
from care.systems.watching import watch
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import build
from tests.care.systems.conftest import Hospital, at
from tests.factories.servers import Postgres

MAPPING = Path(__file__).parent / "mappings" / "views.yml"
ZONE = ZoneInfo("Asia/Shanghai")
SCHEMA = """
CREATE SCHEMA his;
CREATE TABLE his.haoyuan (hyxh int PRIMARY KEY, ysgh text, ksdm text, czrq text, kssj text, jssj text, zhs int, ghf numeric);
CREATE TABLE his.yuyue (yyh serial PRIMARY KEY, wbyyh text, zt text DEFAULT '1', hyxh int, xgsj timestamp DEFAULT clock_timestamp(),
  blh text, xm text, xb text);
CREATE TABLE his.yy_zjb (qqbh text PRIMARY KEY, wbyyh text, czlx text, zt text, hyxh text, ysgh text, ksdm text, yysj timestamp,
  ghf numeric, blh text, xm text, xb text, sjh text, yyyh text, yyh text, sbdm text, sbyy text);
CREATE VIEW his.v_haoyuan AS SELECT h.*, h.zhs - (SELECT count(*) FROM his.yuyue y WHERE y.hyxh = h.hyxh AND y.zt = '1')::int AS syhs
  FROM his.haoyuan h;
CREATE VIEW his.v_yuyue AS SELECT y.*, h.ysgh, h.czrq AS yyrq, h.kssj AS yysj FROM his.yuyue y JOIN his.haoyuan h USING (hyxh);
INSERT INTO his.haoyuan VALUES (1, 'Y1', 'eye', '20261124', '09:00', '09:10', 1, 18.5), (2, 'Y1', 'eye', '20261124', '09:10', '09:20', 2, 18),
  (3, 'Y2', 'eye', '20261124', '14:00', '14:10', 1, 8), (4, 'Y9', 'eye', '20261124', '14:00', '14:10', 1, 8),
  (5, 'Y1', 'eye', '20270101', '09:00', '09:10', 1, 18)
"""
ANSWER = """
DO $$ DECLARE r record; n int; BEGIN
FOR r IN SELECT * FROM his.yy_zjb WHERE zt = '0' LOOP
  IF r.czlx = '2' THEN
    UPDATE his.yuyue SET zt = '2', xgsj = clock_timestamp() WHERE yyh = r.yyyh::int;
    UPDATE his.yy_zjb SET zt = '1' WHERE qqbh = r.qqbh;
  ELSIF (SELECT syhs FROM his.v_haoyuan WHERE hyxh = r.hyxh::int) < 1 THEN
    UPDATE his.yy_zjb SET zt = '2', sbdm = 'E01', sbyy = '号已满' WHERE qqbh = r.qqbh;
  ELSE
    INSERT INTO his.yuyue (wbyyh, hyxh) VALUES (r.wbyyh, r.hyxh::int) RETURNING yyh INTO n;
    IF r.czlx = '3' THEN UPDATE his.yuyue SET zt = '2', xgsj = clock_timestamp() WHERE yyh = r.yyyh::int; END IF;
    UPDATE his.yy_zjb SET zt = '1', yyh = n::text WHERE qqbh = r.qqbh;
  END IF;
END LOOP; END $$
"""


class Peer:
    """The hospital's own program over its own database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def run(self, statements: str) -> None:
        async with self.engine.begin() as connection:
            for one in statements.split(";\n") if not statements.strip().startswith("DO") else [statements]:
                await connection.execute(text(one))

    async def answer(self) -> None:
        """Work through the 中间表."""
        await self.run(ANSWER)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]


@pytest.fixture
async def peer(postgres: Postgres) -> AsyncIterator[Peer]:
    name = postgres.create()
    engine = create_async_engine(postgres.url(name))
    found = Peer(engine)
    await found.run(SCHEMA)
    yield found
    await engine.dispose()
    postgres.drop(name)


@pytest.fixture
async def views(database: Database, clock: VirtualClock, peer: Peer) -> AsyncIterator[Hospital]:
    async with database.write("build") as session:
        world = await build(session, clock, slots=False)
    url = peer.engine.url.render_as_string(hide_password=False)
    system = ViewsSystem.at(url, read_mapping(str(MAPPING), ViewsMapping), ZONE, 20)
    outside.install(Outward(system.name))
    opened = Hospital(database, clock, world, system)
    await opened.mirror()
    yield opened
    await system.close()


async def test_its_times_are_read_by_the_mapping(views: Hospital) -> None:
    offered = await views.system.schedules(date(2026, 11, 24), date(2026, 11, 30))
    assert [(one.external_id, one.start, one.free, one.fee_fen) for one in offered][:2] == [
        ("1", at(9), 1, 1850),
        ("2", at(9, 10), 2, 1800),
    ]
    assert len(offered) == 4  # what is later is not read
    slot = await views.slot(at(9, 10))
    assert (slot.practitioner_id, slot.capacity, slot.fee_fen) == (views.world.li, 2, 1800)


async def test_a_wish_is_written_once_and_answered_by_the_hospital(views: Hospital, peer: Peer) -> None:
    booked = await views.book(views.world.wang, at(9))
    await views.tell(2)
    assert (await views.appointment(booked)).status == Status.PENDING
    written = await peer.rows("SELECT qqbh, czlx, zt, hyxh, blh, xm, xb, yysj::text FROM his.yy_zjb")
    assert written == [(f"book:{booked}", "1", "0", "1", "D0000001", "王秀兰", "女", "2026-11-24 09:00:00")]
    await peer.answer()
    await views.tell()
    assert (await views.appointment(booked)).status == Status.BOOKED
    await views.mirror()
    slot = await views.slot(at(9))
    assert (slot.capacity, slot.taken) == (1, 1)


async def test_full_there_is_refused_here(views: Hospital, peer: Peer) -> None:
    await peer.run("INSERT INTO his.yuyue (hyxh) VALUES (1)")
    booked = await views.book(views.world.wang, at(9))
    await views.tell()
    await peer.answer()
    await views.tell()
    assert (await views.appointment(booked)).status == Status.CANCELLED
    assert (await views.slot(at(9))).taken == 0


async def test_moved_and_cancelled(views: Hospital, peer: Peer) -> None:
    old = await views.book(views.world.wang, at(9))
    await views.tell()
    await peer.answer()
    await views.tell()
    new = await views.book(views.world.wang, at(14), replaces=old)
    for _ in range(3):
        await views.tell()
        await peer.answer()
    assert (await views.appointment(new)).status == Status.BOOKED
    await views.cancel(new)
    for _ in range(3):
        await views.tell()
        await peer.answer()
    assert await peer.rows("SELECT zt FROM his.yuyue ORDER BY yyh") == [("2",), ("2",)]
    assert [(await views.slot(one)).taken for one in (at(9), at(14))] == [0, 0]
    assert {status for _, status in await views.messages()} == {"accepted"}


async def test_what_its_staff_change_is_heard(views: Hospital, peer: Peer) -> None:
    booked = await views.book(views.world.wang, at(9))
    await views.tell()
    await peer.answer()
    await views.tell()
    await watch(views.database, views.clock, views.system)
    await peer.run("UPDATE his.yuyue SET hyxh = 3, xgsj = clock_timestamp()")
    await watch(views.database, views.clock, views.system)
    row = await views.appointment(booked)
    assert (row.start, row.practitioner_id) == (at(14), views.world.zhao)
    await peer.run("UPDATE his.yuyue SET zt = '2', xgsj = clock_timestamp()")
    await watch(views.database, views.clock, views.system)
    assert (await views.appointment(booked)).status == Status.CANCELLED
    assert await views.conflicts() == ["moved", "cancelled"]


async def test_what_its_counter_books_is_ours_and_can_be_cancelled(views: Hospital, peer: Peer) -> None:
    await watch(views.database, views.clock, views.system)
    await peer.run(
        "INSERT INTO his.yuyue (hyxh, blh, xm, xb) VALUES (2, 'D0000001', '王秀兰', '女'), (3, 'N1', '陈新', '男'), (3, NULL, '', '')"
    )
    await watch(views.database, views.clock, views.system)
    async with views.database.read() as session:
        rows = (await session.scalars(select(Appointment).order_by(Appointment.start))).all()
        new = await patients.get_by_record_number(session, "N1")
        assert new is not None and (new.name, new.sex) == ("陈新", "male")
    assert [(one.start, one.patient_id, one.created_via) for one in rows] == [
        (at(9, 10), views.world.wang, "his"),
        (at(14), new.id, "his"),
    ]
    assert await views.messages() == [("counter", "queued")], "whose the third is, it does not say"
    await views.cancel(rows[0].id)
    await views.tell()
    await peer.answer()
    await views.tell()
    assert await peer.rows("SELECT zt FROM his.yuyue WHERE hyxh = 2") == [("2",)]
    assert (await views.slot(at(9, 10))).taken == 0
    await peer.run("UPDATE his.yuyue SET zt = '2', xgsj = clock_timestamp() WHERE blh = 'N1'")
    await watch(views.database, views.clock, views.system)
    assert (await views.appointment(rows[1].id)).status == Status.CANCELLED


async def test_a_column_that_is_not_there_is_named(views: Hospital, peer: Peer) -> None:
    assert (await views.system.check()).facts == {"schedules": 5}
    raw = read_mapping(str(MAPPING), ViewsMapping)
    wrong = raw.model_copy(
        update={
            "schedules": raw.schedules.model_copy(
                update={"columns": {**raw.schedules.columns, "fee": "jine"}}
            )
        }
    )
    system = ViewsSystem.at(peer.engine.url.render_as_string(hide_password=False), wrong, ZONE, 20)
    assert (await system.check()).said == "his.v_haoyuan: jine"
    assert await mirror(views.database, views.clock, system) is None
    await system.close()


async def test_its_database_is_away(views: Hospital, peer: Peer) -> None:
    system = views.system
    views.system = ViewsSystem.at(
        "postgresql+asyncpg://nobody@127.0.0.1:9/none", read_mapping(str(MAPPING), ViewsMapping), ZONE, 20
    )
    booked = await views.book(views.world.wang, at(9))
    await views.tell(2)
    assert await views.messages() == [("book", "queued")]
    await views.system.close()
    views.system = system
    await views.tell(2)
    await peer.answer()
    views.clock.advance(timedelta(minutes=3))
    await views.tell()
    assert (await views.appointment(booked)).status == Status.BOOKED


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("  view: his.v_haoyuan", "  vieww: x"), "schedules.vieww"),
        (("free: syhs, ", ""), "schedules: Value error, columns lacks free"),
        (('"0": waiting', '"0": later'), "requests: Value error, status maps to later"),
        (("sex: {", "sex: {{"), "is no YAML"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    path = tmp_path / "hospital.yml"
    path.write_text(MAPPING.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(MappingError, match=r"hospital\.yml") as error:
        read_mapping(str(path), ViewsMapping)
    assert named in str(error.value)
