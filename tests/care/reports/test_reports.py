"""Reports: loaded all or nothing, kept sealed, and told of once when they are signed, without what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from care.files import LoadError
from care.patients import service as patients
from care.patients.models import Relation
from care.reports.loading import load_reports
from care.reports.models import DiagnosticReport
from care.reports.service import StoredReports
from channels.outbox.models import OutboundMessage
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World
from tests.factories import deliveries
from tests.factories.messages import SMS, conversation

RESULT = "糖化血红蛋白 7.1%"
ROW: dict[str, Any] = {
    "病历号": "D0000001",
    "报告号": "R1",
    "报告类别": "检验",
    "检查项目": "糖化血红蛋白",
    "报告状态": "未出",
    "采样时间": "2026-11-21 08:30",
}
SIGNED = {**ROW, "报告状态": "已出", "报告时间": "2026-11-22 08:00", "结论": RESULT}


async def load(database: Database, clock: VirtualClock, *rows: dict[str, Any]) -> tuple[int, int]:
    async with database.write() as session:
        report = await load_reports(session, rows, clock)
        return report.created, report.updated


async def notices(database: Database) -> list[OutboundMessage]:
    async with database.read() as session:
        return list(await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)))


async def test_a_report_is_told_of_once_when_it_is_signed(
    database: Database, clock: VirtualClock, world: World
) -> None:
    phone, _ = await conversation(database, clock, SMS, "+8619900000001")
    wechat, _ = await conversation(database, clock)
    async with database.write() as session:
        for contact in (phone, wechat):
            await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=clock.now())
    assert await load(database, clock, ROW) == (1, 0)
    assert await notices(database) == [], "nothing is ready"
    assert await load(database, clock, SIGNED) == (0, 1)
    assert await load(database, clock, {**SIGNED, "报告状态": "更正"}) == (0, 1)
    [notice] = await notices(database)
    assert (notice.contact_id, notice.purpose, notice.patient_id) == (wechat.id, "service_notice", world.wang)
    assert notice.reply == {"key": "report.ready", "params": {}, "options": []}
    async with database.read() as session:
        row = (await session.scalars(select(DiagnosticReport))).one()
        assert (row.title, row.conclusion, row.status) == ("糖化血红蛋白", RESULT, "amended")
        assert RESULT.encode() not in bytes(row.conclusion_sealed or b"")
        assert row.effective_at == datetime(2026, 11, 21, 0, 30, tzinfo=UTC), "08:30 in Shanghai"
        kinds = await session.scalars(select(PatientEvent.kind).where(PatientEvent.kind == "report.issued"))
        assert list(kinds) == ["report.issued"]
        since = clock.now() - timedelta(days=30)
        [told] = await StoredReports().reports(session, [world.wang, world.lijing], since=since)
        assert (told.ready, told.title) == (True, "糖化血红蛋白")
        assert not await StoredReports().reports(session, [world.lijing], since=since)


async def test_old_reports_and_other_relatives_are_not_told(
    database: Database, clock: VirtualClock, world: World
) -> None:
    async with database.write() as session:
        contact, _ = await deliveries.contact(session, clock.now())
        await patients.link_contact(session, world.wang, contact.id, Relation.MOTHER, at=clock.now())
        await patients.link_contact(session, world.lijing, contact.id, Relation.SELF, at=clock.now())
    old = {**SIGNED, "病历号": "D0000002", "报告号": "R2", "采样时间": "2026-11-01", "报告时间": "2026-11-02"}
    assert await load(database, clock, SIGNED, old) == (2, 0)
    assert await notices(database) == []


async def test_every_wrong_row_is_named_and_nothing_is_written(
    database: Database, clock: VirtualClock, world: World
) -> None:
    wrong = [
        {**ROW, "病历号": "D9999999"},
        {**ROW, "报告类别": "占卜", "报告号": "R3"},
        {**SIGNED, "报告时间": "2026-11-20", "报告号": "R4"},
        {**SIGNED, "报告时间": "", "报告号": "R5"},
        ROW,
    ]
    with pytest.raises(LoadError) as caught:
        await load(database, clock, *wrong)
    said = str(caught.value)
    for piece in (
        "row 1: record_number",
        "row 2: category",
        "row 3: issued_at",
        "row 4: issued_at",
        "row 5: report_number",
    ):
        assert piece in said, said
    async with database.read() as session:
        assert not (await session.scalars(select(DiagnosticReport))).all()
