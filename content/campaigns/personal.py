"""Articles chosen by what is on record need a consent of their own (`personal`; PIPL art. 24). Who did not give it is left out of a
campaign whose audience asks for such things, and written down as left out. One for everybody, or by channel, language or consent,
is general content and asks for nothing of the kind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, true
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow, Purpose
from channels.outbox import holds
from channels.outbox.models import OutboundMessage
from content.audiences import service as audiences
from content.audiences.rules import Group, Rule
from content.campaigns.kinds import key_of
from content.campaigns.models import Campaign

OFF = "personal_off"
"""`CampaignRecipient.reason` of who was left out for it."""
GENERAL = frozenset({"everyone", "channel", "language", "consent"})


def by_profile(rule: Rule) -> bool:
    """Whether the rule chooses people by what is on record about them."""
    if isinstance(rule, Group):
        return any(by_profile(one) for one in rule.rules)
    return rule.kind not in GENERAL


async def asks(session: AsyncSession, row: Campaign) -> bool:
    """Whether the campaign's audience, as it is now, is one by profile."""
    rule = await audiences.rule_of(session, row.audience_version_id)
    return rule is not None and by_profile(rule)


async def take_back(session: AsyncSession, row: Campaign, now: datetime) -> int:
    """What is still queued for people who have switched it off since is not sent; how many."""
    off = switched_off(OutboundMessage.patient_id)
    return await holds.take_back(session, key_of(row.id), off, reason=OFF, now=now)


def switched_off(patient: Any) -> ColumnElement[bool]:
    """Whether the patient whose id is in the column `patient` did not agree to it."""
    return ~exists().where(
        ConsentNow.subject_id == patient, ConsentNow.purpose == Purpose.PERSONAL, ConsentNow.granted == true()
    )
