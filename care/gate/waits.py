"""What only has to wait, and until when: the first moment at which every rule lets it go.

The rules, in the order whose reason is told: the phone's holder, a person who talks with the patient, the person's wish for
silence, rest day, quiet hours, the person's burden, the number's cap. Each moment found is put to all of them again, so that
what the burden puts off to the night is put off to the morning at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from care.gate import burden
from care.gate.case import Case
from care.gate.facts import Facts
from care.gate.hours import OpenHours
from care.gate.reasons import Reason
from care.gate.recipient import holder_unknown
from care.gate.rules import GateRules

Wait = tuple[Reason, datetime]
TALK = timedelta(minutes=10)
"""What is pushed is asked about again after so long while a person talks with the patient; ours."""


class Waits:
    """The rules that put a message off."""

    def __init__(self, rules: GateRules, hours: OpenHours) -> None:
        self._rules = rules
        self._hours = hours

    def until(self, case: Case, facts: Facts) -> Wait | None:
        """Why and until when `case` waits; None when it may go at once."""
        at, told = facts.now, None
        while (wait := self._next(case, facts, at)) is not None:
            told = told or wait[0]
            at = wait[1]
        return None if told is None else (told, at)

    def _next(self, case: Case, facts: Facts, at: datetime) -> Wait | None:
        if holder_unknown(case) and at < (asked := case.message.created_at + self._rules.holder_wait):
            return Reason.HOLDER_UNKNOWN, asked
        if at == facts.now and case.needs_consent and case.yields and case.conversation_id in facts.taken:
            return Reason.PERSON_TALKS, at + TALK
        if case.needs_consent and (muted := case.contact.muted_until) is not None and muted > at:
            return Reason.MUTED, muted
        if (
            case.purpose not in ("staff_reply", "code")
            and (open_at := self._hours.next_open(case.purpose, at)) > at
        ):
            rests = self._hours.rests(case.purpose, at)
            return (Reason.REST_DAY if rests else Reason.QUIET_HOURS), open_at
        return burden.person(case, facts, self._rules, at) or burden.number(case, facts, self._rules, at)
