"""`/ops/delivery`: what goes out now, what does not and why, and the switches to stop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from channels.inbox.models import InboundMessage
from channels.ops import counts, health, holds, messages
from channels.ops.desk import OpsHouse
from channels.ops.messages import Filters
from channels.ops.rendering import READERS, SETTLERS, STOPPERS, VIEWERS, OpsPages
from channels.ops.settle import How, settle
from channels.ops.templates_pages import add_template_routes
from channels.ops.words import words_of
from channels.outbox.holds import Scope, covers
from store import audit
from web.security import csrf_protect
from web.signin.models import StaffUser
from web.signin.pages import require

Viewer = Annotated[StaffUser, Depends(require(*VIEWERS))]
Operator = Annotated[StaffUser, Depends(require(*STOPPERS))]
Settler = Annotated[StaffUser, Depends(require(*SETTLERS))]
Reader = Annotated[StaffUser, Depends(require(*READERS))]
Window = Literal["24h", "14d"]
REASON_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Now:
    """One look at the delivery, for the page's live part."""

    queues: dict[counts.Account, counts.Queue]
    today: counts.Period
    rate: counts.Rate
    accounts: list[health.AccountHealth]
    stops: list[holds.HoldLine]
    campaigns: list[holds.CampaignLine]
    dead: int
    spool: int

    def total(self, name: str) -> int:
        return sum(getattr(one, name) for one in self.queues.values())

    @property
    def oldest(self) -> Any:
        return min((one.oldest for one in self.queues.values() if one.oldest), default=None)

    def queue(self, channel: str, account: str) -> counts.Queue:
        return self.queues.get((channel, account), counts.Queue())

    def stop_of(self, scope: str, key: str = "") -> holds.HoldLine | None:
        return next((one for one in self.stops if (one.hold.scope, one.hold.key) == (scope, key)), None)


