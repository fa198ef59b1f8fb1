"""Which notices a person has agreed to, as WeChat tells us: `SubscriptionGrant` rows.

https://developers.weixin.qq.com/doc/service/guide/product/subscription_messages/push.html: the pop-up event says yes or no for
each template, the change event only ever says no. One yes to a one-time notice is one message, with no end; to a long-term one
it is for good. 43101 on sending says that WeChat knows of no consent (any more).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.ports import Rung
from channels.ports import Outcome, Rendered, SendResult
from channels.wechat.models import SubscriptionGrant

NO_CONSENT = "43101"


async def usable(
    session: AsyncSession, contact_ids: Iterable[UUID]
) -> dict[tuple[UUID, str], SubscriptionGrant]:
    """The grants by (contact, template id) under which at least one more message may be sent."""
    rows = await session.scalars(
        select(SubscriptionGrant).where(
            SubscriptionGrant.contact_id.in_(set(contact_ids)), SubscriptionGrant.accepted.is_(True)
        )
    )
    return {(row.contact_id, row.template_id): row for row in rows if row.remaining is None or row.remaining}


async def answered(
    session: AsyncSession,
    contact_id: UUID,
    template_id: str,
    *,
    kind: str,
    accepted: bool,
    inbound_id: UUID,
    now: datetime,
) -> None:
    """A person said yes or no to a template; `inbound_id` is the proof."""
    row = await session.get(SubscriptionGrant, (contact_id, template_id), with_for_update=True)
    if row is None:
        row = SubscriptionGrant(contact_id=contact_id, template_id=template_id, remaining=0)
        session.add(row)
    before = row.remaining or 0 if row.kind == "once" else 0
    row.kind = "long" if kind == "long" else "once"
    row.accepted, row.inbound_id, row.changed_at = accepted, inbound_id, now
    row.remaining = None if row.kind == "long" and accepted else before + 1 if accepted else 0
    await session.flush()


async def spent(
    session: AsyncSession, contact_id: UUID, message: Rendered, result: SendResult, now: datetime
) -> None:
    """What a send over a subscription rung tells: one fewer once accepted (or perhaps accepted), none after 43101."""
    if message.rung not in (Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE):
        return
    mine = [
        SubscriptionGrant.contact_id == contact_id,
        SubscriptionGrant.template_id == message.template_code,
    ]
    values: dict[str, Any]
    if result.code == NO_CONSENT:
        values = {"accepted": False, "remaining": 0, "changed_at": now}
    elif result.outcome in (Outcome.ACCEPTED, Outcome.UNCERTAIN):
        mine.append(SubscriptionGrant.remaining > 0)
        values = {"remaining": SubscriptionGrant.remaining - 1, "changed_at": now}
    else:
        return
    await session.execute(
        update(SubscriptionGrant).where(*mine).values(**values).execution_options(synchronize_session=False)
    )


async def of_contact(session: AsyncSession, contact_id: UUID) -> Sequence[SubscriptionGrant]:
    """All of one openid, for pages."""
    rows = await session.scalars(
        select(SubscriptionGrant)
        .where(SubscriptionGrant.contact_id == contact_id)
        .order_by(SubscriptionGrant.template_id)
    )
    return list(rows)


async def forget(session: AsyncSession, contact_id: UUID) -> None:
    """The person has left the account."""
    await session.execute(delete(SubscriptionGrant).where(SubscriptionGrant.contact_id == contact_id))
