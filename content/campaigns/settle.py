"""What became of the messages, copied to their recipients by sets; and what is left when a campaign was aborted or taken back.

A message that was passed on (WeChat to a phone) counts as the one that went on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from content.campaigns.models import CampaignLaunch, CampaignRecipient
from content.campaigns.workflow import ABORTED
from store.base import UtcDateTime

BATCH = 5_000
REPORTS = timedelta(days=3)
"""So long after a message left vendors report on it (Alibaba Cloud: 72 hours, https://help.aliyun.com/document_detail/101508.html)."""
_ROW: Any = CampaignRecipient.__table__
_FIRST: Any = OutboundMessage.__table__.alias("first_message")
_ON: Any = OutboundMessage.__table__.alias("went_on")
_STATUS = func.coalesce(_ON.c.status, _FIRST.c.status)
_REASON = func.coalesce(_ON.c.reason, _FIRST.c.reason)
_BECOMES: ColumnElement[str] = case(
    (_STATUS == "accepted", "sent"),
    (and_(_STATUS == "suppressed", _REASON == ABORTED), "aborted"),
    (_STATUS.in_(("delivered", "failed", "suppressed", "uncertain")), _STATUS),
    else_="queued",
)


def _in_words(condition: str) -> Any:
    """Not as parameters, so that both databases know that the index of open (or planned) recipients will do."""
    return literal_column(condition)


_OPEN = _in_words("campaign_recipient.state IN ('queued', 'sent', 'uncertain')")
_IS_PLANNED = _in_words("campaign_recipient.state = 'planned'")


@cache
def _settling(left_too: bool) -> Any:
    """Recipients whose message has moved on. `left_too`: also those it had left to already, not only those in the queue."""
    state = _ROW.c.state
    which = [
        _ROW.c.campaign_id == bindparam("campaign"),
        _OPEN,
        state != _BECOMES,
    ]
    if left_too:
        since = bindparam("since", type_=UtcDateTime())
        which.append(or_(state == "queued", _ROW.c.settled_at > since))
    else:
        which.append(state == "queued")
    moved = (
        select(
            _ROW.c.occurrence,
            _ROW.c.patient_id,
            _BECOMES.label("becomes"),
            _REASON.label("reason"),
            func.coalesce(_ON.c.channel, _FIRST.c.channel).label("channel"),
            func.coalesce(_ON.c.finished_at, _FIRST.c.finished_at).label("at"),
        )
        .select_from(_ROW)
        .join(_FIRST, _FIRST.c.dedup_key == _ROW.c.outbound_key)
        .outerjoin(_ON, _ON.c.continues == _FIRST.c.id)
        .where(*which)
        .limit(bindparam("most", type_=Integer))
        .subquery("moved")
    )
    return (
        update(_ROW)
        .where(
            _ROW.c.campaign_id == bindparam("campaign"),
            _ROW.c.occurrence == moved.c.occurrence,
            _ROW.c.patient_id == moved.c.patient_id,
        )
        .values(
            state=moved.c.becomes,
            reason=case((moved.c.becomes.in_(("sent", "delivered")), None), else_=moved.c.reason),
            channel=moved.c.channel,
            settled_at=func.coalesce(moved.c.at, bindparam("now", type_=UtcDateTime())),
        )
    )


async def once(session: AsyncSession, campaign_id: UUID, now: datetime, *, left_too: bool) -> int:
    """Copy up to a batch of outcomes; how many. With `left_too` reports on what had left are looked for as well, which costs more."""
    values = {"campaign": campaign_id, "now": now, "most": BATCH}
    if left_too:
        values["since"] = now - REPORTS
    return _count(await session.execute(_settling(left_too), values))


async def give_up(session: AsyncSession, campaign_id: UUID, now: datetime) -> int:
    """Of an aborted campaign: mark up to a batch of those who were only planned; how many."""
    done = await session.execute(
        update(_ROW)
        .where(*_some_of(campaign_id, _IS_PLANNED))
        .values(state="aborted", reason=ABORTED, settled_at=now)
    )
    return _count(done)


async def forget(session: AsyncSession, campaign_id: UUID) -> int:
    """Of a campaign that was taken back before anything was queued: delete up to a batch of who was written down, and at the end
    its launches; how many."""
    gone = _count(await session.execute(delete(_ROW).where(*_some_of(campaign_id))))
    if not gone:
        await session.execute(delete(CampaignLaunch).where(CampaignLaunch.campaign_id == campaign_id))
    return gone


def _some_of(campaign_id: UUID, *where: Any) -> tuple[Any, ...]:
    """A batch of the campaign's recipients."""
    mine = _ROW.c.campaign_id == campaign_id
    some = select(_ROW.c.occurrence, _ROW.c.patient_id).where(mine, *where).limit(BATCH)
    return mine, tuple_(_ROW.c.occurrence, _ROW.c.patient_id).in_(some)


async def counts(session: AsyncSession, campaign_id: UUID) -> dict[str, int]:
    """Recipients by state."""
    rows = await session.execute(
        select(_ROW.c.state, func.count()).where(_ROW.c.campaign_id == campaign_id).group_by(_ROW.c.state)
    )
    return {row[0]: row[1] for row in rows}


def _count(result: Any) -> int:
    return int(getattr(result, "rowcount", 0))
