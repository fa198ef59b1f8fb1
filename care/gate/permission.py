"""What the person agreed to and what they stopped. The answers they asked for need neither."""

from __future__ import annotations

from uuid import UUID

from care.consents.models import OptOutLevel, Purpose
from care.consents.service import Recipient, Standing
from care.gate.case import Case
from care.gate.facts import Facts
from care.gate.reasons import Reason


def permission(case: Case, facts: Facts) -> Reason | None:
    """取消 and 停诊 notices (service_notice) stop only on 全部退订; everything else on 退订 or without consent."""
    if not case.needs_consent or case.emergency:
        return None
    return _said(facts.standing, Purpose(case.purpose), Recipient(case.contact_id, case.patient_id))


def may_reach(case: Case, facts: Facts, phone_contact: UUID) -> bool:
    """Whether the same may go to the person's phone: its own opt-out counts, for an answer too."""
    if facts.standing.level(phone_contact) is OptOutLevel.ALL:
        return case.emergency
    if not case.needs_consent or case.emergency:
        return True
    return _said(facts.standing, Purpose(case.purpose), Recipient(phone_contact, case.patient_id)) is None


def _said(standing: Standing, purpose: Purpose, who: Recipient) -> Reason | None:
    verdict = standing.verdict(purpose, who)
    return None if verdict.allowed else Reason(verdict.reason)
