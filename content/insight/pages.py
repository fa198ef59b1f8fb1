"""`/insight`: what education, conversations and clinics came to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from content.insight import book, counted
from content.insight.book import Choice
from content.insight.figures.collecting import PARTS
from content.insight.figures.rows import Figures
from content.insight.headlines import headlines
from content.insight.models import InsightFigures
from content.insight.period import CHOICES, DAYS, USUAL_DAYS, Period, ending, months_before
from content.insight.reach_tables import By, Outcome
from content.insight.service_tables import VisitsBy
from content.insight.shown import TEMPLATES, speaker
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.sheets import csv_file
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.words import query_of

add_templates("insight", TEMPLATES)

READERS = (Role.EDITOR, Role.OPERATOR, Role.CLINICAL_REVIEWER, Role.AUDITOR)
"""Who sees the figures: they name nobody."""
Reader = Annotated[StaffUser, Depends(require(*READERS))]
PATIENCE = 1.5
"""Seconds a page waits for figures before it shows that they are being counted."""
LOOK_AGAIN = 0.05
MONTHS_BACK = 24
Section = Literal["campaigns", "articles", "visits", "plans", "talks"]
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"


@dataclass(frozen=True, slots=True)
class InsightDesk:
    """What the server hands in. `wake` tells the worker that figures are wanted; `limit`: groups under it are not shown."""

    database: Database
    clock: Clock
    wake: Callable[[], None]
    limit: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    period: Period
    choice: Choice

    @property
    def query(self) -> dict[str, object]:
        """As an address says it; what is usual is left out."""
        usual = Choice()
        return {
            "month": f"{self.period.months[-1]:%Y-%m}",
            "length": self.period.count if self.period.count != 1 else "",
            "days": self.period.days if self.period.days != USUAL_DAYS else "",
            **{
                name: value
                for name in ("by", "outcome", "visits")
                if (value := getattr(self.choice, name)) != getattr(usual, name)
            },
        }

    def address(self, path: str, **changed: object) -> str:
        """`path` with the same question, some of it changed."""
        return f"{path}?{query_of({**self.query, **changed})}"


def asked(
    request: Request,
    month: Annotated[str, Query(pattern=MONTH)] = "",
    length: int = 1,
    days: int = USUAL_DAYS,
    by: By = "campaign",
    outcome: Outcome = "fair",
    visits: VisitsBy = "month",
) -> Asked:
    """The question of an address. Raises 422 for what no page of ours offers."""
    clock: Clock = request.app.state.clock
    this = clock.local().date().replace(day=1)
    last = date.fromisoformat(f"{month}-01") if month else this
    if length not in CHOICES or days not in DAYS or not months_before(this, MONTHS_BACK) <= last <= this:
        raise HTTPException(422)
    return Asked(ending(last, length, clock.zone, days), Choice(by, outcome, visits))


Question = Annotated[Asked, Depends(asked)]


def insight_router(desk: InsightDesk) -> APIRouter:
    """The pages, the files, and the reports."""
    router = APIRouter(prefix="/insight", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    told = speaker(desk.limit)

    async def look(period: Period) -> InsightFigures:
        """The figures; waited for a moment when there are none yet."""
        async with desk.database.write("insight wanted") as session:
            row = await counted.wanted(session, period, desk.clock.now())
        if row.due_at is not None:
            desk.wake()
        for _ in range(int(PATIENCE / LOOK_AGAIN)):
            if row.figures is not None or row.dead_reason is not None:
                break
            await asyncio.sleep(LOOK_AGAIN)
            async with desk.database.read("insight look") as session:
                row = await counted.find(session, period) or row
        return row

    def show(request: Request, template: str, section: str = "", **context: Any) -> Response:
        said = request.query_params.get("said", "")
        places = {
            code: "/insight" + ("" if code == "overview" else f"/{code}") for code in told.words.known("tabs")
        }
        if (of := context.get("asked")) is not None:
            places = {code: of.address(path) if code != "reports" else path for code, path in places.items()}
        return render(
            request,
            f"insight/{template}",
            section=section,
            tabs=[(told.words("tabs", code), path) for code, path in places.items()],
            here=places.get(section, ""),
            words=told.words,
            told=told,
            query_of=query_of,
            local=desk.clock.local,
            said=told.words("said", said) if said in told.words.known("said") else "",
            parts_done=PARTS,
            **context,
        )

    def month_choices(count: int) -> list[tuple[str, str]]:
        """This month and those before, as a form offers them."""
        this = desk.clock.local().date().replace(day=1)
        months = [months_before(this, back) for back in range(count)]
        return [(f"{month:%Y-%m}", told.month(month)) for month in months]

    def shown(request: Request, section: str, of: Asked, row: InsightFigures) -> Response:
        keys = book.SECTIONS[section]
        made = Figures.from_json(row.figures) if row.figures is not None else None
        return show(
            request,
            "overview.html" if section == "overview" else "section.html",
            section,
            asked=of,
            row=row,
            tiles=headlines(made, of.period, desk.limit) if made and section == "overview" else [],
            parts=book.parts(keys, made, of.period, of.choice, desk.limit) if made else [],
            figures=made,
            months=month_choices(MONTHS_BACK + 1),
            lengths=[(count, told.words("lengths", count)) for count in CHOICES],
            days=[(count, told.words("spans", "days", n=count)) for count in DAYS],
        )

    @router.get("")
    async def overview(request: Request, _staff: Reader, of: Question) -> Response:
        return shown(request, "overview", of, await look(of.period))

    @router.get("/progress")
    async def progress(request: Request, _staff: Reader, of: Question, first: bool = False) -> Response:
        async with desk.database.read("insight progress") as session:
            row = await counted.find(session, of.period)
        if row is None or row.due_at is None or row.dead_reason is not None:
            return (
                Response(headers={"HX-Refresh": "true"}) if first else show(request, "fresh.html", asked=of)
            )
        return show(request, "progress.html", asked=of, row=row, first=first)

    @router.post("/again")
    async def again(_staff: Reader, of: Question) -> Response:
        async with desk.database.write("insight again") as session:
            await counted.again(session, of.period.key, desk.clock.now())
        desk.wake()
        return RedirectResponse(of.address("/insight"), 303)

    @router.get("/csv/{key}")
    async def table(_staff: Reader, key: str, of: Question) -> Response:
        row = await look(of.period)
        if key not in book.PARTS or row.figures is None:
            raise HTTPException(404)
        part = book.PARTS[key](Figures.from_json(row.figures), of.period, of.choice, desk.limit)
        lines = told.lines(part.table, told.words("first", part.first))
        name = f"insight-{key}-{of.period.first:%Y%m}-{of.period.months[-1]:%Y%m}.csv"
        return csv_file(lines, name)

    @router.get("/reports")
    async def reports(request: Request, _staff: Reader) -> Response:
        return await report_list(request, "reports.html")

    @router.get("/reports/list")
    async def report_part(request: Request, _staff: Reader) -> Response:
        return await report_list(request, "report_list.html")

    async def report_list(request: Request, template: str) -> Response:
        async with desk.database.read("insight reports") as session:
            rows = await counted.reports(session)
        return show(request, template, "reports", rows=rows, months=month_choices(13))

    @router.post("/reports")
    async def make(staff: Reader, month: Annotated[str, Form(pattern=MONTH)]) -> Response:
        first = date.fromisoformat(f"{month}-01")
        if first > desk.clock.local().date():
            return RedirectResponse("/insight/reports?said=not_over", 303)
        async with desk.database.write("ask for report") as session:
            period = ending(first, 1, desk.clock.zone)
            _, new = await counted.ask_report(session, period, desk.clock.now(), staff.id)
        desk.wake()
        return RedirectResponse(f"/insight/reports?said={'asked' if new else 'under_way'}", 303)

    @router.get("/reports/{month}")
    async def file(request: Request, _staff: Reader, month: str) -> Response:
        try:
            first = date.fromisoformat(f"{month}-01")
        except ValueError as error:
            raise HTTPException(404) from error
        async with desk.database.read("insight report") as session:
            row = await counted.file_of(session, first)
        if row is None or row.pdf is None:
            raise HTTPException(404)
        hospital = getattr(request.app.state, "hospital_name", "")
        name = told.words("labels", "file", hospital=hospital, month=month)
        said = f"attachment; filename=\"report-{month}.pdf\"; filename*=UTF-8''{quote(name)}"
        return Response(
            row.pdf,
            media_type="application/pdf",
            headers={"Content-Disposition": said, "Cache-Control": "no-store"},
        )

    @router.get("/{section}")
    async def one_section(request: Request, _staff: Reader, section: Section, of: Question) -> Response:
        return shown(request, section, of, await look(of.period))

    return router
