"""The form of a campaign: saved as it is filled in, one step back, how many people, what they will see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content.articles import rendering
from content.articles import service as articles
from content.articles.doc import ArticleDoc
from content.articles.models import Article
from content.audiences import service as audiences
from content.campaigns import service
from content.campaigns.errors import CampaignError
from content.campaigns.kinds import State
from content.campaigns.models import Campaign, CampaignVariant
from content.campaigns.pages import said
from content.campaigns.pages.desk import (
    PATIENCE,
    CampaignDesk,
    Reader,
    Writer,
    campaign_of,
    names_of,
    show,
)
from content.campaigns.pages.form import Fields, NotOurs, fields_of, received
from content.campaigns.pages.offered import Offered, offered
from content.campaigns.pages.said import WORDS, Summary
from content.campaigns.pages.shown import upcoming
from content.campaigns.plan import Plan
from content.campaigns.texts import texts_of
from content.media import service as media
from store.database import DatabaseUnavailable
from web.shell import back_to
from web.signin.models import StaffUser

log = structlog.get_logger(__name__)


def add_routes(router: APIRouter, desk: CampaignDesk) -> None:
    """`/content/campaigns/{id}/edit` and what it asks for."""

    async def choices(session: AsyncSession, row: Campaign) -> tuple[Offered, list[CampaignVariant]]:
        variants = list(await service.variants(session, row.id))
        today = desk.clock.local().date()
        return await offered(session, today, [one.article_id for one in variants], row.audience_id), variants

    def summary(plan: Plan, offers: Offered) -> Summary:
        titles = [offers.article(one.article_id).title for one in plan.variants]
        people = next((one for one in offers.audiences if one.version_id == plan.audience_version_id), None)
        if people is None:
            return said.summary(plan, titles, WORDS["labels"]["older_audience"], "", desk.clock)
        named = WORDS["labels"]["audience"].format(name=people.name, number=people.number)
        return said.summary(plan, titles, named, people.sentence, desk.clock)

    async def unready(session: AsyncSession, row: Campaign) -> list[str]:
        refused = await service.not_sendable(session, row, desk.contents)
        return [str(CampaignError(reason, arm=arm.upper())) for arm, reason in refused.items()]

    @router.get("/{campaign_id}/edit")
    async def edit(request: Request, _staff: Writer, campaign_id: UUID) -> Response:
        async with desk.database.read("edit campaign") as session:
            row = await campaign_of(session, campaign_id)
            if row.state != State.DRAFT:
                return back_to(f"/content/campaigns/{campaign_id}")
            offers, variants = await choices(session, row)
            plan = await service.plan_of(session, row)
            problems = await unready(session, row)
        labels = WORDS["labels"]
        return show(
            desk,
            request,
            "edit.html",
            campaign=row,
            plan=fields_of(row, variants, desk.clock),
            articles=[
                (one.id, labels["gone"].format(title=one.title) if one.gone else one.title)
                for one in offers.articles
            ],
            audiences=[(one.id, one.name) for one in offers.audiences],
            summary=summary(plan, offers),
            problems=problems,
            upcoming=upcoming(row, desk.clock),
            saved=_saved_at(desk, row),
            wrong="",
            stale=False,
            partly=False,
            before="",
            **{
                name: WORDS[name]
                for name in (
                    "kind_hints",
                    "units",
                    "directions",
                    "choosing",
                    "goals",
                    "purposes",
                    "events",
                    "anchors",
                )
            },
            lates=WORDS["late"],
        )

    async def save(
        request: Request, staff: StaffUser, campaign_id: UUID, form: Mapping[str, Any]
    ) -> tuple[Response, bool]:
        """The panel beside the form after saving what was sent, and whether it could be."""
        seen = str(form.get("version", ""))
        before: Fields | None = None
        error: CampaignError | None = None
        try:
            async with desk.database.write("save campaign") as session:
                row = await campaign_of(session, campaign_id)
                offers, variants = await choices(session, row)
                plan = received(form, offers, desk.clock)
                if plan != await service.plan_of(session, row):
                    before = fields_of(row, variants, desk.clock)
                    await service.change(
                        session,
                        campaign_id,
                        plan,
                        seen=int(seen) if seen.isdecimal() and len(seen) < 9 else 0,
                        staff=staff,
                        now=desk.clock.now(),
                    )
        except NotOurs as not_ours:
            raise HTTPException(422, WORDS["wrong"]["stale"]) from not_ours
        except CampaignError as refused:
            error, before = refused, None
        async with desk.database.read("saved campaign") as session:
            row = await campaign_of(session, campaign_id)
            problems = await unready(session, row)
            stale = error is not None and error.code in ("changed_meanwhile", "not_draft")
            wrong = await _conflict(session, row) if stale else str(error or "")
        answer = show(
            desk,
            request,
            "said.html",
            campaign=row,
            summary=summary(plan, offers),
            problems=[] if error else problems,
            upcoming=[] if error else upcoming(row, desk.clock),
            saved=WORDS["saved"]["not_yet"] if error else _saved_at(desk, row),
            wrong=wrong,
            stale=stale,
            partly=error is None,
            before=json.dumps(before.as_form(), ensure_ascii=False) if before is not None else "",
        )
        if before is not None:
            answer.headers["HX-Trigger"] = "plan-saved"  # what patients see is shown anew
        return answer, error is None

    @router.post("/{campaign_id}/save")
    async def saved(request: Request, staff: Writer, campaign_id: UUID) -> Response:
        answer, done = await save(request, staff, campaign_id, await request.form(max_files=0, max_fields=60))
        if "hx-request" in request.headers:
            return answer
        if not done:
            answer.status_code = 422
            return answer
        return back_to(f"/content/campaigns/{campaign_id}/edit")

    @router.post("/{campaign_id}/undo")
    async def undo(
        request: Request,
        staff: Writer,
        campaign_id: UUID,
        version: Annotated[int, Form(ge=1)],
        before: Annotated[str, Form(max_length=5000)] = "",
    ) -> Response:
        """The form as it was before the last change, saved again."""
        try:
            given = json.loads(before) if before else None
        except ValueError as error:
            raise HTTPException(422, WORDS["wrong"]["stale"]) from error
        if not isinstance(given, dict):
            return back_to(f"/content/campaigns/{campaign_id}/edit", said="nothing_to_undo")
        answer, done = await save(request, staff, campaign_id, {**given, "version": str(version)})
        if not done:
            answer.status_code = 409
            return answer
        return back_to(f"/content/campaigns/{campaign_id}/edit", said="undone")

    async def _conflict(session: AsyncSession, row: Campaign) -> str:
        last = (await service.steps(session, row.id))[0]
        names = await names_of(session, [last.staff_id])
        return str(WORDS["wrong"]["conflict"]).format(name=names[last.staff_id])

    @router.get("/{campaign_id}/reach")
    async def reach(request: Request, _staff: Reader, campaign_id: UUID) -> Response:
        """How many people the audience has now; counted aside when it takes long."""
        async with desk.database.read("reach of campaign") as session:
            row = await campaign_of(session, campaign_id)
            rule = await audiences.rule_of(session, row.audience_version_id)
        assert rule is not None
        counted, running = None, 0
        try:
            found = await desk.counter.ask(rule, PATIENCE)
            counted, running = (None, max(1, round(found))) if isinstance(found, float) else (found, 0)
        except (SQLAlchemyError, DatabaseUnavailable):
            log.exception("campaigns.count_failed")
        held_out = round(counted.count * row.holdout_percent / 100) if counted is not None else 0
        return show(
            desk, request, "reach.html", campaign=row, counted=counted, running=running, held_out=held_out
        )

    @router.get("/{campaign_id}/look")
    async def look(request: Request, _staff: Reader, campaign_id: UUID) -> Response:
        """The messages and the articles behind them, as they will be read."""
        async with desk.database.read("campaign preview") as session:
            row = await campaign_of(session, campaign_id)
            texts, shown = await texts_of(session, row.id), []
            for one in await service.variants(session, row.id):
                slug = await session.scalar(select(Article.slug).where(Article.id == one.article_id))
                revision = await articles.revision(session, one.article_id, one.revision)
                doc = ArticleDoc.from_json(revision.doc)
                shown.append((one, slug, doc, await media.pictures(session, doc.media())))
        pages = [
            (one, slug, doc, (await asyncio.to_thread(rendering.render_page, doc.body, pictures)).html)
            for one, slug, doc, pictures in shown
        ]
        link = WORDS["labels"]["own_link"]
        said_by = {
            arm: [(WORDS["channels"][one], desk.speak(text.reply(link), one)) for one in ("wechat", "sms")]
            for arm, text in texts.items()
        }
        return show(desk, request, "look.html", campaign=row, pages=pages, said_by=said_by)


def _saved_at(desk: CampaignDesk, row: Campaign) -> str:
    return str(WORDS["saved"]["now"]).format(time=f"{desk.clock.local(row.changed_at):%H:%M:%S}")
