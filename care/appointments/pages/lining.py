"""候补: who waits for what, what was offered until when; taken off the line, offered a place by hand."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.appointments import slots
from care.appointments.models import Part
from care.appointments.notices import service as notices
from care.appointments.notices.models import NoticeKind
from care.appointments.pages.shared import bookable, day_said, names, page, patient_shown, words
from care.appointments.views import Refused
from care.appointments.waitlist import service as waitlist
from care.desk.pages.desk import Desk, Nurse
from store import audit
from web.shell import back_to

MOST = 200
PAGE = "/desk/clinics/waitlist"


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/waitlist` and its buttons."""

    @router.get("/waitlist")
    async def shown(
        request: Request, staff: Nurse, department: Annotated[str, Query(max_length=40)] = ""
    ) -> Response:
        async with desk.database.write("waitlist") as session:
            every = await bookable(session)
            chosen = next((one for one in every if str(one.id) == department), None)
            found = await waitlist.lines(session, chosen.id if chosen else None, MOST)
            seen = await names(session, staff, [one.patient for one in found], desk)
        return page(
            desk,
            request,
            "waitlist.html",
            departments=every,
            chosen=chosen,
            lines=found,
            shown=seen,
            most=waitlist.MOST_OFFERS,
            day_said=day_said,
        )

    @router.post("/waitlist/{entry_id}/remove")
    async def removed(staff: Nurse, entry_id: UUID) -> Response:
        now = desk.clock.now()
        async with desk.database.write("waitlist remove") as session:
            if not await waitlist.leave(session, entry_id, now=now):
                raise HTTPException(409, words("errors", "waits_no_more"))
            _note(session, staff.id, entry_id, "waitlist.remove")
        return back_to(PAGE, said="removed")

    @router.get("/waitlist/{entry_id}/offer")
    async def offer_asked(request: Request, staff: Nurse, entry_id: UUID) -> Response:
        """The free places to choose from: the doctor's asked for first, and whatever the department has."""
        now = desk.clock.now()
        async with desk.database.write("waitlist offer") as session:
            entry = await waitlist.get(session, entry_id)
            if entry is None:
                raise HTTPException(404, words("errors", "waits_no_more"))
            name = await patient_shown(session, staff, entry.patient_id, desk)
            found = await slots.find_half_days(
                session,
                now=now,
                department_id=entry.department_id,
                limit=40,
            )
        fits = [
            one.first
            for one in found
            if entry.first_day <= one.first.day <= entry.last_day
            and (entry.part is None or Part(entry.part) == one.first.part)
            and entry.practitioner_id in (None, one.first.practitioner_id)
        ]
        rest = [one.first for one in found if one.first not in fits]
        return page(
            desk,
            request,
            "offer.html",
            entry=entry,
            name=name,
            fits=fits,
            rest=rest[:20],
            minutes=int(waitlist.OFFER_FOR.total_seconds() // 60),
            day_said=day_said,
        )

    @router.post("/waitlist/{entry_id}/offer")
    async def offered(staff: Nurse, entry_id: UUID, slot: Annotated[UUID, Form()]) -> Response:
        now = desk.clock.now()
        async with desk.database.write("waitlist offer") as session:
            made = await waitlist.offer_by_hand(session, entry_id, slot, now)
            if isinstance(made, Refused):
                raise HTTPException(409, words("refused", made.why))
            await notices.owe(
                session,
                NoticeKind.OFFERED,
                made.entry.patient_id,
                by=staff.id,
                now=now,
                entry_id=entry_id,
            )
            _note(session, staff.id, entry_id, "waitlist.offer")
        return back_to(PAGE, said="offered")

    def _note(session: AsyncSession, staff_id: UUID, entry_id: UUID, act: str) -> None:
        audit.record(
            session,
            actor=audit.subject_of("staff", staff_id),
            action=act,
            subject=audit.subject_of("waitlist", entry_id),
            at=desk.clock.now(),
        )