def ops_router(house: OpsHouse) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/ops", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    pages = OpsPages(house)
    page = pages.show
    add_template_routes(router, house, pages)

    async def look() -> Now:
        async def find() -> Now:
            now = house.clock.now()
            today = await trend("24h", "")
            accounts = await house.remembered.get("health", _health, 5)
            async with house.database.read("ops delivery") as session:
                stops = await holds.active(session)
                return Now(
                    queues=await counts.queues(session, now),
                    today=today,
                    rate=await counts.rate(session, now),
                    accounts=accounts,
                    stops=stops,
                    campaigns=await holds.campaigns(session, stops),
                    dead=await _dead(session),
                    spool=house.spool_waiting(),
                )

        return await house.remembered.get("now", find)

    async def _health() -> list[health.AccountHealth]:
        async with house.database.read("ops health") as session:
            return await health.accounts(session, list(house.accounts()), house.clock.now(), house.silence)

    async def _period(window: str, channel: str) -> counts.Period:
        async with house.database.read("ops trend") as session:
            return await counts.period(session, house.clock, window, channel)

    async def trend(window: str, channel: str) -> counts.Period:
        return await house.remembered.get((window, channel), lambda: _period(window, channel), 5)

    @router.get("")
    async def home(_staff: Viewer) -> Response:
        return RedirectResponse("/ops/delivery", 303)

    @router.get("/delivery")
    async def overview(
        request: Request, staff: Viewer, window: Window = "24h", channel: str = ""
    ) -> Response:
        async with house.database.write("ops troubles") as session:
            troubles = await _seen(session, staff, await messages.troubles(session))
            past = await holds.past(session)
        return page(
            request,
            "delivery.html",
            staff,
            now=await look(),
            period=await trend(window, channel),
            window=window,
            channel=channel,
            troubles=troubles,
            past=past,
        )

    @router.get("/delivery/now")
    async def tiles(request: Request, staff: Viewer) -> Response:
        return page(request, "now.html", staff, now=await look())

    @router.get("/delivery/accounts")
    async def accounts(request: Request, staff: Viewer) -> Response:
        return page(request, "accounts.html", staff, now=await look())

    @router.get("/delivery/troubles")
    async def troubles(request: Request, staff: Viewer) -> Response:
        async with house.database.write("ops troubles") as session:
            found = await _seen(session, staff, await messages.troubles(session))
        return page(request, "troubles.html", staff, troubles=found)

    @router.get("/delivery/trend")
    async def trend_part(
        request: Request, staff: Viewer, window: Window = "24h", channel: str = ""
    ) -> Response:
        found = await trend(window, channel)
        return page(request, "trend.html", staff, period=found, window=window, channel=channel)

    @router.get("/delivery/messages")
    async def list_of(
        request: Request, staff: Viewer, filters: Annotated[Filters, Depends(_filters)], before: str = ""
    ) -> Response:
        async with house.database.write("ops messages") as session:
            found = await messages.find(session, filters, messages.as_id(before) if before else None)
            await _seen(session, staff, found[: messages.PAGE])
            if (one := messages.as_id(filters.contact)) is not None:
                _note(session, staff, "messages", audit.subject_of("contact", one))
        more = found[messages.PAGE - 1].message.id if len(found) > messages.PAGE else None
        return page(
            request,
            "messages.html",
            staff,
            lines=found[: messages.PAGE],
            more=more,
            filters=filters,
            statuses=[one for one in pages.words.known("statuses").items() if one[0] != "waiting"],
            accounts=sorted({(one.account_id, one.account_id) for one in house.accounts()}),
        )

    @router.post("/delivery/search")
    async def search(staff: Viewer, q: Annotated[str, Form()] = "") -> Response:
        """By POST: a phone number must not stand in an address that logs keep."""
        async with house.database.write("ops search") as session:
            found = await messages.search(session, q[:200], list(house.accounts()))
            if found.contact is not None:
                _note(session, staff, "search", audit.subject_of("contact", found.contact))
        if found.message is not None:
            return RedirectResponse(f"/ops/delivery/{found.message}", 303)
        if found.contact is not None:
            return RedirectResponse(f"/ops/delivery/messages?contact={found.contact}", 303)
        return RedirectResponse("/ops/delivery/messages?said=not_found", 303)

    @router.post("/delivery/stop")
    async def stop(
        staff: Operator,
        scope: Annotated[Scope, Form()],
        reason: Annotated[str, Form(min_length=1, max_length=REASON_LONGEST)],
        key: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        if (scope is Scope.ALL) != (key == ""):
            raise HTTPException(422)
        async with house.database.write("ops stop") as session:
            await holds.stop(session, scope, key, reason.strip(), staff.id, house.clock.now())
        return _back("stopped")

    @router.post("/delivery/stop/{hold_id}/lift")
    async def lift(staff: Operator, hold_id: UUID) -> Response:
        async with house.database.write("ops resume") as session:
            done = await holds.lift(session, hold_id, staff.id, house.clock.now())
        house.wake()
        return _back("resumed" if done else "too_late")

    @router.post("/delivery/abort")
    async def abort(staff: Operator, campaign: Annotated[str, Form(min_length=1, max_length=80)]) -> Response:
        async with house.database.write("ops abort") as session:
            await holds.abort_campaign(session, campaign, staff.id, house.clock.now())
        return _back("aborted")

    @router.get("/delivery/{message_id}")
    async def life(request: Request, staff: Viewer, message_id: UUID) -> Response:
        async with house.database.write("ops life") as session:
            found = await messages.life(session, message_id)
            if found is None:
                raise HTTPException(404)
            _note(session, staff, "life", audit.subject_of("outbound", message_id))
            stops = await holds.active(session)
        covering = covers([one.hold for one in stops], found.message)
        held_by = next((one for one in stops if one.hold is covering), None)
        return page(request, "life.html", staff, life=found, held_by=held_by)

    @router.get("/delivery/{message_id}/words")
    async def text(request: Request, staff: Reader, message_id: UUID) -> Response:
        async with house.database.write("ops words") as session:
            found = await messages.life(session, message_id)
            if found is None:
                raise HTTPException(404)
            _note(session, staff, "words", audit.subject_of("outbound", message_id))
            allowed = await house.may_read(session, found.message, staff.id, house.clock.now())
        said = words_of(house, found.message) if allowed else ""
        return page(request, "words.html", staff, life=found, text=said, allowed=allowed)

    @router.post("/delivery/{message_id}/{how}")
    async def decide(staff: Settler, message_id: UUID, how: How) -> Response:
        now = house.clock.now()
        async with house.database.write("ops settle") as session:
            done = await settle(session, message_id, how, staff.id, now)
            if done is not None and house.settled is not None:
                await house.settled(session, done, how, staff.id, now)
        if how == "again":
            house.wake()
        house.remembered.forget()
        return RedirectResponse(
            f"/ops/delivery/{message_id}?said={how if done is not None else 'too_late'}", 303
        )

    def _back(said: str) -> Response:
        house.remembered.forget()
        return RedirectResponse(f"/ops/delivery?said={said}", 303)

    async def _seen(
        session: AsyncSession, staff: StaffUser, lines: list[messages.Line]
    ) -> list[messages.Line]:
        """Whose messages a list showed; it refreshes itself."""
        whom = {messages.whom(line.message) for line in lines}
        await audit.read_live(session, staff.id, whom, house.clock.now(), "delivery", part="list")
        return lines

    def _note(session: AsyncSession, staff: StaffUser, part: str, subject: str) -> None:
        audit.read(session, staff.id, [subject], house.clock.now(), "delivery", part=part)

    return router


def _filters(
    status: Annotated[str, Query(max_length=16)] = "",
    channel: Annotated[str, Query(max_length=16)] = "",
    account: Annotated[str, Query(max_length=64)] = "",
    purpose: Annotated[str, Query(max_length=24)] = "",
    reason: Annotated[str, Query(max_length=200)] = "",
    campaign: Annotated[str, Query(max_length=80)] = "",
    contact: Annotated[str, Query(max_length=40)] = "",
) -> Filters:
    return Filters(status, channel, account, purpose, reason, campaign, contact)


async def _dead(session: AsyncSession) -> int:
    """Messages nothing could be made of, among the newest (a count of the whole table would walk it)."""
    newest = select(InboundMessage.status).order_by(InboundMessage.id.desc()).limit(health.NEWEST).subquery()
    dead = select(func.count()).select_from(newest).where(newest.c.status == "dead")
    return await session.scalar(dead) or 0
