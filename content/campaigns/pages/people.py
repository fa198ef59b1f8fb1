"""Who gets a campaign, one by one: masked, each look recorded, with a way to the message's own page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.patients.identity import mask_name
from care.patients.models import Patient
from channels.outbox.models import OutboundMessage
from content.campaigns import finding, service
from content.campaigns.errors import say
from content.campaigns.kinds import ARMS
from content.campaigns.models import CampaignRecipient
from content.campaigns.pages.desk import CampaignDesk, Stopper, campaign_of, show
from content.campaigns.pages.said import WORDS
from content.campaigns.pages.shown import arm_name
from store import audit
from store.clock import Clock
from web.signin.access import may
from web.signin.models import Role, StaffUser

FOLLOWERS = (Role.OPERATOR, Role.NURSE, Role.AUDITOR)
"""Who may open a message in the delivery pages."""


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient as staff may see them. `message`: its id in the outbox."""

    who: str
    state: str
    reason: str
    arm: str
    channel: str
    at: datetime
    message: UUID | None


def add_routes(router: APIRouter, desk: CampaignDesk) -> None:
    """`/content/campaigns/{id}/recipients`."""

    @router.get("/{campaign_id}/recipients")
    async def recipients(
        request: Request,
        staff: Stopper,
        campaign_id: UUID,
        state: Annotated[str, Query(max_length=12)] = "",
        reason: Annotated[str, Query(max_length=80)] = "",
        after: Annotated[str, Query(max_length=60)] = "",
    ) -> Response:
        filters = {"state": state, "reason": reason}
        async with desk.database.write("campaign recipients") as session:
            row = await campaign_of(session, campaign_id)
            rows = await finding.recipients(session, row.id, state, reason, _place(after))
            shown = rows[: finding.PEOPLE]
            seen(session, staff, [one.patient_id for one in shown], desk.clock)
            people = await _people(desk, session, shown)
            known = await service.reasons(session, row.id)
            arms = len(await service.variants(session, row.id))
        last = shown[-1] if len(rows) > len(shown) else None
        return show(
            desk,
            request,
            "recipients.html",
            campaign=row,
            found=people,
            filters=filters,
            recipient_states=WORDS["recipient_states"],
            reasons={code: desk.reason(code) for _, code, _ in known if code},
            more=f"{last.occurrence}.{last.patient_id}" if last is not None else "",
            many_arms=arms > 1,
            may_follow=may(staff, FOLLOWERS),
        )


def seen(session: AsyncSession, staff: StaffUser, patients: Sequence[UUID], clock: Clock) -> None:
    """Into the audit trail: these patients were shown."""
    audit.read(
        session, staff.id, [audit.subject_of("patient", one) for one in patients], clock.now(), "campaign"
    )


async def faces(session: AsyncSession, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Name and number, masked, as the audiences' pages show them; nobody whose record is confidential."""
    rows = await session.scalars(select(Patient).where(Patient.id.in_(ids)))
    return {
        one.id: WORDS["labels"]["confidential"]
        if one.confidential
        else f"{mask_name(one.name)} ＊{one.record_number[-4:]}"
        for one in rows
    }


async def _people(
    desk: CampaignDesk, session: AsyncSession, rows: Sequence[CampaignRecipient]
) -> list[Person]:
    named = await faces(session, [one.patient_id for one in rows])
    keys = [one.outbound_key for one in rows if one.outbound_key]
    found = await session.execute(
        select(OutboundMessage.dedup_key, OutboundMessage.id).where(OutboundMessage.dedup_key.in_(keys))
    )
    messages = {one.dedup_key: one.id for one in found}
    return [
        Person(
            who=named.get(one.patient_id, ""),
            state=say("recipient_states", one.state),
            reason=desk.reason(one.reason) if one.reason else "",
            arm=arm_name(one.arm) if one.arm in ARMS and one.arm else "",
            channel=WORDS["channels"].get(one.channel or "", ""),
            at=one.settled_at or one.planned_at,
            message=messages.get(one.outbound_key or ""),
        )
        for one in rows
    ]


def _place(after: str) -> tuple[int, UUID] | None:
    """Where the last page ended; what is no such place begins anew."""
    occurrence, _, patient = after.partition(".")
    try:
        return int(occurrence), UUID(patient)
    except ValueError:
        return None
