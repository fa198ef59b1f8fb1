"""What became of the messages, copied to their recipients by sets; and what is left when a campaign was aborted or taken back.

A message that was passed on (WeChat to a phone) counts as the one that went on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
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
from store import sets
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


def _has_moved(left_too: bool) -> list[Any]:
    """Open recipients whose message is in another state than they are. `left_too`: also those that had left already, so long as
    reports may come, not only those in the queue."""
    state = _ROW.c.state
    where = [_ROW.c.campaign_id == bindparam("campaign"), _OPEN, state != _BECOMES]
    if not left_too:
        return [*where, state == "queued"]
    return [*where, or_(state == "queued", _ROW.c.settled_at > bindparam("since", type_=UtcDateTime()))]


def _with_message(*columns: Any) -> Any:
    """Recipients beside their message, and the one it went on as."""
    return (
        select(*columns)
        .select_from(_ROW)
        .join(_FIRST, _FIRST.c.dedup_key == _ROW.c.outbound_key)
        .outerjoin(_ON, _ON.c.continues == _FIRST.c.id)
    )


_MOVED = {
    left_too: _with_message(_ROW.c.patient_id)
    .where(*_has_moved(left_too))
    .limit(bindparam("most", type_=Integer))
    for left_too in (False, True)
}
_SOURCE = (
    _with_message(
        _ROW.c.occurrence,
        _ROW.c.patient_id,
        _BECOMES.label("becomes"),
        _REASON.label("reason"),
        func.coalesce(_ON.c.channel, _FIRST.c.channel).label("channel"),
        func.coalesce(_ON.c.finished_at, _FIRST.c.finished_at).label("at"),
    )
    .where(
        _ROW.c.campaign_id == bindparam("campaign"),
        sets.among(_ROW.c.patient_id, "patients"),
        _OPEN,
        _ROW.c.state != _BECOMES,
    )
    .subquery("moved")
)
_SETTLE = (
    update(_ROW)
    .where(
        _ROW.c.campaign_id == bindparam("campaign"),
        _ROW.c.occurrence == _SOURCE.c.occurrence,
        _ROW.c.patient_id == _SOURCE.c.patient_id,
    )
    .values(
        state=_SOURCE.c.becomes,
        reason=case((_SOURCE.c.becomes.in_(("sent", "delivered")), None), else_=_SOURCE.c.reason),
        channel=_SOURCE.c.channel,
        settled_at=func.coalesce(_SOURCE.c.at, bindparam("now", type_=UtcDateTime())),
    )
)


async def moved(session: AsyncSession, campaign_id: UUID, now: datetime, *, left_too: bool) -> Sequence[UUID]:
    """Up to a batch of patients whose message has moved on; to read only, so that nobody waits while a million are looked through.
    With `left_too` reports on what had left are looked for as well, which costs more."""
    values: dict[str, Any] = {"campaign": campaign_id, "most": BATCH}
    if left_too:
        values["since"] = now - REPORTS
    return (await session.scalars(_MOVED[left_too], values)).all()


async def copy(session: AsyncSession, campaign_id: UUID, patients: Sequence[UUID], now: datetime) -> int:
    """Copy what became of these patients' messages; how many recipients changed."""
    values = {"campaign": campaign_id, "patients": patients, "now": now}
    return _count(await session.execute(_SETTLE, values))


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
