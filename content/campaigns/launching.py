"""Writing down who gets it: `INSERT … SELECT` over stretches of the patients' keys, each in a transaction of its own.

A stretch is as long as to hold about `BATCH` recipients, so that a rare audience is one statement and a common one many. Where a
process dies, another goes on after the last stretch that was committed; what both did is one row, by the natural key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Uuid,
    case,
    exists,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient
from content.audiences import service as audiences
from content.audiences.day import Day
from content.audiences.rules import Group
from content.campaigns import personal
from content.campaigns.dice import Dice, arm_in
from content.campaigns.errors import CampaignError
from content.campaigns.kinds import Choosing
from content.campaigns.late import closed
from content.campaigns.models import Campaign, CampaignLaunch, CampaignRecipient, CampaignVariant
from store.base import UtcDateTime

BATCH = {"sqlite": 10_000, "postgresql": 25_000}
"""Recipients a transaction, about: SQLite has one writer, and others wait for it meanwhile (150 ms)."""
HOLDOUT = "holdout"
_ROW: Any = CampaignRecipient.__table__
COLUMNS = ["campaign_id", "occurrence", "patient_id", "arm", "state", "reason", "planned_at"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What decides about one patient: the campaign's values and its variants' arms with their shares."""

    campaign: Campaign
    arms: Sequence[str]
    shares: Sequence[float]
    by_profile: bool

    @classmethod
    def of(cls, campaign: Campaign, variants: Sequence[CampaignVariant], rule: Group) -> Drawing:
        arms, shares = [one.arm for one in variants], [one.share for one in variants]
        return cls(campaign, arms, shares, personal.by_profile(rule))

    def columns(self, occurrence: Any, planned_at: Any, patient: Any = Patient.id) -> list[Any]:
        """`COLUMNS` for the patient whose id is in the column `patient`."""
        mine = self.campaign
        without = personal.switched_off(patient) if self.by_profile else None
        held_out = self._held_out(patient)
        arm = self._arm(patient, occurrence)
        states: list[Any] = []
        arms: list[Any] = []
        if without is not None:
            states.append((without, literal("skipped")))
            arms.append((without, literal("")))
        if held_out is not None:
            states.append((held_out, literal("held_out")))
            arms.append((held_out, literal(HOLDOUT)))
        return [
            literal(mine.id, Uuid()),
            occurrence,
            patient,
            case(*arms, else_=arm) if arms else arm,
            case(*states, else_=literal("planned")) if states else literal("planned"),
            case((without, literal(personal.OFF)), else_=null()) if without is not None else null(),
            planned_at,
        ]

    def _held_out(self, patient: Any) -> ColumnElement[bool] | None:
        """The same people for the whole campaign: somebody held out once has not been told the next time either."""
        share = self.campaign.holdout_percent / 100
        return Dice.of(self.campaign.id, HOLDOUT).below(patient, share) if share else None

    def _arm(self, patient: Any, occurrence: Any) -> ColumnElement[str]:
        """Thompson sampling chooses when the message is queued, by what is known then."""
        if self.campaign.choosing == Choosing.THOMPSON and len(self.arms) > 1:
            return literal("")
        return arm_in(Dice.of(self.campaign.id, "arm"), patient, self.arms, self.shares)


@cache
def _inserting(sqlite: bool) -> Any:
    if sqlite:
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(_ROW)
    from sqlalchemy.dialects.postgresql import insert as pg_insert

    return pg_insert(_ROW)


