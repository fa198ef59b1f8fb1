"""How much one person, and one number, may get: counts in rolling windows, over all departments and channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from care.gate.case import Case
from care.gate.facts import Facts
from care.gate.reasons import Reason
from care.gate.rules import DAY, MINUTE, WEEK, GateRules

Wait = tuple[Reason, datetime]


def free_from(times: Sequence[datetime], cap: int, span: timedelta, at: datetime) -> datetime:
    """When, from `at` on, fewer than `cap` of `times` (sorted) lie within the last `span`."""
    recent = [time for time in times if time > at - span]
    return at if len(recent) < cap else recent[-cap] + span


def person(case: Case, facts: Facts, rules: GateRules, at: datetime) -> Wait | None:
    """The cap of the person. A purpose is counted against itself and what is below it: never the other way round."""
    cap = rules.burden.get(case.purpose)
    if cap is None:
        return None
    times = facts.sent.pushed_to(case)
    for reason, most, span in ((Reason.BURDEN_DAY, cap.day, DAY), (Reason.BURDEN_WEEK, cap.week, WEEK)):
        if (free := free_from(times, most, span, at)) > at:
            return reason, free
    return None


def number(case: Case, facts: Facts, rules: GateRules, at: datetime) -> Wait | None:
    """Our own cap of one phone number, beneath the vendors' (Aliyun: 1 a minute, 10 a day and 40 a day over all senders,
    https://help.aliyun.com/document_detail/2881383.html). Answers
    are not counted: who chats by SMS all morning still hears of tomorrow's appointment."""
    if case.on_wechat:
        return None
    times = sorted(at for at, _ in facts.sent.pushed[case.conversation_id])
    for reason, most, span in (
        (Reason.SMS_MINUTE, rules.sms_per_minute, MINUTE),
        (Reason.SMS_DAY, rules.sms_per_day, DAY),
    ):
        if (free := free_from(times, most, span, at)) > at:
            return reason, free
    return None
