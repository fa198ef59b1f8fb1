"""Articles chosen by what is on record need a consent of their own (`personal`; PIPL art. 24). Who did not give it is left out of a
campaign whose audience asks for such things, and written down as left out. One for everybody, or by channel, language or consent,
is general content and asks for nothing of the kind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, true

from care.consents.models import ConsentNow, Purpose
from content.audiences.rules import Group, Rule

OFF = "personal_off"
"""`CampaignRecipient.reason` of who was left out for it."""
GENERAL = frozenset({"everyone", "channel", "language", "consent"})


def by_profile(rule: Rule) -> bool:
    """Whether the rule chooses people by what is on record about them."""
    if isinstance(rule, Group):
        return any(by_profile(one) for one in rule.rules)
    return rule.kind not in GENERAL


def switched_off(patient: Any) -> ColumnElement[bool]:
    """Whether the patient whose id is in the column `patient` did not agree to it."""
    return ~exists().where(
        ConsentNow.subject_id == patient, ConsentNow.purpose == Purpose.PERSONAL, ConsentNow.granted == true()
    )
