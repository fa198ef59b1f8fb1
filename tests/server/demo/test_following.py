"""The demo's follow-up: played once through the real code up to now, no vendor told, nothing of it in the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.followup.models import Loss
from care.plans.models import CarePlan, Touch, TouchStatus
from care.questionnaires.models import QuestionnaireResponse
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from server.demo.following import play_follow_up
from server.demo.people import followers
from server.house import build
from server.serve import seed
from server.settings import ROOT, Settings
from store.clock import VirtualClock

DAYS = 5


async def _counts(session: AsyncSession) -> dict[str, int]:
    found = {}
    for table in (CarePlan, Touch, OutboundMessage, DeliveryAttempt, QuestionnaireResponse, Loss):
        found[table.__tablename__] = await session.scalar(select(func.count()).select_from(table)) or 0
    return found


async def test_the_follow_up_of_the_last_days(database_url: str, tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "models").symlink_to(ROOT / "var" / "models")
    # Nothing listens where the vendors' stand-ins would be: a message to them could not be accepted.
    settings = Settings(var_dir=tmp_path, database_url=database_url, wechat_base_url="http://127.0.0.1:9")
    house = build(settings, clock)
    try:
        await seed(house)
        assert await play_follow_up(house, DAYS)
        async with house.database.read() as session:
            counts = await _counts(session)
            await _plans(session, clock)
            await _said(session, clock)
        assert not await play_follow_up(house, DAYS), "once"
        async with house.database.read() as session:
            assert await _counts(session) == counts
    finally:
        await house.close()


async def _plans(session: AsyncSession, clock: VirtualClock) -> None:
    live = dict((await session.execute(_by(CarePlan.plan, CarePlan.status == "active"))).tuples().all())
    assert {"post_discharge", "post_operative", "hypertension", "diabetes", "heart"} <= set(live)
    states = dict((await session.execute(_by(Touch.status))).tuples().all())
    assert states[TouchStatus.PLANNED] > 50 and states[TouchStatus.DONE] + states[TouchStatus.SENT] > 5
    assert TouchStatus.SENDING not in states, "nothing is left in hand"
    early = select(func.count()).where(Touch.status == TouchStatus.PLANNED, Touch.due_at <= clock.now())
    assert (await session.scalar(early) or 0) < 20, "what was due has been seen to"


async def _said(session: AsyncSession, clock: VirtualClock) -> None:
    verdicts = set(await session.scalars(select(DeliveryAttempt.verdict).distinct()))
    assert "accepted" in verdicts and "uncertain" not in verdicts
    newest = await session.scalar(select(func.max(OutboundMessage.created_at)))
    assert newest is not None and newest <= clock.now()


def _by(column: Any, *where: Any) -> Any:
    return select(column, func.count()).where(*where).group_by(column)


def test_everybody_on_wechat_follows_the_account() -> None:
    assert any("Followed" in one for one in followers())
    assert len(set(followers())) == len(followers()) > 20
