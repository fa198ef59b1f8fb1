"""One campaign: its plan, how far it is, and the buttons: hand in, approve, start, pause, go on, stop."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content.articles.models import Article
from content.audiences import service as audiences
from content.audiences.models import AudienceVersion
from content.audiences.rules import read
from content.audiences.sentence import sentence
from content.audiences.vocabulary import vocabulary
from content.campaigns import service, workflow
from content.campaigns.errors import CampaignError
from content.campaigns.kinds import State
from content.campaigns.models import Campaign
from content.campaigns.pages import said
from content.campaigns.pages.buttons import BUTTONS, Button, Pressed
from content.campaigns.pages.desk import (
    APPROVERS,
    STOPPERS,
    WRITERS,
    CampaignDesk,
    Reader,
    campaign_of,
    names_of,
    show,
)
from content.campaigns.pages.said import WORDS
from content.campaigns.pages.shown import Bar, Now, arms_of, arms_said, now_of, steps_of, upcoming
from web.shell import back_to
from web.signin.access import may, require
from web.signin.models import StaffUser

NOT_SENT = ("failed", "suppressed", "skipped")
WHY = 8
"""Reasons shown."""


def add_routes(router: APIRouter, desk: CampaignDesk) -> None:
    """`/content/campaigns/{id}` and its buttons."""

    async def progress(session: AsyncSession, row: Campaign) -> Now:
        launches = await service.launches(session, row.id)
        count = partial(service.reasons, session, row.id)
        found = await desk.remembered.get(row.id, count) if row.counts else []
        path = f"/content/campaigns/{row.id}/recipients"
        reasons = [
            Bar(desk.reason(reason), number, f"{path}?state={state}&reason={reason}")
            for state, reason, number in found
            if reason and state in NOT_SENT
        ]
        return now_of(row, launches, reasons[:WHY])

    async def page(
        request: Request, staff: StaffUser, campaign_id: UUID, status: int = 200, problem: str = ""
    ) -> Response:
        async with desk.database.read("campaign") as session:
            row = await campaign_of(session, campaign_id)
            plan = await service.plan_of(session, row)
            variants = await service.variants(session, row.id)
            named = select(Article.id, Article.title).where(
                Article.id.in_([one.article_id for one in variants])
            )
            titles = {one.id: one.title for one in await session.execute(named)}
            words = await vocabulary(session)
            audience = await audiences.get(session, row.audience_id)
            version = await session.get_one(AudienceVersion, row.audience_version_id)
            newer = await service.newer_version(session, row)
            steps = steps_of(await service.steps(session, row.id))
            names = await names_of(session, [one.staff_id for one in steps])
            launches = await service.launches(session, row.id)
            begun = await workflow.begun(session, row.id)
            now = await progress(session, row)
        name = audience.name if audience is not None else ""
        whom = WORDS["labels"]["audience"].format(name=name, number=version.number)
        shown = [titles.get(one.article_id, "") for one in variants]
        arms = arms_of(variants, titles) if len(variants) > 1 and launches else []
        return show(
            desk,
            request,
            "page.html",
            status,
            campaign=row,
            summary=said.summary(plan, shown, whom, sentence(read(version.rule), words), desk.clock),
            upcoming=upcoming(row, desk.clock),
            version=version,
            newer=newer,
            newer_sentence=sentence(read(newer.rule), words) if newer is not None else "",
            steps=steps,
            names=names,
            actions=WORDS["steps"],
            launches=launches,
            begun=begun,
            now=now,
            live=row.state in (State.RUNNING, State.PAUSED),
            arms=arms,
            arms_said=arms_said(row, variants),
            goal=WORDS["goals"][row.goal],
            writer=may(staff, WRITERS),
            stopper=may(staff, STOPPERS),
            may_approve=row.state == State.SUBMITTED and may(staff, APPROVERS) and staff.id != row.author_id,
            problem=problem,
        )

    async def press(request: Request, button: Button, pressed: Pressed) -> Response:
        """Do it and come back; what cannot be done is said on the page, in words."""
        try:
            async with desk.database.write(f"campaign {button.name}") as session:
                await campaign_of(session, pressed.campaign_id)
                await button.do(session, desk.contents, pressed)
        except CampaignError as error:
            return await page(request, pressed.staff, pressed.campaign_id, 409, str(error))
        target = f"/content/campaigns/{pressed.campaign_id}" if button.stays else "/content/campaigns"
        return back_to(target, said=button.said)

    def add(button: Button) -> None:
        allowed = Depends(require(*button.roles))

        async def pressed(
            request: Request,
            campaign_id: UUID,
            staff: StaffUser = allowed,
            note: Annotated[str, Form(max_length=300)] = "",
            version: Annotated[str, Form(max_length=40)] = "",
        ) -> Response:
            return await press(
                request, button, Pressed(campaign_id, staff, desk.clock.now(), note.strip(), version)
            )

        router.add_api_route(f"/{{campaign_id}}/{button.name}", pressed, methods=["POST"])

    for button in BUTTONS:
        add(button)

    @router.get("/{campaign_id}")
    async def campaign(request: Request, staff: Reader, campaign_id: UUID) -> Response:
        return await page(request, staff, campaign_id)

    @router.get("/{campaign_id}/now")
    async def live(
        request: Request,
        staff: Reader,
        campaign_id: UUID,
        state: Annotated[str, Query(max_length=12)] = "",
    ) -> Response:
        """How far it is; the whole page anew once it has come to another state than the one it shows."""
        async with desk.database.read("campaign now") as session:
            row = await campaign_of(session, campaign_id)
            if state and row.state != state:
                return Response(headers={"HX-Refresh": "true"})
            now = await progress(session, row)
        return show(desk, request, "now.html", campaign=row, now=now, stopper=may(staff, STOPPERS))
