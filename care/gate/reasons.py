"""Why the gate decided as it did: the codes kept with each message, and the words people read for them."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

WORDS = Path(__file__).parents[2] / "data" / "seed" / "gate_reasons.yml"


class Reason(StrEnum):
    """Kept in `delivery_attempt.gate` and `outbound_message.reason`; each has its sentence in `WORDS`."""

    # It goes.
    ALLOWED = "allowed"
    ANSWER = "answer"
    EMERGENCY = "emergency"
    # It never goes.
    EXPIRED = "expired"
    CONTENT_UNSIGNED = "content_unsigned"
    CONTENT_EXPIRED = "content_expired"
    CONTENT_RECALLED = "content_recalled"
    UNKNOWN_PURPOSE = "unknown_purpose"
    UNFOLLOWED = "unfollowed"
    WRONG_NUMBER = "wrong_number"
    STOPPED = "stopped"
    PATIENT_DIED = "patient_died"
    PATIENT_MOVED = "patient_moved"
    PATIENT_DELETED = "patient_deleted"
    OPTED_OUT = "opted_out"
    WITHDRAWN = "withdrawn"
    NEVER_GRANTED = "never_granted"
    TOPIC_STOPPED = "topic_stopped"
    NO_TEMPLATE = "no_template"
    WOULD_EXPIRE = "would_expire"
    PERSON_ANSWERS = "person_answers"
    NO_WAY_LEFT = "no_way_left"
    # It waits.
    HOLDER_UNKNOWN = "holder_unknown"
    QUESTION_OPEN = "question_open"
    PERSON_TALKS = "person_talks"
    MUTED = "muted"
    REST_DAY = "rest_day"
    QUIET_HOURS = "quiet_hours"
    BURDEN_DAY = "burden_day"
    BURDEN_WEEK = "burden_week"
    SMS_MINUTE = "sms_minute"
    SMS_DAY = "sms_day"
    # It goes another way than WeChat's customer message.
    UNBOUND = "unbound"
    WINDOW_CLOSED = "window_closed"
    QUOTA_USED = "quota_used"
    QUOTA_KEPT = "quota_kept"
    NO_CUSTOM = "no_custom"
    RUNG_REFUSED = "rung_refused"


@cache
def _words() -> dict[str, str]:
    return {str(code): str(words) for code, words in yaml.safe_load(WORDS.read_text("utf-8")).items()}


def words(code: str) -> str:
    """The sentence staff read for `code`; a code that is not the gate's (a vendor's, an operator's hold) is returned as it is."""
    return _words().get(code, code)
