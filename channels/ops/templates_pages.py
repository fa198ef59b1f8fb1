"""`/ops/templates`: what SMS may say and how its review stands, and WeChat's notices."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from channels.ops import templates_view as view
from channels.ops.desk import OpsHouse
from channels.ops.ports import AccountFacts
from channels.ops.rendering import TEMPLATERS, OpsPages
from channels.wording import registry
from store import audit
from web.signin.models import StaffUser
from web.signin.pages import require
from web.words import query_of

log = structlog.get_logger(__name__)
Templater = Annotated[StaffUser, Depends(require(*TEMPLATERS))]
STATES = ("draft", "waiting", "submitted", "approved", "rejected", "findings", "long", "old")
"""What the list can be narrowed to: review states, what the review would refuse, what may get too long, texts out of use."""


def add_template_routes(router: APIRouter, house: OpsHouse, pages: OpsPages) -> None:
    """The page and its buttons."""

    def account_of(wanted: str) -> AccountFacts | None:
        texting = [one for one in house.accounts() if one.channel == "sms"]
        if not wanted:
            return texting[0] if texting else None
        return next((one for one in texting if one.account_id == wanted), None)

    @router.get("/templates")
    async def templates(
        request: Request, staff: Templater, account: str = "", state: str = "", q: str = ""
    ) -> Response:
        chosen = account_of(account)
        if account and chosen is None:
            raise HTTPException(404)
        found: list[view.TemplateLine] = []
        signs = []
        if chosen is not None:
            used = await house.remembered.get(
                ("uses", chosen.account_id), lambda: view.uses(house.database, chosen.account_id), 15
            )
            async with house.database.read("ops templates") as session:
                rows = await registry.list_templates(session, chosen.account_id)
                signs = await registry.signatures(session, chosen.account_id)
            current = {(one.key, one.options, one.revision) for one in house.catalogue.sms_templates()}
            found = view.lines(rows, chosen.sign, current, used)
        async with house.database.read("ops notices") as session:
            granted = await view.grants(session)
        counts = {name: sum(_is(one, name) for one in found) for name in STATES}
        wanted = q.strip()
        shown = [
            one
            for one in found
            if (_is(one, state) if state else not one.old)
            and (not wanted or wanted in one.row.key or wanted in one.row.text or wanted == one.row.code)
        ]
        return pages.show(
            request,
            "templates.html",
            staff,
            account=chosen,
            accounts=[one for one in house.accounts() if one.channel == "sms"],
            lines=shown,
            counts=counts,
            state=state,
            q=wanted,
            signs=signs,
            notices=house.notices(),
            granted=granted,
        )

    @router.post("/templates/submit")
    async def submit(
        staff: Templater,
        account: Annotated[str, Form(max_length=64)],
        code: Annotated[list[str], Form(max_length=500)],
    ) -> Response:
        if account_of(account) is None:
            raise HTTPException(404)
        now = house.clock.now()
        async with house.database.write("ops templates") as session:
            number = await registry.submit(session, account, code, staff_id=staff.id, now=now)
            audit.record(
                session,
                actor=audit.subject_of("staff", staff.id),
                action="template_submit",
                subject=f"sms_account:{account}",
                at=now,
                detail={"codes": code[:50], "submitted": number},
            )
        return _back(account, "submitted" if number else "too_late")

    @router.post("/templates/sync")
    async def sync(staff: Templater, account: Annotated[str, Form(max_length=64)] = "") -> Response:
        try:
            await house.sync_templates()
        except Exception:
            log.exception("ops.template_sync_failed", staff=str(staff.id))
            return _back(account, "sync_failed")
        return _back(account, "synced")


def _is(line: view.TemplateLine, state: str) -> bool:
    if state == "old":
        return line.old
    if state == "findings":
        return not line.old and bool(line.findings)
    if state == "long":
        return not line.old and line.too_long
    return not line.old and line.state == state


def _back(account: str, said: str) -> Response:
    return RedirectResponse(f"/ops/templates?{query_of({'account': account, 'said': said})}", 303)
