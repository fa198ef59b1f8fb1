"""`/insight/forecast`: touches, SMS, calls and outpatients of the weeks to come, and files of each table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from care.plans.definition import KINDS
from content.insight.book import Part, Picture
from content.insight.forecast import demand_tables, reach_ahead
from content.insight.forecast.calls import call_days
from content.insight.forecast.demand import WEEK
from content.insight.forecast.making import Made, Making, hours, set_hours
from content.insight.forecast.outlook import Outlook
from content.insight.forecast.reckoning import bills, reckon
from content.insight.forecast.visits import Department
from content.insight.pages import Reader
from content.insight.shown import speaker
from content.insight.tables import Share
from store import audit
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.sheets import csv_file
from web.shell import render
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import query_of

SECTION = "forecast"
PATH = f"/insight/{SECTION}"
CHOICES = (1, 2, 4, 8)
"""Weeks a page can look ahead."""
USUAL = 4
PATIENCE = 1.5
"""Seconds a page waits before it shows that the forecast is being made."""
MOST_HOURS = 999.0
Planner = Annotated[StaffUser, Depends(require(Role.OPERATOR))]
"""Who says how many hours there are."""


@dataclass(frozen=True, slots=True)
class ForecastDesk:
    """`limit`: groups under it are not shown; `price` of a part of an SMS in yuan; `minutes` a call takes until it is measured."""

    database: Database
    clock: Clock
    limit: int
    price: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Look:
    """What an address asks for: weeks ahead, and the department in detail."""

    weeks: int
    department: UUID | None


def looked(
    weeks: Annotated[int, Query()] = USUAL, department: Annotated[UUID | None, Query()] = None
) -> Look:
    """Raises 422 for what no page of ours offers."""
    if weeks not in CHOICES:
        raise HTTPException(422)
    return Look(weeks, department)


Looked = Annotated[Look, Depends(looked)]


def forecast_router(desk: ForecastDesk) -> APIRouter:
    """The page, what it shows while it waits, the hours there are, and the files."""
    router = APIRouter(prefix=PATH, include_in_schema=False, dependencies=[Depends(csrf_protect)])
    told = speaker(desk.limit)
    making = Making(desk.database, desk.clock, desk.minutes)

    def day_name(day: date) -> str:
        weekday = told.words("short_weekdays", str(day.weekday()))
        return told.words("labels", "day", day=f"{day:%m-%d}", weekday=weekday)

    def parts(made: Made, look: Look, capacity: list[float]) -> list[Part]:
        of = reckon(made.touches, look.weeks * WEEK, made.today.toordinal())
        kinds = told.words.known("touch_kinds")
        phone = call_days(made.phone, of, made.today, capacity)
        found = [
            Part(
                reach_ahead.ahead(of, made.today, day_name, desk.limit),
                "day" if look.weeks * WEEK <= reach_ahead.BY_DAY else "week",
                Picture("stacked", (*KINDS, "joining")),
                ("ahead", "joining"),
            ),
            Part(
                reach_ahead.survival(of, made.touches.titles, kinds, desk.limit), "touch", None, ("survival",)
            ),
            Part(
                reach_ahead.sms(bills(of, made.touches.texted, desk.price), desk.limit),
                "kind",
                None,
                ("sms_cost",),
            ),
            Part(
                reach_ahead.calls(phone, made.phone.effort, day_name, desk.limit),
                "day",
                Picture("load", ("hours", "capacity"), "hours"),
                ("calls", "effort"),
            ),
            Part(
                demand_tables.departments(made.departments, made.today, desk.limit),
                "department",
                None,
                ("demand", "errors", "cover", "places"),
            ),
        ]
        if (chosen := one_of(made, look)) is not None:
            department, out = chosen
            found += [
                Part(
                    demand_tables.one_by_week(department, out, made.today, desk.limit),
                    "week",
                    Picture("forecast", ("visits", "expected", "low", "high", "places")),
                    ("by_week",),
                ),
                Part(
                    demand_tables.one_by_day(
                        department, out, min(look.weeks * WEEK, reach_ahead.BY_DAY), day_name, desk.limit
                    ),
                    "day",
                ),
                Part(demand_tables.weekdays(out), "weekday", Picture("stacked", ("share",)), ("weekdays",)),
            ]
        return found

    def one_of(made: Made, look: Look) -> tuple[Department, Outlook] | None:
        """The department asked for; else the one that needs looking at most."""
        if look.department is not None:
            return next((one for one in made.departments if one[0].id == look.department), None)
        first = demand_tables.departments(made.departments, made.today, desk.limit).rows
        names = [row.name for row in first]
        return min(
            (one for one in made.departments if one[1].weeks),
            key=lambda one: names.index(one[0].name),
            default=None,
        )

    def show(request: Request, template: str, look: Look, **context: Any) -> Response:
        tabs = {
            code: "/insight" + ("" if code == "overview" else f"/{code}") for code in told.words.known("tabs")
        }
        said, wrong = (request.query_params.get(name, "") for name in ("said", "wrong"))
        return render(
            request,
            f"insight/{template}",
            section=SECTION,
            tabs=[(told.words("tabs", code), path) for code, path in tabs.items()],
            here=tabs[SECTION],
            words=told.words,
            told=told,
            look=look,
            local=desk.clock.local,
            said=told.words("said", said) if said in told.words.known("said") else "",
            wrong=told.words("wrong", wrong) if wrong in told.words.known("wrong") else "",
            making=making,
            **context,
        )

    @router.get("")
    async def page(request: Request, staff: Reader, look: Looked) -> Response:
        made = await making.get(PATIENCE)
        if made is None:
            return show(request, "forecast_wait.html", look)
        async with desk.database.read("forecast hours") as session:
            capacity = await hours(session)
        chosen = one_of(made, look)
        if look.department is not None and chosen is None:
            raise HTTPException(404)
        return show(
            request,
            "forecast.html",
            look,
            made=made,
            parts={part.key: part for part in parts(made, look, capacity)},
            capacity=capacity,
            may_plan={Role.OPERATOR, Role.ADMIN} & set(staff.roles),
            chosen=chosen,
            query=query_of({"weeks": look.weeks, "department": chosen[0].id if chosen else ""}),
            errors=[told.say(Share(one)) for one in (chosen[1].wape, chosen[1].naive_wape)] if chosen else [],
            level=demand_tables.level(chosen[1], desk.limit) if chosen else None,
            weeks=[(count, told.words("ahead_for", str(count))) for count in CHOICES],
            choices=[(str(one.id), one.name) for one, _ in made.departments],
            weekdays=[told.words("weekdays", str(n)) for n in range(WEEK)],
            price=desk.price,
            minutes=desk.minutes,
            until=made.today + timedelta(days=look.weeks * WEEK - 1),
        )

    @router.get("/progress")
    async def progress(request: Request, _staff: Reader, look: Looked) -> Response:
        if not making.failed and await making.get(0) is not None:
            return Response(headers={"HX-Refresh": "true"})
        return show(request, "forecast_progress.html", look)

    @router.post("/hours")
    async def say_hours(staff: Planner, given: Annotated[list[str], Form(alias="hours")]) -> Response:
        numbers = read_hours(given)
        if numbers is None:
            return RedirectResponse(f"{PATH}?wrong=hours#calls", 303)
        async with desk.database.write("call hours") as session:
            await set_hours(session, numbers)
            audit.record(
                session,
                actor=audit.subject_of("staff", staff.id),
                action="call_hours.set",
                subject="call_hours",
                at=desk.clock.now(),
            )
        return RedirectResponse(f"{PATH}?said=hours_kept#calls", 303)

    @router.get("/csv/{key}")
    async def file(_staff: Reader, key: str, look: Looked) -> Response:
        made = await making.get()
        if made is None:
            raise HTTPException(503)
        async with desk.database.read("forecast hours") as session:
            found = parts(made, look, await hours(session))
        part = next((one for one in found if one.key == key), None)
        if part is None:
            raise HTTPException(404)
        lines = told.lines(part.table, told.words("first", part.first))
        name = f"forecast-{key}-{made.today:%Y%m%d}.csv"
        return csv_file(lines, name)

    return router


def read_hours(given: list[str]) -> list[float] | None:
    """Seven numbers of hours, Monday first; all empty: nobody says. None for what is no hours."""
    texts = [one.strip() for one in given]
    if len(texts) != WEEK:
        return None
    if not any(texts):
        return []
    try:
        numbers = [float(one or 0) for one in texts]
    except ValueError:
        return None
    return numbers if all(0 <= one <= MOST_HOURS for one in numbers) else None
