"""A test: one text of a campaign to a member of staff's own phone or WeChat account, outside all figures. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.sms.numbers import is_mainland_mobile, to_e164
from content.articles.refs import slug_of
from content.campaigns import service
from content.campaigns.errors import CampaignError, say
from content.campaigns.models import CampaignTester
from content.campaigns.texts import texts_of
from store.ids import new_id
from web.signin.models import StaffUser

PURPOSE = "code"
"""As a code it goes to this one contact, at once, whatever else it was sent, and nowhere else: no consent of a patient is needed,
nobody is rung up, and no figure of what was sent to patients counts it."""
LABEL_MOST, OPENID_MOST = 40, 64


async def testers(session: AsyncSession) -> Sequence[tuple[CampaignTester, Contact]]:
    """To whom tests may go, by label."""
    rows = await session.execute(
        select(CampaignTester, Contact)
        .join(Contact, Contact.id == CampaignTester.contact_id)
        .order_by(CampaignTester.label)
    )
    return [(one, contact) for one, contact in rows]


async def add_tester(
    session: AsyncSession,
    *,
    channel: str,
    account_id: str,
    address: str,
    label: str,
    staff: StaffUser,
    now: datetime,
) -> CampaignTester:
    """A staff member's own contact. `address`: a mobile number, or the openid of a WeChat account that follows ours (it must have
    written to us). Raises `CampaignError`."""
    given = address.strip()
    if channel == ChannelName.SMS:
        number = to_e164(given)
        if number is None or not is_mainland_mobile(number):
            raise CampaignError("bad_tester", "address")
        contact, _ = await contacts.ensure(session, channel, account_id, number, now)
    else:
        found = (
            await contacts.find(session, channel, account_id, given) if len(given) <= OPENID_MOST else None
        )
        if found is None:
            raise CampaignError("bad_tester", "address")
        contact = found[0]
    row = await session.get(CampaignTester, contact.id)
    if row is None:
        row = CampaignTester(contact_id=contact.id, label="", added_by=staff.id, added_at=now)
        session.add(row)
    row.label = label.strip()[:LABEL_MOST] or staff.display_name[:LABEL_MOST]
    await session.flush()
    return row


async def remove_tester(session: AsyncSession, contact_id: UUID) -> None:
    row = await session.get(CampaignTester, contact_id)
    if row is not None:
        await session.delete(row)
        await session.flush()


async def send_test(
    session: AsyncSession,
    campaign_id: UUID,
    *,
    arm: str,
    contact_id: UUID,
    base: str,
    staff: StaffUser,
    now: datetime,
) -> UUID:
    """Queue the text of `arm`, marked as a test; its link is the staff page of the article. The message's id. Raises
    `CampaignError`; whether the text may be sent at all is the gate's to say."""
    row = await service.get(session, campaign_id)
    text = (await texts_of(session, row.id)).get(arm)
    if text is None:
        raise CampaignError("no_arm", "arm")
    talk = await session.scalar(
        select(Conversation)
        .join(CampaignTester, CampaignTester.contact_id == Conversation.contact_id)
        .where(Conversation.contact_id == contact_id)
    )
    if talk is None:
        raise CampaignError("no_tester", "contact_id")
    link = f"{base}/content/articles/{slug_of(text.ref)}"
    message = await outbox.enqueue(
        session,
        talk,
        text.reply(link, say("texts", "test_mark")),
        dedup_key=f"campaign-test:{row.id}:{new_id()}",
        purpose=PURPOSE,
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        content_ref=text.ref,
        content_revision=text.revision,
    )
    assert message is not None
    service.step(session, row, "test", staff, now, arm=arm, message=str(message.id))
    return message.id
