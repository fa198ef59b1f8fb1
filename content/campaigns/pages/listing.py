"""The list of campaigns, a new one, and a copy of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content.campaigns import finding, service
from content.campaigns.errors import CampaignError
from content.campaigns.finding import Filters
from content.campaigns.kinds import Kind, State
from content.campaigns.models import Campaign
from content.campaigns.pages import said
from content.campaigns.pages.desk import (
    WRITERS,
    CampaignDesk,
    Reader,
    Writer,
    campaign_of,
    names_of,
    show,
)
from content.campaigns.pages.offered import offered
from content.campaigns.plan import NAME_MOST, Plan, Variant
from web.shell import back_to
from web.signin.access import may

STATE = f"^({'|'.join(State)})?$"
KIND = f"^({'|'.join(Kind)})?$"
PATH = "/content/campaigns"


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign in the list, in words, with its numbers."""

    campaign: Campaign
    author: str
    what: str
    whom: str
    when: str

    def _sum(self, *states: str) -> int:
        return sum(self.campaign.counts.get(one, 0) for one in states)

    @property
    def people(self) -> int:
        return sum(self.campaign.counts.values())

    @property
    def waiting(self) -> int:
        return self._sum("planned", "queued")

    @property
    def sent(self) -> int:
        return self._sum("sent", "delivered", "uncertain")

    @property
    def not_sent(self) -> int:
        return self._sum("failed", "suppressed", "skipped", "aborted")

    @property
    def held_out(self) -> int:
        return self._sum("held_out")


def add_routes(router: APIRouter, desk: CampaignDesk) -> None:
    """`/content/campaigns`, `/new` and `/{id}/copy`."""

    @router.get("")
    async def listing(
        request: Request,
        staff: Reader,
        state: Annotated[str, Query(pattern=STATE)] = "",
        kind: Annotated[str, Query(pattern=KIND)] = "",
        q: Annotated[str, Query(max_length=60)] = "",
        mine: bool = False,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        filters = Filters(state, kind, q, staff.id if mine else None)
        async with desk.database.read("campaigns") as session:
            found, total = await finding.find(session, filters, page)
            lines = await _lines(session, found)
        return show(
            desk,
            request,
            "list.html",
            found=lines,
            total=total,
            page=page,
            pages=max(1, -(-total // finding.SHOWN)),
            filters={"state": state, "kind": kind, "q": q, "mine": "true" if mine else ""},
            writer=may(staff, WRITERS),
        )

    async def _lines(session: AsyncSession, found: list[tuple[Campaign, Any]]) -> list[Line]:
        titles = await finding.titles(session, [one.id for one, _ in found])
        names = await names_of(session, [one.author_id for one, _ in found])
        plans = [await service.plan_of(session, one) for one, _ in found]
        return [
            Line(
                one,
                names[one.author_id],
                said.what(plan, titles.get(one.id, [])),
                audience.name,
                said.when(plan, desk.clock),
            )
            for (one, audience), plan in zip(found, plans, strict=True)
        ]

    async def form(request: Request, status: int = 200, problem: str = "", **given: str) -> Response:
        async with desk.database.read("new campaign") as session:
            choices = await offered(session, desk.clock.local().date())
        return show(
            desk,
            request,
            "new.html",
            status,
            articles=choices.articles,
            audiences=choices.audiences,
            given={"name": "", "article": "", "audience": "", **given},
            problem=problem,
        )

    @router.get("/new")
    async def new(request: Request, _staff: Writer) -> Response:
        return await form(
            request,
            article=request.query_params.get("article", "")[:40],
            audience=request.query_params.get("audience", "")[:40],
        )

    @router.post("/new")
    async def create(
        request: Request,
        staff: Writer,
        article: Annotated[UUID, Form()],
        audience: Annotated[UUID, Form()],
        name: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        given = {"name": name, "article": str(article), "audience": str(audience)}
        try:
            async with desk.database.write("new campaign") as session:
                choices = await offered(session, desk.clock.local().date())
                text, people = choices.article(article), choices.audience(audience)
                plan = Plan(
                    name=" ".join(name.split()),
                    kind=Kind.ONCE,
                    audience_version_id=people.version_id,
                    variants=(Variant(text.id, text.revision),),
                )
                made = await service.create(session, plan, staff=staff, now=desk.clock.now())
                made_id = made.id
        except KeyError:
            return await form(request, 422, said.WORDS["wrong"]["gone"], **given)
        except CampaignError as error:
            return await form(request, 422, str(error), **given)
        return back_to(f"{PATH}/{made_id}/edit", said="created")

    @router.post("/{campaign_id}/copy")
    async def copy(staff: Writer, campaign_id: UUID) -> Response:
        """A draft with the same plan under a name of its own; dates stay, for whoever edits it to change."""
        async with desk.database.write("copy campaign") as session:
            row = await campaign_of(session, campaign_id)
            plan = await service.plan_of(session, row)
            for number in range(2, 1000):
                tail = str(said.WORDS["labels"]["copy"]).format(n=number)
                try:
                    named = replace(plan, name=f"{plan.name[: NAME_MOST - len(tail)]}{tail}")
                    made = await service.create(session, named, staff=staff, now=desk.clock.now())
                    break
                except CampaignError as error:
                    if error.code != "name_taken":
                        raise
            made_id = made.id
        return back_to(f"{PATH}/{made_id}/edit", said="copied")
