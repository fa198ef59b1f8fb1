"""`/desk/overdue`: who has not come back, whose patient it is, what was done; and what a member of staff knows of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import Response

from care.access import service as access
from care.desk.pages.desk import Desk, Nurse, show
from care.followup import overdue
from care.followup.models import Loss
from care.followup.overdue import Ending, Show
from care.followup.scripts import words
from care.patients import service as patients
from web.security import csrf_protect
from web.shell import back_to
from web.signin.staffing import names
from web.words import query_of

PAGE, HOME = "overdue", "/desk/overdue"
COUNTED = timedelta(days=90)
"""So far back those found and lost are counted on the page."""


def overdue_router(desk: Desk) -> APIRouter:
    """The list and its button."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def everything(
        request: Request,
        staff: Nurse,
        chosen: Annotated[Show, Query(alias="show")] = "running",
        reason: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        reason = reason if reason in words.known("loss_reasons") else ""
        now, today = desk.clock.now(), desk.clock.local().date()
        async with desk.database.write("overdue") as session:
            lines = await overdue.lines(session, staff, chosen, reason, today=today, now=now)
            await access.seen(
                session, staff, [one.patient.id for one in lines if not one.hidden], PAGE, now=now
            )
            people = [one.doctor for one in lines] + [one.word[0] for one in lines if one.word]
            known = await names(session, people)
            counts = await overdue.counts(session, now - COUNTED)
        said = request.query_params.get("said", "")
        return show(
            desk,
            request,
            "followup/overdue.html",
            words=words,
            lines=lines,
            counts=counts,
            chosen=chosen,
            reason=reason,
            names=known,
            me=staff,
            most=overdue.MOST,
            endings=get_args(Ending),
            query_of=query_of,
            said=words.known("overdue_said").get(said, ""),
            refused=words.known("overdue_refused").get(said, ""),
        )

    @router.post("/{loss_id}/ended")
    async def ended(
        staff: Nurse,
        loss_id: UUID,
        how: Annotated[str, Form()] = "",
        sure: Annotated[str, Form()] = "",
        chosen: Annotated[str, Form(alias="show")] = "running",
    ) -> Response:
        if how not in get_args(Ending):
            return _back(chosen, "choose")
        if how in overdue.FOR_GOOD and not sure:
            return _back(chosen, "unsure")
        now, refused = desk.clock.now(), False
        async with desk.database.write("loss ended") as session:
            loss = await session.get(Loss, loss_id, with_for_update=True)
            patient = await patients.get(session, loss.patient_id) if loss is not None else None
            if loss is None or patient is None:
                raise HTTPException(404)
            refused = not await access.may_see(session, staff, patient, now=now)
            await access.seen(session, staff, [patient.id], PAGE, now=now, live=True, refused=refused)
            done = not refused and await overdue.end(session, loss, patient, how, by=staff.id, now=now)  # type: ignore[arg-type]
        if refused:
            raise HTTPException(403, words("page", "hidden_why"))
        return _back(chosen, how if done else "over")

    return router


def _back(chosen: str, said: str) -> Response:
    return back_to(HOME, said=said, show=chosen if chosen in get_args(Show) else "running")
