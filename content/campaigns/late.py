"""What comes late, by the campaign's written rule.

*Late* is what was due on a day that is over: an occurrence that fell into a pause or while the house stood still, an event or a
date in the record that became known days afterwards, a patient who came into the audience after its launch.

- `skip`: left out. (Of a recurring campaign: who was not in at its first occurrence never is.)
- `catch_up`: still done, so long as it is no more than `late_days` days late; patients who come into the audience are added to the
  newest launch for so many days.
- `next` (recurring only): what was missed is left out, who comes later is in from the next occurrence on.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from content.campaigns.kinds import Kind, Late
from content.campaigns.models import Campaign, CampaignLaunch

SWEEP_EVERY = timedelta(hours=6)
"""Between two looks for patients who came late into an audience."""


def days_late(row: Campaign) -> int:
    """So many days after its own something may still be done; 0: on its day only."""
    return row.late_days if row.late == Late.CATCH_UP else 0


def in_time(row: Campaign, due: date, today: date) -> bool:
    """Whether what was due on `due` may be done on `today` (the hospital's days)."""
    return (today - due).days <= days_late(row)


def adds_newcomers(row: Campaign, planned_at: datetime, now: datetime) -> bool:
    """Whether patients who come into the audience now still belong to the launch of `planned_at`."""
    return row.late == Late.CATCH_UP and now <= planned_at + timedelta(days=row.late_days)


def sweeps(row: Campaign, launch: CampaignLaunch, now: datetime) -> bool:
    """Whether it is time to look for them again."""
    if not adds_newcomers(row, launch.planned_at, now):
        return False
    return now >= (launch.swept_at or launch.planned_at) + SWEEP_EVERY


def closed(row: Campaign) -> bool:
    """Whether only who was in at its first launch is in at later ones."""
    return row.kind == Kind.RECURRING and row.late == Late.SKIP