async def insert_selected(session: AsyncSession, chosen: Select[Any]) -> int:
    """Write `chosen` (of `COLUMNS`) down; how many were new."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    # SQLite would read ON CONFLICT as a join's condition after a SELECT without WHERE; ours have one.
    statement = _inserting(sqlite).from_select(COLUMNS, chosen, include_defaults=False)
    done = await session.execute(statement.on_conflict_do_nothing())
    return int(getattr(done, "rowcount", 0))


async def drawing(session: AsyncSession, row: Campaign, version_id: UUID) -> tuple[Drawing, Group]:
    """How to draw for `row`, and the rule of that version of its audience."""
    rule = await audiences.rule_of(session, version_id)
    if rule is None:
        raise CampaignError("no_audience")
    variants = await session.scalars(
        select(CampaignVariant).where(CampaignVariant.campaign_id == row.id).order_by(CampaignVariant.arm)
    )
    return Drawing.of(row, variants.all(), rule), rule


async def begin(
    session: AsyncSession, row: Campaign, occurrence: int, planned_at: datetime, now: datetime
) -> CampaignLaunch:
    """A launch for the campaign's audience as it is now."""
    made = CampaignLaunch(
        campaign_id=row.id,
        occurrence=occurrence,
        planned_at=planned_at,
        audience_version_id=row.audience_version_id,
        state="making",
        done=0,
        begun_at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def measure(session: AsyncSession, rule: Group, day: Day) -> tuple[int, int]:
    """About how many there will be, and how many patients one batch goes through."""
    total = await audiences.count(session, rule, day)
    patients = await audiences.in_care(session)
    batch = BATCH[session.get_bind().dialect.name]
    return total, max(batch, patients * batch // max(1, total))


async def batch(
    session: AsyncSession, row: Campaign, launch: CampaignLaunch, day: Day, now: datetime
) -> bool:
    """Write the next stretch; whether there is another. `launch` is changed: position, done, state."""
    draw, rule = await drawing(session, row, launch.audience_version_id)
    assert launch.span is not None
    upto = await _upto(session, launch.position, launch.span)
    chosen = await audiences.selecting(session, rule, day)
    if launch.position is not None:
        chosen = chosen.where(Patient.id > launch.position)
    if upto is not None:
        chosen = chosen.where(Patient.id <= upto)
    if closed(row):
        chosen = chosen.where(await _was_in(session, launch))
    columns = draw.columns(
        literal(launch.occurrence, BigInteger), literal(max(launch.planned_at, now), UtcDateTime())
    )
    launch.done += await insert_selected(session, chosen.with_only_columns(*columns))
    launch.position = upto
    if upto is None:
        launch.state, launch.made_at, launch.swept_at = "made", now, now
    await session.flush()
    return upto is not None


async def newcomers(
    session: AsyncSession, row: Campaign, launch: CampaignLaunch, day: Day, now: datetime
) -> int:
    """Who came into the audience since: the same statement over all patients; how many are new."""
    draw, rule = await drawing(session, row, launch.audience_version_id)
    chosen = await audiences.selecting(session, rule, day)
    known = exists().where(
        _ROW.c.campaign_id == row.id,
        _ROW.c.occurrence == launch.occurrence,
        _ROW.c.patient_id == Patient.id,
    )
    columns = draw.columns(literal(launch.occurrence, BigInteger), literal(now, UtcDateTime()))
    added = await insert_selected(session, chosen.where(~known).with_only_columns(*columns))
    launch.done, launch.swept_at = launch.done + added, now
    await session.flush()
    return added


async def _was_in(session: AsyncSession, launch: CampaignLaunch) -> ColumnElement[bool]:
    """Whether the patient was in at the campaign's first launch; at that one everybody is."""
    mine = CampaignLaunch.campaign_id == launch.campaign_id
    first = await session.scalar(select(func.min(CampaignLaunch.occurrence)).where(mine))
    if first == launch.occurrence:
        return true()
    was_in = _ROW.alias("was_in")
    return exists().where(
        was_in.c.campaign_id == launch.campaign_id,
        was_in.c.occurrence == first,
        was_in.c.patient_id == Patient.id,
    )


async def _upto(session: AsyncSession, position: UUID | None, span: int) -> UUID | None:
    """The last key of the next stretch; None: it goes to the end."""
    keys = select(Patient.id).order_by(Patient.id).offset(span - 1).limit(1)
    if position is not None:
        keys = keys.where(Patient.id > position)
    return await session.scalar(keys)


async def last_occurrence(session: AsyncSession, campaign_id: UUID) -> int:
    """The number of the newest launch; 0: none."""
    newest = select(func.max(CampaignLaunch.occurrence)).where(CampaignLaunch.campaign_id == campaign_id)
    return await session.scalar(newest) or 0
