"""`/desk/schedules`: a doctor's week, the days that are otherwise, the hospital's calendar; every change looked at first and taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments import outside
from care.appointments.models import Kind, OnHolidays, Schedule
from care.appointments.replanning import Replan, left_behind, replan
from care.appointments.rules import DAYS_AHEAD
from care.appointments.scheduling import forms, saying, service
from care.appointments.scheduling.models import What
from care.appointments.scheduling.saying import words
from care.appointments.scheduling.service import Edit, ScheduleError
from care.appointments.scheduling.states import plain
from care.desk.pages.desk import Desk, Nurse, show
from care.hospital import service as hospital
from care.hospital import workdays
from care.hospital.models import DayKind, HealthcareService, Location, Practitioner
from store.ids import new_id
from web.security import csrf_protect
from web.shell import add_templates, back_to

add_templates("schedules", Path(__file__).parent / "templates")
HERE = "/desk/schedules"
LONGEST_PREPARATION = 35
"""What one variable of an SMS template may carry (Alibaba Cloud)."""
DAYS_SHOWN = 120
"""Of the hospital's calendar: swapped days and holidays this far ahead are listed."""


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form; what is no text is left out."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def schedules_router(desk: Desk, ahead: int = DAYS_AHEAD) -> APIRouter:
    """The pages and their buttons, for whoever works the desk. Slots are made `ahead` days."""
    router = APIRouter(prefix=HERE, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        said = words.known("said").get(request.query_params.get("said", ""), "") if status == 200 else ""
        return show(
            desk, request, f"schedules/{template}", status, words=words, say=saying, said=said, **values
        )

    def entry(
        request: Request,
        template: str,
        form: Mapping[str, str],
        seen: Replan | None,
        problem: str,
        **values: Any,
    ) -> Response:
        """A form with what was entered: what saving it would do, or what is wrong with it."""
        shown: dict[str, Any] = {"form": defaultdict(str, form), "seen": seen}
        shown["problem"] = words("errors", problem) if problem else ""
        return page(request, template, 422 if problem else 200, **shown, **values)

    @router.get("")
    async def week(
        request: Request, _staff: Nurse, department: UUID | None = None, doctor: UUID | None = None
    ) -> Response:
        today = desk.clock.local().date()
        async with desk.database.read("schedules") as session:
            every = list(await hospital.departments(session, bookable=True))
            chosen = await _doctor(session, doctor) if doctor else None
            mine = chosen.department_id if chosen else department
            at = next((one for one in every if one.id == mine), every[0] if every else None)
            doctors = await hospital.practitioners(session, at.id) if at else []
            if chosen is None:
                chosen = doctors[0] if doctors else None
            there = outside.lists_times()
            clinics = await service.clinics(session, chosen.id) if chosen and not there else []
            stuck = (
                await replan(session, desk.clock, [one.id for one in clinics], ahead=ahead, apply=False)
                if clinics
                else Replan()
            )
            values: dict[str, Any] = {
                "exceptions": await service.exceptions(session, chosen.id, today) if chosen else [],
                "offered": await service.offered(session, chosen.id, desk.clock.now())
                if chosen and there
                else [],
                "changes": await service.recent(session, chosen.id) if chosen else [],
                "places": await _places(session),
            }
        return page(
            request,
            "week.html",
            departments=every,
            at=at,
            doctors=doctors,
            doctor=chosen,
            clinics=clinics,
            by_id={one.id: one for one in clinics},
            stuck=stuck.stuck,
            outside=there,
            **values,
        )

    @router.get("/clinic")
    async def clinic(
        request: Request, _staff: Nurse, doctor: UUID, clinic: UUID | None = None, weekday: int = 0
    ) -> Response:
        if outside.lists_times():
            return back_to(HERE, doctor=str(doctor), said="outside")
        async with desk.database.read("schedule") as session:
            who = await _doctor(session, doctor)
            row = await _clinic(session, who, clinic) if clinic else None
            return await _clinic_page(request, session, who, row, _form_of(row, weekday))

    @router.post("/clinic")
    async def clinic_saved(request: Request, staff: Nurse) -> Response:
        form = await read_form(request)
        async with desk.database.write("schedule") as session:
            who = await _doctor(session, _uuid(form, "doctor"))
            row = await _clinic(session, who, _uuid(form, "id")) if form.get("id") else None
            step = form.get("step")
            try:
                at = row.department_id if row is not None else who.department_id
                after = None if step == "end" else forms.clinic(form, who.id, at)
                key = str(row.id) if row is not None else await _key(session, who, after)
                edit = Edit(What.CLINIC, key, after, who.id)
                if step == "look":
                    seen = await service.preview(session, desk.clock, edit, staff.id, ahead)
                    return await _clinic_page(request, session, who, row, form, seen=seen)
                _, done = await service.change(session, desk.clock, edit, staff.id, ahead)
            except ScheduleError as error:
                return await _clinic_page(request, session, who, row, form, problem=error.why)
        return _back(who.id, done)

    async def _clinic_page(
        request: Request,
        session: AsyncSession,
        who: Practitioner,
        row: Schedule | None,
        form: Mapping[str, str],
        *,
        seen: Replan | None = None,
        problem: str = "",
    ) -> Response:
        return entry(
            request,
            "clinic.html",
            form,
            seen,
            problem,
            doctor=who,
            row=row,
            places=await _places(session),
            kinds=list(Kind),
            holidays=list(OnHolidays),
        )

    @router.get("/exception")
    async def exception(
        request: Request, _staff: Nurse, doctor: UUID, clinic: str = "", day: date | None = None
    ) -> Response:
        if outside.lists_times():
            return back_to(HERE, doctor=str(doctor), said="outside")
        first = day or desk.clock.local().date() + timedelta(days=1)
        async with desk.database.read("schedule exception") as session:
            who = await _doctor(session, doctor)
            form = {"clinic": clinic, "day": first.isoformat(), "how": "closed"}
            return await _exception_page(request, session, who, form)

    @router.post("/exception")
    async def exception_saved(request: Request, staff: Nurse) -> Response:
        form = await read_form(request)
        async with desk.database.write("schedule exception") as session:
            who = await _doctor(session, _uuid(form, "doctor"))
            try:
                clinics = {one.id: one for one in await service.clinics(session, who.id)}
                after = forms.exception(form, who.id, clinics, desk.clock.local().date())
                edit = Edit(What.EXCEPTION, str(new_id()), after, who.id)
                if form.get("step") == "look":
                    seen = await service.preview(session, desk.clock, edit, staff.id, ahead)
                    return await _exception_page(request, session, who, form, seen=seen)
                _, done = await service.change(session, desk.clock, edit, staff.id, ahead)
            except ScheduleError as error:
                return await _exception_page(request, session, who, form, problem=error.why)
        return _back(who.id, done)

    async def _exception_page(
        request: Request,
        session: AsyncSession,
        who: Practitioner,
        form: Mapping[str, str],
        *,
        seen: Replan | None = None,
        problem: str = "",
    ) -> Response:
        clinics = await service.clinics(session, who.id)
        return entry(
            request,
            "exception.html",
            form,
            seen,
            problem,
            doctor=who,
            clinics=clinics,
        )

    @router.post("/exception/{exception_id}/remove")
    async def exception_removed(request: Request, staff: Nurse, exception_id: UUID) -> Response:
        form = await read_form(request)
        async with desk.database.write("schedule exception") as session:
            who = await _doctor(session, _uuid(form, "doctor"))
            mine = await service.exceptions(session, who.id, desk.clock.local().date())
            if exception_id not in {one.id for one in mine}:
                raise HTTPException(404, words("errors", "not_a_form"))
            edit = Edit(What.EXCEPTION, str(exception_id), None, who.id)
            if outside.lists_times():
                return back_to(HERE, doctor=str(who.id), said="outside")
            _, done = await service.change(session, desk.clock, edit, staff.id, ahead)
        return _back(who.id, done)

    @router.get("/days")
    async def days(request: Request, _staff: Nurse) -> Response:
        async with desk.database.read("hospital days") as session:
            return await _days_page(request, session, {"kind": "off"})

    @router.post("/days")
    async def day_saved(request: Request, staff: Nurse) -> Response:
        form = await read_form(request)
        async with desk.database.write("hospital day") as session:
            try:
                day, after = forms.hospital_day(form, desk.clock.local().date())
                edit = Edit(What.DAY, day.isoformat(), None if form.get("step") == "clear" else after)
                if form.get("step") == "look":
                    seen = await service.preview(session, desk.clock, edit, staff.id, ahead)
                    return await _days_page(request, session, form, seen=seen)
                _, done = await service.change(session, desk.clock, edit, staff.id, ahead)
            except ScheduleError as error:
                return await _days_page(request, session, form, problem=error.why)
        return back_to(f"{HERE}/days", said="saved_stuck" if done.stuck else "saved")

    async def _days_page(
        request: Request,
        session: AsyncSession,
        form: Mapping[str, str],
        *,
        seen: Replan | None = None,
        problem: str = "",
    ) -> Response:
        today = desk.clock.local().date()
        ahead = [today + timedelta(days=number) for number in range(DAYS_SHOWN)]
        known = await workdays.workdays(session, today, ahead[-1])
        own = await workdays.own_days(session, today)
        return entry(
            request,
            "days.html",
            form,
            seen,
            problem,
            own=own,
            public=[
                (day, known.holiday(day))
                for day in ahead
                if day not in known.own and (known.holiday(day) is not None or known.is_swapped(day))
            ],
            kinds=list(DayKind),
            changes=await service.recent(session, None),
            outside=outside.lists_times(),
            stuck=await left_behind(session, desk.clock.now()),
        )

    @router.post("/preparation")
    async def prepared(request: Request, staff: Nurse) -> Response:
        form = await read_form(request)
        async with desk.database.write("preparation") as session:
            found = await session.get(HealthcareService, _uuid(form, "department"))
            if found is None:
                raise HTTPException(404, words("errors", "no_department"))
            said = " ".join(form.get("preparation", "").split())[:LONGEST_PREPARATION]
            edit = Edit(What.PREPARATION, str(found.id), {"preparation": said})
            await service.change(session, desk.clock, edit, staff.id, ahead)
        return back_to(HERE, department=str(found.id), said="saved")

    @router.post("/changes/{change_id}/undo")
    async def undone(request: Request, staff: Nurse, change_id: UUID) -> Response:
        form = await read_form(request)
        async with desk.database.write("undo schedule") as session:
            try:
                done = await service.undo(session, desk.clock, change_id, staff.id, ahead)
            except ScheduleError:
                done = None
        said = "undone" if done is not None else "too_late"
        if form.get("doctor"):
            return back_to(HERE, doctor=str(_uuid(form, "doctor")), said=said)
        return back_to(f"{HERE}/days", said=said)

    return router


# --- inside ---


def _back(doctor: UUID, done: Replan) -> Response:
    return back_to(HERE, doctor=str(doctor), said="saved_stuck" if done.stuck else "saved")


def _uuid(form: Mapping[str, str], name: str) -> UUID:
    try:
        return UUID(form.get(name, ""))
    except ValueError as error:
        raise HTTPException(422, words("errors", "not_a_form")) from error


async def _doctor(session: AsyncSession, practitioner_id: UUID) -> Practitioner:
    """Raises 404."""
    found = await hospital.practitioner(session, practitioner_id)
    if found is None:
        raise HTTPException(404, words("errors", "no_doctor"))
    return found


async def _clinic(session: AsyncSession, who: Practitioner, schedule_id: UUID) -> Schedule:
    """Raises 404."""
    found = await session.get(Schedule, schedule_id)
    if found is None or found.practitioner_id != who.id:
        raise HTTPException(404, words("errors", "clinic"))
    return found


async def _key(session: AsyncSession, who: Practitioner, after: Mapping[str, Any] | None) -> str:
    """A new clinic's id: that of one that was held at the same time once, if there is one."""
    if after is None:
        raise ScheduleError("clinic")
    same = await session.scalars(
        select(Schedule).where(
            Schedule.practitioner_id == who.id, Schedule.weekday == after["weekday"], ~Schedule.active
        )
    )
    return next((str(one.id) for one in same if f"{one.starts:%H:%M}" == after["starts"]), str(new_id()))


async def _places(session: AsyncSession) -> dict[UUID, str]:
    rows = await session.execute(select(Location.id, Location.place).order_by(Location.place))
    return {row.id: row.place for row in rows}


def _form_of(row: Schedule | None, weekday: int) -> dict[str, str]:
    """A clinic's values as its form shows them; for a new one, what is usual."""
    if row is None:
        return {
            "weekday": str(min(max(weekday, 0), 6)),
            "starts": "08:00",
            "ends": "11:30",
            "slot_minutes": "10",
            "capacity": "1",
            "overbook": "0",
            "kind": Kind.GENERAL,
            "on_holidays": OnHolidays.FOLLOW,
        }
    names = (
        "weekday", "starts", "ends", "slot_minutes", "capacity", "overbook", "kind", "min_age", "max_age", "sex",
        "location_id", "valid_from", "valid_to", "on_holidays",
    )  # fmt: skip
    values = plain({name: getattr(row, name) for name in names})
    shown = {name: "" if value is None else str(value) for name, value in values.items()}
    return {**shown, "fee": saying.money(row.fee_fen)}
