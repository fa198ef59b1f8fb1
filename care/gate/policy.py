"""`Gate`: the one place where it is decided, at the moment of sending, whether a message goes, which way, and why.

The rules, in order; the first that objects gives the reason.

1. It never goes: unknown purpose; message expired; content expired, unsigned or recalled; contact's status; patient died, moved or
   was deleted; a person answers now; opt-out and consent; topic stopped; no approved SMS words; nobody said whose number it is, for days.
2. It waits (`waits.py`): a person talks, holder asked, mute, rest day, quiet hours, the person's burden, the number's cap.
   Answers within ten minutes of a patient's message and emergencies do not wait; nothing waits past its `expires_at`.
3. It goes, by the first way open (`ways.py`).

Whoever is more important is decided first, so that a batch and the same messages one after the other end the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.gate import permission, recipient
from care.gate.case import Case, make_case
from care.gate.facts import Facts, read_contents, read_first, read_standing, read_ways
from care.gate.hours import OpenHours
from care.gate.ports import Contents, HolderQuestion, SmsWords, Stops
from care.gate.reasons import Reason
from care.gate.rules import KNOWN, GateRules
from care.gate.waits import Waits
from care.gate.ways import Ways
from channels.outbox.ports import Candidate, Notices, Verdict
from language.when.holidays import Holidays


class Gate:
    """Implements `channels.outbox.ports.SendPolicy`."""

    def __init__(
        self,
        rules: GateRules,
        words: SmsWords,
        notices: Notices | None = None,
        holder_question: HolderQuestion | None = None,
        holidays: Holidays | None = None,
        passive_only: Collection[str] = (),
        contents: Contents | None = None,
        stops: Stops | None = None,
    ) -> None:
        """`notices` None: no approved WeChat notice; `passive_only`: WeChat accounts without customer messages; `contents` None:
        no texts that could be recalled; `stops` None: no topics that could be stopped."""
        self._rules = rules
        self._words = words
        self._waits = Waits(rules, OpenHours(rules, holidays))
        self._ways = Ways(rules, notices, words, frozenset(passive_only))
        self._holder_question = holder_question
        self._contents, self._stops = contents, stops

    async def check(self, session: AsyncSession, batch: Sequence[Candidate], now: datetime) -> list[Verdict]:
        """One verdict each, in the batch's order."""
        cases = [make_case(one) for one in batch]
        if not cases:
            return []
        facts = await read_first(session, cases, now)
        await read_ways(session, facts, [case for case in cases if self._looks_further(case, facts)])
        await read_standing(session, facts, cases)
        await read_contents(session, facts, cases, self._contents, self._stops)
        verdicts: dict[UUID, Verdict] = {}
        for case in sorted(cases, key=lambda case: case.rank):
            verdict = self._decide(case, facts)
            verdicts[case.id] = verdict
            if verdict.send:
                self._ways.spend(case, facts, verdict)
        if self._holder_question is not None:
            asked = [c.contact_id for c in cases if verdicts[c.id].reason == Reason.HOLDER_UNKNOWN]
            if asked:
                await self._holder_question.ask(session, list(dict.fromkeys(asked)), now)
        return [verdicts[case.id] for case in cases]

    def _looks_further(self, case: Case, facts: Facts) -> bool:
        """Whether the ways beside the customer message matter: for what is pushed always, for an answer when it cannot go."""
        return case.on_wechat and (case.needs_consent or self._ways.closed(case, facts) is not None)

    def _decide(self, case: Case, facts: Facts) -> Verdict:
        just_asked = self._just_asked(case, facts)
        if (stop := self._stop(case, facts, just_asked)) is not None:
            return Verdict(False, stop)
        free = case.emergency or just_asked
        if not free and (wait := self._waits.until(case, facts)) is not None:
            reason, until = wait
            if case.expires_at is not None and until >= case.expires_at:
                return Verdict(False, Reason.WOULD_EXPIRE)
            return Verdict(False, reason, until)
        why = Reason.EMERGENCY if case.emergency else Reason.ANSWER if just_asked else Reason.ALLOWED
        return self._ways.take(case, facts, why)

    def _stop(self, case: Case, facts: Facts, just_asked: bool) -> Reason | None:
        if case.purpose not in KNOWN:
            return Reason.UNKNOWN_PURPOSE
        if case.expires_at is not None and case.expires_at <= facts.now:
            return Reason.EXPIRED
        if (gone := facts.refused.get(case.content)) is not None:
            return gone
        return (
            recipient.contact_status(case, just_asked=just_asked)
            or recipient.patient(case, facts)
            or self._silenced(case, facts)
            or permission.permission(case, facts)
            or (Reason.TOPIC_STOPPED if case.teaches in facts.stopped else None)
            or self._no_words(case)
            or self._nobody_said(case, facts)
        )

    @staticmethod
    def _silenced(case: Case, facts: Facts) -> Reason | None:
        """A person answers: what the bot was about to say is left unsaid, and stands in the conversation for staff to see."""
        taken = case.purpose == "reply" and case.yields and case.conversation_id in facts.taken
        return Reason.PERSON_ANSWERS if taken and not case.receipt else None

    def _no_words(self, case: Case) -> Reason | None:
        """SMS says only what is approved. What matters enough for a call gets the "请致电" template from the delivery, with
        the call; other pushes are dropped."""
        if case.on_wechat or not case.needs_consent or case.purpose in self._rules.call_for:
            return None
        return None if self._words.can_say(case.contact.account_id, case.reply) else Reason.NO_TEMPLATE

    def _nobody_said(self, case: Case, facts: Facts) -> Reason | None:
        enough = recipient.waited_enough(case, facts, self._rules.holder_wait)
        return Reason.HOLDER_UNKNOWN if recipient.holder_unknown(case) and enough else None

    def _just_asked(self, case: Case, facts: Facts) -> bool:
        """An answer, within minutes of what the patient wrote. A code is asked for on another channel, and fresh by nature."""
        if not case.answers:
            return False
        if case.purpose == "code":
            return True
        moments = [facts.last_inbound.get(case.conversation_id)]
        if (
            case.message.inbound_id is not None
            and (act := facts.acts.get(case.message.inbound_id)) is not None
        ):
            moments.append(act)
        return any(at is not None and facts.now - at <= self._rules.answer_within for at in moments)
