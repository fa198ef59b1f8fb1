"""What a vendor's answer means for a message: done, again later, the next rung, or people."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.outbox.jobs import Job
from channels.outbox.ports import Rung
from channels.outbox.service import URGENT_PRIORITY
from channels.ports import Outcome, SendResult

MAX_TRIES = 4
"""Tries on one rung that the vendor puts off."""
BACKOFF = (2.0, 8.0, 30.0)
"""Seconds before another try of what a vendor said to try again; only outcomes known not to have been accepted."""
JITTER = 0.25
"""At most so much longer, so that what failed together does not come back together."""
SPOKEN = frozenset({"reply", "staff_reply", "code", "staff_notice"})
"""Purposes whose message is worth nothing on another way later: the person who asked is told in place, or by a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """`status` of the message from now on and why, `due_at` when it is queued again; `verdict` of the attempt."""

    verdict: str
    status: str
    reason: str | None
    due_at: datetime | None = None


def after(job: Job, result: SendResult, receipt: str | None, now: datetime) -> Step:
    """`receipt` is the vendor's report, if it was quicker than the vendor's answer."""
    said, verdict = result.code[:200] or None, str(result.outcome)
    match result.outcome:
        case Outcome.ACCEPTED | Outcome.UNCERTAIN if receipt == "failed":
            return failed_later(
                job.message.purpose, job.plan, job.history.refused | {job.rung}, said, now, verdict
            )
        case Outcome.ACCEPTED | Outcome.UNCERTAIN if receipt is not None:
            return Step(verdict, receipt, said)
        case Outcome.ACCEPTED:
            return Step(verdict, "accepted", None)
        case Outcome.UNCERTAIN:
            return Step(verdict, "uncertain", said)
        case Outcome.RETRY if (seconds := _again_in(job, result)) is not None:
            return Step(verdict, "queued", said, now + timedelta(seconds=seconds))
    if result.stop_channel and not _urgent(job):  # it waits for the account, and the hold keeps it
        return Step("retry", "queued", said, now + timedelta(seconds=BACKOFF[0]))
    if result.next_rung:
        return Step("refused", "queued", said or "refused", now)
    return Step("refused", "failed", said)


def _again_in(job: Job, result: SendResult) -> float | None:
    """Seconds until another try on the same rung; None when there were enough."""
    before = job.history.retries.get(job.rung, 0)
    if before + 1 >= MAX_TRIES and not (result.stop_channel and not _urgent(job)):
        return None
    wait = BACKOFF[min(before, len(BACKOFF) - 1)] * random.uniform(1.0, 1.0 + JITTER)
    return max(result.retry_after, wait)


def _urgent(job: Job) -> bool:
    """It leaves in spite of holds, so waiting for one to be lifted is not for it."""
    return job.message.priority <= URGENT_PRIORITY and job.message.purpose == "reply"


def failed_later(
    purpose: str,
    plan: Sequence[str],
    tried: frozenset[str],
    code: str | None,
    now: datetime,
    verdict: str = "",
) -> Step:
    """Accepted once, and reported as not delivered: the next rung, if the gate saw one and the message is still worth it."""
    if purpose not in SPOKEN and any(rung not in tried for rung in plan):
        return Step(verdict, "queued", code or "not_delivered", now)
    return Step(verdict, "failed", code)


def next_rung(plan: Sequence[str], tried: frozenset[str]) -> Rung | None:
    """For people who look at a message's life: the way it would take next."""
    return next((Rung(rung) for rung in plan if rung not in tried), None)
