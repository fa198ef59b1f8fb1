"""`/insight` over both databases: counting behind the page, tables as files, reports that are made, refused and retried."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from pypdfium2 import PdfDocument
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE as PDF_IMAGE
from sqlalchemy import select

from content.insight import counted, pages
from content.insight import worker as working
from content.insight.figures.rows import Figures, Reached
from content.insight.models import InsightFigures
from content.insight.period import ending
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import staff, visiting
from tests.content.insight.site import HOSPITAL, insight_app, render
from tests.factories.outreach import some_months, town
from web.signin.models import Role


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.0)


async def fill(database: Database, clock: VirtualClock) -> None:
    async with database.write("town") as session:
        some_months(await town(session, clock, people=60), random.Random(3))


async def test_figures_are_counted_behind_the_page_and_shown_with_their_time(
    database: Database, clock: VirtualClock
) -> None:
    await fill(database, clock)
    tokens, app = await staff(database, Role.AUDITOR), insight_app(database, clock)
    async with visiting(app, tokens["auditor"]) as auditor:
        status, page = await auditor.get("/insight/campaigns?length=3")
        assert (status, "正在统计" in page) == (200, True)
        _, waits = await auditor.get("/insight/progress?length=3&first=true")
        assert "已完成 0 / 6 步" in waits
        assert await app.state.worker.once()
        assert not await app.state.worker.once()
        _, page = await auditor.get("/insight/campaigns?length=3")
        assert "2026 年 9 月 至 2026 年 11 月，统计截至 2026-11-22 09:00" in page
        assert "正在" not in page
        assert "推送0" in page and "&lt;10" in page
        clock.advance(counted.FRESH + timedelta(seconds=1))
        _, page = await auditor.get("/insight/campaigns?length=3")
        assert "正在更新，下面是上一次的数" in page and "推送0" in page
        await app.state.worker.once()
        _, page = await auditor.get("/insight/progress?length=3")
        assert "有新的数了" in page
        for path in ("/insight", "/insight/articles", "/insight/visits?visits=department", "/insight/talks"):
            status, page = await auditor.get(f"{path}{'&' if '?' in path else '?'}length=3")
            assert (status, "统计截至" in page) == (200, True), path
        assert (await auditor.get("/insight?length=2"))[0] == 422
        assert (await auditor.get("/insight?month=2027-01"))[0] == 422
        assert (await auditor.get("/insight/campaigns?by=patient"))[0] == 422


async def test_a_table_is_downloaded_as_it_is_shown(database: Database, clock: VirtualClock) -> None:
    await fill(database, clock)
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        await editor.get("/insight?length=3")
        await app.state.worker.once()
        _, page = await editor.get("/insight/visits?length=3")
        _, text = await editor.get("/insight/csv/visits?length=3")
        assert (await editor.get("/insight/csv/nothing?length=3"))[0] == 404
        assert (await editor.get("/insight/csv/visits?length=12"))[0] == 404  # not counted yet
    head, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert head == ["月份", "预约", "到诊", "爽约", "取消", "未到时间或未登记", "爽约率"]
    assert [row[0] for row in rows] == ["2026-09", "2026-10", "2026-11", "合计"]
    shown = page[page.index('id="visits"') : page.index('id="marks"')]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    assert [cell.replace("&lt;", "<") for cell in cells] == [cell for row in rows for cell in row[1:]]


async def test_what_could_not_be_counted_is_tried_again(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, app = await staff(database, Role.OPERATOR), insight_app(database, clock)
    real = working.collect

    async def broken(*given: object) -> Figures:
        raise RuntimeError("the disk is full")

    async with visiting(app, tokens["operator"]) as operator:
        await operator.get("/insight")
        monkeypatch.setattr(working, "collect", broken)
        for _ in range(working.TRIES):
            assert await app.state.worker.once()
            assert not await app.state.worker.once()
            clock.advance(timedelta(minutes=1))
        _, page = await operator.get("/insight")
        assert "没有算出来" in page
        monkeypatch.setattr(working, "collect", real)
        assert (await operator.post("/insight/again"))[0] == 303
        assert await app.state.worker.once()
        _, page = await operator.get("/insight")
        assert "没有算出来" not in page and "统计截至" in page


async def test_a_report_is_asked_for_once_made_and_downloaded(
    database: Database, clock: VirtualClock
) -> None:
    await fill(database, clock)
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        _, page = await editor.get("/insight/reports")
        assert "还没有月报" in page
        assert (await editor.get("/insight/reports/2026-10"))[0] == 404
        assert await editor.post("/insight/reports", month="2026-10") == (303, "/insight/reports?said=asked")
        clock.advance(timedelta(seconds=1))
        assert await editor.post("/insight/reports", month="2026-10") == (
            303,
            "/insight/reports?said=under_way",
        )
        assert await editor.post("/insight/reports", month="2027-10") == (
            303,
            "/insight/reports?said=not_over",
        )
        _, page = await editor.get("/insight/reports/list")
        assert "正在做，0 / 7 步" in page
        await app.state.worker.once()
        _, page = await editor.get("/insight/reports/list")
        assert "正在做" not in page and "下载 PDF" in page
        await app.state.worker.last_month()  # it is there: nothing to do
        assert not await app.state.worker.once()
    async with database.read() as session:
        row = await counted.file_of(session, date(2026, 10, 1))
    assert row is not None and row.pdf is not None
    assert row.pdf.startswith(b"%PDF") and row.pdf_size == len(row.pdf)


async def test_last_months_report_is_made_by_itself(database: Database, clock: VirtualClock) -> None:
    worker = insight_app(database, clock).state.worker
    await worker.last_month()
    await worker.last_month()
    assert await worker.once()
    async with database.read() as session:
        rows = (await session.scalars(select(InsightFigures))).all()
    assert [(row.key, row.due_at, row.pdf_size is not None) for row in rows] == [
        ("report/2026-10", None, True)
    ]


async def test_a_worker_that_lost_its_lease_stores_nothing(database: Database, clock: VirtualClock) -> None:
    """Another took over: what comes late is not kept."""
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        await editor.get("/insight")
    real = working.collect

    async def slow(*given: object) -> Figures:
        async with database.write("another worker") as session:
            row = (await session.scalars(select(InsightFigures))).one()
            row.lease_token = row.id
        return await real(*given)  # type: ignore[arg-type]

    worker = app.state.worker
    try:
        working.collect = slow  # type: ignore[assignment]
        await worker.once()
    finally:
        working.collect = real
    async with database.read() as session:
        row = (await session.scalars(select(InsightFigures))).one()
    assert row.figures is None and row.step == 0


def test_the_report_reads_as_chinese_with_pages_date_and_definitions(clock: VirtualClock) -> None:
    values = dict.fromkeys(Reached._fields[5:], 100)
    rows = [
        Reached(
            f"推送{number}", "新确诊糖友", "第一个月怎么吃", arm, "wechat" if arm == "a" else "", **values
        )
        for number in range(50)
        for arm in ("a", "holdout")
    ]
    figures = Figures(reached=rows)
    period = ending(date(2026, 10, 1), 1, clock.zone)
    file = PdfDocument(render(figures, period, datetime(2026, 11, 1, 1, 0, tzinfo=UTC)))
    pages_of = [re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in file]
    text = "".join(pages_of)
    assert "患者教育月报" in pages_of[0]
    assert f"{HOSPITAL}2026年10月统计截至2026-11-0109:00" in pages_of[0]
    for number, page in enumerate(pages_of, 1):
        assert f"第{number}页，共{len(pages_of)}页" in page
    for words in (
        "推送12",
        "新确诊糖友",
        "和没有推送的人比",
        "口径说明",
        "纽科姆",
        "这段时间没有预约",
        "另有10行",
    ):
        assert words in text, words
    assert "患者教育月报" in file.get_metadata_value("Title")
    pictures = {kind for page in file for kind in (one.type for one in page.get_objects())}
    assert PDF_IMAGE not in pictures  # what is drawn is drawn as lines and areas
    file.close()
