"""`/admin/audit`: who read or did what, searched, exported, and proved to be whole. For auditors; looking is recorded too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response, StreamingResponse

from store import audit, audit_check
from store.audit import TRAIL, AuditCheck, AuditSealer
from store.clock import Clock, real_now
from store.database import Database
from web.audit import search
from web.audit.ports import People
from web.audit.search import Filters
from web.audit.shown import lines, words
from web.security import csrf_protect
from web.sheets import MARK, csv_line
from web.shell import render
from web.signin import staffing
from web.signin.access import require
from web.signin.models import Role, StaffUser

log = structlog.get_logger(__name__)

Auditor = Annotated[StaffUser, Depends(require(Role.AUDITOR))]
NEWEST = 2**62


@dataclass(slots=True)
class AuditDesk:
    """What the server hands in. `walking`: the check this process walks, held so that it is not collected."""

    database: Database
    clock: Clock
    sealer: AuditSealer
    people: People
    walking: set[asyncio.Task[None]] = field(default_factory=set)

    async def whom(self, session: AsyncSession, subject: str) -> Collection[str]:
        """Everything `subject` stands for in the trail."""
        if not subject:
            return ()
        return (
            await self.people.everything(session, subject) if subject.startswith("patient:") else (subject,)
        )


def filters_of(
    who: Annotated[str, Query(max_length=40)] = "",
    whom: Annotated[str, Query(max_length=120)] = "",
    action: Annotated[str, Query(max_length=40)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
) -> Filters:
    """Dependency: what the address asks for; a day that is none is left out."""
    return Filters(who, whom, action, _day(since), _day(until))


Asked = Annotated[Filters, Depends(filters_of)]


def audit_router(desk: AuditDesk) -> APIRouter:
    """The page and its buttons. What is asked of the trail is ids, codes and days, so it may stand in the trail itself."""
    router = APIRouter(prefix="/admin/audit", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def trail(
        request: Request,
        staff: Auditor,
        filters: Asked,
        before: Annotated[int | None, Query(ge=1, le=NEWEST)] = None,
        said: str = "",
    ) -> Response:
        async with desk.database.write("audit trail") as session:
            about = filters.whom if filters.whom.startswith("patient:") else TRAIL
            audit.read(session, staff.id, [about], desk.clock.now(), "audit", filters=filters.as_dict())
            await session.flush()
            whom = await desk.whom(session, filters.whom)
            rows = await search.page(session, filters, whom, desk.clock, before)
            found = await lines(session, desk.people, rows[: search.PAGE])
            everybody = await staffing.everybody(session)
            labels = await desk.people.labels(session, {filters.whom})
        return render(
            request,
            "audit/trail.html",
            lines=found,
            more=found[-1].id if len(rows) > search.PAGE else None,
            filters=filters,
            query=urlencode(filters.as_dict()),
            staff_list=[(str(one.id), f"{one.display_name}（{one.username}）") for one in everybody],
            others=[(one, words("others", one)) for one in search.OTHERS],
            actions=words.known("actions"),
            whom_said=labels.get(filters.whom, filters.whom),
            at=desk.clock.local,
            said=words.known("said").get(said, ""),
            **await _chain(desk),
        )

    @router.post("/search")
    async def find(
        request: Request,
        staff: Auditor,
        filters: Asked,
        person: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        """By POST: a patient's name or number must not stand in an address that logs keep."""
        async with desk.database.write("audit person") as session:
            found = await desk.people.find(session, person)
            whom = [one.subject for one in found]
            audit.read(session, staff.id, whom, desk.clock.now(), "audit", part="find")
        rest = filters.as_dict()
        if len(found) == 1:
            return _to({**rest, "whom": found[0].subject})
        if not found:
            return _to({**rest, "said": "nobody"})
        choices = [(one.label, urlencode({**rest, "whom": one.subject})) for one in found]
        return render(request, "audit/choose.html", choices=choices)

    @router.post("/export")
    async def export(staff: Auditor, filters: Asked) -> Response:
        async with desk.database.write("audit export") as session:
            audit.record(
                session,
                actor=audit.subject_of("staff", staff.id),
                action="export",
                subject=filters.whom or TRAIL,
                at=desk.clock.now(),
                detail={"page": "audit", "filters": filters.as_dict()},
            )
            await session.flush()
            whom = await desk.whom(session, filters.whom)
            newest = await search.page(session, Filters(), (), desk.clock, None)
        rows = _csv(desk, filters, whom, newest[0].id)
        name = f"audit-{desk.clock.local():%Y%m%d-%H%M}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/chain")
    async def chain(request: Request, _staff: Auditor) -> Response:
        """How far the check is; 286 tells the poller that it is over (https://htmx.org/docs/#polling)."""
        state = await _chain(desk)
        return render(
            request, "audit/chain.html", 200 if state["running"] else 286, at=desk.clock.local, **state
        )

    @router.post("/verify")
    async def verify(staff: Auditor) -> Response:
        async with desk.database.write("audit verify") as session:
            check = await audit_check.begin(session, audit.subject_of("staff", staff.id))
        if check is not None:
            task = asyncio.create_task(_walk(desk, check))
            desk.walking.add(task)
            task.add_done_callback(desk.walking.discard)
        return _to({"said": "checking"})

    return router


async def _walk(desk: AuditDesk, check: AuditCheck) -> None:
    try:
        report = await audit_check.walk(desk.database, desk.sealer, check)
    except Exception:
        log.exception("audit.check_failed")
        return
    if report.broken is not None:
        log.error("audit.broken", seal_no=report.broken)


async def _chain(desk: AuditDesk) -> dict[str, Any]:
    """The chain's state for the template."""
    async with desk.database.read("audit chain") as session:
        head = await audit_check.last_sealed(session)
        checks = await audit_check.checks(session)
        last = next((one for one in checks if one.ended_at is not None), None)
        by = await staffing.names(session, search.staff_ids([last.actor] if last is not None else []))
    walking = checks[0] if checks and audit_check.running(checks[0], real_now()) else None
    return {"head": head, "last": last, "last_by": "".join(by.values()), "running": walking}


async def _csv(desk: AuditDesk, filters: Filters, whom: Collection[str], upto: int) -> AsyncIterator[bytes]:
    """Rows for a spreadsheet."""
    yield MARK
    yield csv_line(words.known("columns").values())
    async for rows in search.every(desk.database, filters, whom, desk.clock, upto):
        async with desk.database.read("audit export names") as session:
            found = await lines(session, desk.people, rows)
        yield b"".join(
            csv_line(
                (
                    f"{desk.clock.local(one.at):%Y-%m-%d %H:%M:%S}",
                    one.who,
                    one.action,
                    one.whom,
                    one.subject,
                    one.where,
                    one.detail,
                    one.sealed or "",
                    one.id,
                )
            )
            for one in found
        )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _to(query: dict[str, str]) -> Response:
    return RedirectResponse(f"/admin/audit?{urlencode(query)}" if query else "/admin/audit", 303)
