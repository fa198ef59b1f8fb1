"""Before it goes out: the dry run with its counts, sample and CSV, and tests to the staff's own phones."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, HTTPException, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from content.campaigns import service, trial
from content.campaigns.dryrun import DryRun
from content.campaigns.errors import CampaignError, say
from content.campaigns.models import Campaign
from content.campaigns.pages.desk import PATIENCE, CampaignDesk, Writer, campaign_of, show
from content.campaigns.pages.people import faces, seen
from content.campaigns.pages.said import WORDS
from content.campaigns.pages.shown import Bar, arm_name
from store.database import DatabaseUnavailable
from web.shell import back_to
from web.signin.models import StaffUser

log = structlog.get_logger(__name__)
EXPORT = 20.0
"""Seconds a table to download waits for its figures."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One of the sample in words."""

    who: str
    outcome: str
    arm: str
    way: str
    reason: str
    until: str


def add_routes(router: APIRouter, desk: CampaignDesk) -> None:
    """`/content/campaigns/{id}/dry-run` and `/test`."""

    async def page(request: Request, campaign_id: UUID, status: int = 200, problem: str = "") -> Response:
        async with desk.database.read("dry run") as session:
            row = await campaign_of(session, campaign_id)
            variants = await service.variants(session, row.id)
            testers = await trial.testers(session)
        return show(
            desk,
            request,
            "dry-run.html",
            status,
            campaign=row,
            arms=[(one.arm, arm_name(one.arm)) for one in variants],
            testers=[
                (contact.id, f"{one.label}（{WORDS['channels'].get(contact.channel, contact.channel)}）")
                for one, contact in testers
            ],
            accounts=[
                (
                    f"{channel}/{account}",
                    WORDS["labels"]["account"].format(channel=WORDS["channels"][channel], account=account),
                )
                for channel, account in desk.accounts
            ],
            problem=problem,
        )

    @router.get("/{campaign_id}/dry-run")
    async def dry_run(request: Request, _staff: Writer, campaign_id: UUID) -> Response:
        return await page(request, campaign_id)

    async def found(
        campaign_id: UUID, *, again: bool = False, patience: float = PATIENCE
    ) -> tuple[Campaign, DryRun | float | None]:
        async with desk.database.read("dry run of") as session:
            row = await campaign_of(session, campaign_id)
        try:
            return row, await desk.dry_runs.ask(row.id, row.version, patience, again=again)
        except (SQLAlchemyError, DatabaseUnavailable):
            log.exception("campaigns.dry_run_failed")
            return row, None

    @router.get("/{campaign_id}/dry-run/part")
    async def part(request: Request, staff: Writer, campaign_id: UUID, again: bool = False) -> Response:
        row, result = await found(campaign_id, again=again)
        running = max(1, round(result)) if isinstance(result, float) else 0
        dry = result if isinstance(result, DryRun) else None
        tried: Sequence[Tried] = []
        if dry is not None:
            ids = [one.patient_id for one in dry.sample]
            async with desk.database.write("dry run sample") as session:
                named = await faces(session, ids)
                seen(session, staff, ids, desk.clock)
            tried = [
                Tried(
                    named.get(one.patient_id, ""),
                    WORDS["outcomes"][one.outcome],
                    arm_name(one.arm) if one.arm in dry.by_arm else "",
                    say("rungs", one.way) if one.way else "",
                    desk.reason(one.reason) if one.reason and one.outcome != "goes" else "",
                    f"{desk.clock.local(one.until):%m-%d %H:%M}" if one.until else "",
                )
                for one in dry.sample
            ]
        return show(
            desk,
            request,
            "dry-part.html",
            campaign=row,
            dry=dry,
            running=running,
            gets=_gets(dry) if dry else [],
            misses=_misses(desk, dry) if dry else [],
            shares=[(arm_name(arm), share) for arm, share in dry.by_arm.items()] if dry else [],
            outcomes=[
                (WORDS["outcomes"][code], dry.now[code]) for code in WORDS["outcomes"] if dry.now.get(code)
            ]
            if dry
            else [],
            blocked=[str(CampaignError(reason, arm=arm.upper())) for arm, reason in dry.blocked.items()]
            if dry
            else [],
            tried=tried,
        )

    @router.get("/{campaign_id}/dry-run.csv")
    async def as_csv(_staff: Writer, campaign_id: UUID) -> Response:
        """The counts, nobody's name."""
        row, result = await found(campaign_id, patience=EXPORT)
        if not isinstance(result, DryRun):
            raise HTTPException(503, WORDS["wrong"]["dry_run_later"])
        words, out = WORDS["csv"], io.StringIO()
        table = csv.writer(out)
        table.writerow([words["what"], words["which"], words["people"]])
        table.writerow([words["total"], "", result.total])
        table.writerows([words["gets"], one.label, one.count] for one in _gets(result))
        table.writerows([words["misses"], one.label, one.count] for one in _misses(desk, result))
        day = desk.clock.local(result.at)
        return Response(
            out.getvalue().encode("utf-8-sig"),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="dry-run-{row.id}-{day:%Y%m%d-%H%M}.csv"'},
        )

    async def tested(
        request: Request, staff: StaffUser, campaign_id: UUID, arm: str, contact_id: UUID
    ) -> Response:
        try:
            async with desk.database.write("campaign test") as session:
                await campaign_of(session, campaign_id)
                await trial.send_test(
                    session,
                    campaign_id,
                    arm=arm,
                    contact_id=contact_id,
                    base=desk.base,
                    staff=staff,
                    now=desk.clock.now(),
                )
        except CampaignError as error:
            return await page(request, campaign_id, 409, str(error))
        desk.wake()
        return back_to(f"/content/campaigns/{campaign_id}/dry-run", said="tested")

    @router.post("/{campaign_id}/test")
    async def test(
        request: Request,
        staff: Writer,
        campaign_id: UUID,
        arm: Annotated[str, Form(max_length=8)],
        tester: Annotated[UUID, Form()],
    ) -> Response:
        return await tested(request, staff, campaign_id, arm, tester)

    @router.post("/{campaign_id}/testers")
    async def add_tester(
        request: Request,
        staff: Writer,
        campaign_id: UUID,
        account: Annotated[str, Form(max_length=80)],
        address: Annotated[str, Form(max_length=80)] = "",
        label: Annotated[str, Form(max_length=80)] = "",
    ) -> Response:
        channel, _, account_id = account.partition("/")
        if (channel, account_id) not in desk.accounts:
            raise HTTPException(422, WORDS["wrong"]["stale"])
        try:
            async with desk.database.write("campaign tester") as session:
                await trial.add_tester(
                    session,
                    channel=channel,
                    account_id=account_id,
                    address=address,
                    label=label,
                    staff=staff,
                    now=desk.clock.now(),
                )
        except CampaignError as error:
            return await page(request, campaign_id, 422, str(error))
        return back_to(f"/content/campaigns/{campaign_id}/dry-run", said="tester_added")

    @router.post("/{campaign_id}/testers/remove")
    async def remove_tester(_staff: Writer, campaign_id: UUID, tester: Annotated[UUID, Form()]) -> Response:
        async with desk.database.write("campaign tester") as session:
            await trial.remove_tester(session, tester)
        return back_to(f"/content/campaigns/{campaign_id}/dry-run", said="tester_removed")


def _gets(dry: DryRun) -> list[Bar]:
    most_first = sorted(dry.ways.items(), key=lambda one: -one[1])
    return [Bar(say("rungs", way), number, "", tone="good") for way, number in most_first if number]


def _misses(desk: CampaignDesk, dry: DryRun) -> list[Bar]:
    found = [
        Bar(say("reasons", "held_out"), dry.held_out, ""),
        Bar(say("reasons", "personal_off"), dry.personal_off, ""),
        *(Bar(desk.reason(code), number, "") for code, number in dry.refused.items()),
    ]
    return sorted((one for one in found if one.count), key=lambda one: -one.count)
