"""`/insight/satisfaction`: departments, doctors, months and the willingness to recommend, and files of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from content.insight import service_tables
from content.insight.book import Part, Picture
from content.insight.pages import MONTHS_BACK, Question, Reader
from content.insight.period import CHOICES, months_before
from content.insight.satisfaction.comments import comments
from content.insight.satisfaction.figures import scored
from content.insight.satisfaction.tables import satisfaction
from content.insight.shown import speaker
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.sheets import csv_file
from web.shell import render
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import query_of

SECTION = "satisfaction"
PATH = f"/insight/{SECTION}"
CARERS = (Role.NURSE, Role.DOCTOR)
Carer = Annotated[StaffUser, Depends(require(*CARERS))]
"""Who reads what patients wrote: whoever looks after patients, not whoever reads figures."""


def satisfaction_router(database: Database, clock: Clock, limit: int) -> APIRouter:
    """The page, the words behind it, and the files."""
    router = APIRouter(prefix=PATH, include_in_schema=False, dependencies=[Depends(csrf_protect)])
    told = speaker(limit)

    async def parts(of: Question) -> dict[str, Part]:
        async with database.read("insight satisfaction") as session:
            rows = await scored(session, of.period)
        made = satisfaction(rows, limit, unnamed=told.words("labels", "unnamed"))
        trend = service_tables.marks(made.months, of.period.months, limit)
        picture = Picture("stacked", ("satisfied", "middling", "dissatisfied"))
        return {
            "by_department": Part(made.departments, "department", picture, ("shares", "means")),
            "by_doctor": Part(made.doctors, "doctor", None, ("shares", "means")),
            "marks": Part(trend, "month", picture, ("surveys",)),
            "nps": Part(made.recommend, "department", None, ("nps",)),
        }

    def shown(request: Request, template: str, of: Question, **values: Any) -> Response:
        this = clock.local().date().replace(day=1)
        months = [months_before(this, back) for back in range(MONTHS_BACK + 1)]
        tabs = {
            code: of.address("/insight" + ("" if code == "overview" else f"/{code}"))
            for code in told.words.known("tabs")
        }
        return render(
            request,
            f"insight/{template}",
            section=SECTION,
            tabs=[(told.words("tabs", code), path) for code, path in tabs.items()],
            here=tabs[SECTION],
            words=told.words,
            told=told,
            asked=of,
            query_of=query_of,
            local=clock.local,
            said="",
            months=[(f"{month:%Y-%m}", told.month(month)) for month in months],
            lengths=[(count, told.words("lengths", count)) for count in CHOICES],
            **values,
        )

    @router.get("")
    async def page(request: Request, staff: Reader, of: Question) -> Response:
        made = await parts(of)
        reads = bool({*CARERS, Role.ADMIN} & set(staff.roles))
        return shown(request, "satisfaction.html", of, parts=list(made.values()), reads=reads)

    @router.get("/comments")
    async def said(request: Request, staff: Carer, of: Question) -> Response:
        async with database.write("insight comments") as session:
            found = await comments(session, staff, of.period, clock.now())
        return shown(request, "comments.html", of, comments=found)

    @router.get("/csv/{key}")
    async def file(_staff: Reader, key: str, of: Question) -> Response:
        part = (await parts(of)).get(key)
        if part is None:
            raise HTTPException(404)
        lines = told.lines(part.table, told.words("first", part.first))
        name = f"satisfaction-{key}-{of.period.first:%Y%m}-{of.period.months[-1]:%Y%m}.csv"
        return csv_file(lines, name)

    return router
