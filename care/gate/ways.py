"""The ladder: the ways to reach this person now, in order, and the one to take.

Customer message (window open, quota left), long-term subscription, one-time subscription, template (only what the patient's
own act set off), SMS to the same person's phone, a call by a nurse. The passive reply comes before, in the callback itself.

WeChat's 48-hour window keeps one message for clinicians and one for emergencies, against whatever is pushed and answers that come
late. In its last minute it keeps none: nobody could use them any more; so a window of 60 seconds keeps none at all. The answer to
what the patient has just written or tapped may take both: people write one question in five short messages, an answer that goes
another way while they look at the screen helps nobody, and whoever reports an emergency brings five new ones by writing it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from care.gate.case import Case
from care.gate.facts import Facts, Phone
from care.gate.permission import may_reach
from care.gate.ports import SmsWords
from care.gate.reasons import Reason
from care.gate.recipient import CONFIRMED
from care.gate.rules import ANSWERS, GateRules
from care.patients.models import Relation
from channels.outbox.ports import Notice, Notices, Rung, Verdict

SHORT = timedelta(seconds=60)
"""A click, a follow, a scan and a tap on a menu open WeChat's window so long (`channels/wechat/window.py`)."""
_OWN_CHANNEL_ONLY = frozenset({"marketing", "code", "staff_notice"})
"""Notices must not carry marketing (templates and subscriptions both); a code is for one phone, and so is a call to staff."""


@dataclass(frozen=True, slots=True)
class Way:
    """One rung that is possible now."""

    rung: Rung
    notice: Notice | None = None
    phone: UUID | None = None


