"""The hospital's numbers for booking. Ours unless a source is named; each can be given to the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

DAYS_AHEAD = 14
"""So far ahead can be booked unless the hospital sets another number (`BANYI_SLOT_DAYS_AHEAD`)."""

UNDO_FOR = timedelta(minutes=30)
"""So long what was said of a visit (did not come, was seen) can be taken back; ours."""


@dataclass(frozen=True, slots=True)
class BookingRules:
    """`…_per_person` count over all contacts of one person. Who stays away from `noshows` visits within `noshow_window` books through
    people only for `noshow_pause` after the last; the numbers follow what hospitals commonly post (爽约3次, 三个月内), not a law."""

    hold: timedelta = timedelta(minutes=10)
    upcoming_per_patient: int = 4
    holds_per_person: int = 2
    bookings_per_person_a_day: int = 6
    cancel_until: timedelta = timedelta(minutes=60)
    noshows: int = 3
    noshow_window: timedelta = timedelta(days=90)
    noshow_pause: timedelta = timedelta(days=30)


RULES = BookingRules()
