"""Which question may take another's place. Pure.

Digits carry no reply-to, so one numbered question is open in a conversation at a time:

- what the patient does themselves (an answer with options to what they wrote) takes the place of anything but an alarm's;
- what we push waits for its turn, but not for itself: a reminder takes the place of what it reminds of (`is_again`). An alarm and
  "who are you" go before everything. A confirmation (a reminder's 1/2/3) is not displaced by a survey at all, by another
  confirmation only after `BETWEEN_CONFIRMATIONS`. A dialogue or a survey the patient is in is left alone for `IN_HAND`; then a
  push may take its place. What only shows ways on under a finished answer (改约, 取消 under a list) is no step of anything: it is
  left alone for `SHOWN`. A push that would be worth nothing by then (a place kept for half an hour) waits `HURRIED` at most, and
  what it displaced is asked again after it.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum

LIFETIME = timedelta(hours=48)
"""How long an answer is taken for a question's."""
IN_HAND = timedelta(minutes=30)
"""How long after a question its dialogue counts as going on; ours."""
SHOWN = timedelta(minutes=2)
"""How long ways on are left alone: a digit on its way must not meet another question; ours."""
HURRIED = timedelta(minutes=5)
"""How long a dialogue is left alone by what cannot wait; ours."""
BETWEEN_CONFIRMATIONS = timedelta(hours=2)
"""How long a confirmation waits for another's answer; ours."""


class Rank(IntEnum):
    """What comes first."""

    SAFETY = 0
    HOLDER = 1
    CONFIRMATION = 2
    DIALOGUE = 3
    SURVEY = 4


_RANKS = (
    ("alert:", Rank.SAFETY),
    ("holder", Rank.HOLDER),
    ("reminder:", Rank.CONFIRMATION),
    ("closure:", Rank.CONFIRMATION),
    ("waitlist:", Rank.CONFIRMATION),
    ("cancel.sure", Rank.CONFIRMATION),
    ("plan.leave_sure", Rank.CONFIRMATION),
    ("survey", Rank.SURVEY),
    ("questionnaire", Rank.SURVEY),
    ("plan:", Rank.SURVEY),
)


def rank_of(instance: str) -> Rank:
    """By what asked (`OpenQuestion.instance`); what is not known is a step of a dialogue."""
    return next((rank for prefix, rank in _RANKS if instance.startswith(prefix)), Rank.DIALOGUE)


def is_again(standing: str, coming: str) -> bool:
    """Whether the same thing is asked once more. An instance without an id (a reply's bare key) may stand for two things."""
    return standing == coming and ":" in coming


def kept(standing: Rank, coming: Rank) -> timedelta:
    """How long after it was put the `standing` question is kept from being displaced by a pushed `coming` one."""
    if coming < standing and coming <= Rank.HOLDER:
        return timedelta(0)
    match standing:
        case Rank.SAFETY:
            return BETWEEN_CONFIRMATIONS
        case Rank.HOLDER:
            return LIFETIME
        case Rank.CONFIRMATION:
            return BETWEEN_CONFIRMATIONS if coming is Rank.CONFIRMATION else LIFETIME
        case Rank.SURVEY if coming is Rank.SURVEY:
            return LIFETIME
    return IN_HAND