class Ways:
    """Finds the ways. `notices` (None: no approved notice at all) and `words` say what is approved; `passive_only` are WeChat accounts
    without the right to customer messages."""

    def __init__(
        self, rules: GateRules, notices: Notices | None, words: SmsWords, passive_only: Collection[str] = ()
    ) -> None:
        self._rules = rules
        self._passive_only = passive_only
        self._notices = notices
        self._words = words

    def take(self, case: Case, facts: Facts, why: Reason) -> Verdict:
        """The verdict for a message that may go now; `why` it may, when its own channel takes it."""
        found: list[Way] = []
        if case.on_wechat:
            closed = self.closed(case, facts)
            if closed is None:
                found.append(Way(Rung.CUSTOM))
            if case.id in facts.further:
                found += (way for way in self._further(case, facts) if way.rung not in case.tried)
            why = closed or why
        elif Rung.SMS not in case.tried:
            found.append(Way(Rung.SMS, phone=case.contact_id))
        else:
            why = Reason.RUNG_REFUSED
        call = case.purpose in self._rules.call_for or case.emergency
        plan = tuple(str(way.rung) for way in found) + ((str(Rung.CALL),) if call else ())
        if not found:
            return Verdict(False, Reason.NO_WAY_LEFT, plan=plan, call=call)
        first = found[0]
        elsewhere = first.phone is not None and first.phone != case.contact_id
        return Verdict(
            not elsewhere,
            why,
            rung=str(first.rung),
            plan=plan,
            pass_to=first.phone if elsewhere else None,
            notice=first.notice,
        )

    def closed(self, case: Case, facts: Facts) -> Reason | None:
        """Why no customer message can go to this WeChat contact; None when one can.

        No entry in the ledger means nobody knows (an account taken over from elsewhere): WeChat is asked, and knows."""
        if case.contact.status == "unfollowed":
            return Reason.UNFOLLOWED
        if self._unbound(case, facts):
            return Reason.UNBOUND
        if case.contact.account_id in self._passive_only:
            return Reason.NO_CUSTOM
        if Rung.CUSTOM in case.tried:
            return Reason.RUNG_REFUSED
        window = facts.windows.get(case.contact_id)
        if window is None:
            return None
        if window.expires_at is None or window.expires_at <= facts.now:
            return Reason.WINDOW_CLOSED
        if window.remaining < case.weight:
            return Reason.QUOTA_USED
        kept = self._kept(case, facts) if window.expires_at - facts.now > SHORT else 0
        return Reason.QUOTA_KEPT if window.remaining - kept < case.weight else None

    @staticmethod
    def _unbound(case: Case, facts: Facts) -> bool:
        """Whether what is pushed tells of a patient this contact may not act for (any more): queued before the link was ended."""
        if case.patient_id is None or not case.needs_consent or case.id not in facts.further:
            return False
        return (case.patient_id, case.contact_id) not in facts.relations

    def _kept(self, case: Case, facts: Facts) -> int:
        if case.emergency:
            return 0
        act = facts.acts.get(case.message.inbound_id) if case.message.inbound_id else None
        if case.purpose == "reply" and act is not None and facts.now - act <= self._rules.answer_within:
            return 0
        clinicians = 0 if case.purpose == "staff_reply" else self._rules.kept_for_clinicians
        return clinicians + self._rules.kept_for_emergency

    def _further(self, case: Case, facts: Facts) -> Iterator[Way]:
        if case.purpose in _OWN_CHANNEL_ONLY:
            return
        if case.contact.status != "unfollowed" and not self._unbound(case, facts):
            yield from self._notice_ways(case, facts)
        for phone in self._phones(case, facts):
            yield Way(Rung.SMS, phone=phone.contact_id)
            return

    def _notice_ways(self, case: Case, facts: Facts) -> Iterator[Way]:
        if self._notices is None:
            return
        granted = facts.grants.get(case.contact_id, ())
        offers = self._notices.offers(case.contact.account_id, case.reply, case.purpose)
        for rung in (Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE, Rung.TEMPLATE):
            notice = offers.get(rung)
            if notice is None:
                continue
            if rung is Rung.TEMPLATE or any(
                grant.template_id == notice.template_id and (grant.remaining is None or grant.remaining > 0)
                for grant in granted
            ):  # what the patient's own act set off: `offers` knows the purposes
                yield Way(rung, notice)

    def _phones(self, case: Case, facts: Facts) -> Iterator[Phone]:
        """Phones this may go to, the nearest to whom it was meant for first.

        What a nurse wrote into a WeChat conversation, and a dialogue's step with its choices (departments, a voice's words), were
        not meant for an SMS, and are answered where they were asked: a person rings up.
        """
        if not case.emergency and (
            case.purpose == "staff_reply" or (case.purpose == "reply" and case.reply.options)
        ):
            return
        if case.patient_id is None:
            known = [phone for phone in facts.own_phones.get(case.contact_id, ()) if phone.holder == "self"]
        else:
            same = facts.relations.get((case.patient_id, case.contact_id))
            found = [phone for phone in facts.phones.get(case.patient_id, ()) if phone.holder in CONFIRMED]
            if case.purpose in ANSWERS and not case.emergency:
                # What was said to one person is for nobody else of the family: only the patient's own words go to a phone of theirs.
                own = Relation.SELF.value
                found = [one for one in found if same == own == one.relation and one.holder == "self"]
            known = sorted(found, key=_nearest(same or Relation.SELF.value))
        for phone in known:
            if phone.status != "active" or not may_reach(case, facts, phone.contact_id):
                continue
            if phone.muted_until is not None and phone.muted_until > facts.now and case.needs_consent:
                continue
            if self._words.can_say(phone.account_id, case.reply):
                yield phone

    @staticmethod
    def spend(case: Case, facts: Facts, verdict: Verdict) -> None:
        """Count what this verdict takes, so that the rest of the batch sees it."""
        facts.sent.add(case, facts.now)
        if verdict.rung == Rung.CUSTOM and (window := facts.windows.get(case.contact_id)) is not None:
            window.remaining -= case.weight
        elif verdict.rung == Rung.SUBSCRIPTION_ONCE and verdict.notice is not None:
            for grant in facts.grants.get(case.contact_id, ()):
                if grant.template_id == verdict.notice.template_id and grant.remaining is not None:
                    grant.remaining -= 1


def _nearest(same: str) -> Callable[[Phone], tuple[bool, bool]]:
    return lambda phone: (phone.relation != same, phone.relation != Relation.SELF.value)
