"""Consent where it is first needed: at binding, before follow-up and surveys, before articles are sent.

Who binds agrees as the contact (no patient is known yet); `bound` writes the same decisions for the patient. For a child under
14 a parent or guardian decides, and the ledger says so; from the 14th birthday on the child decides anew (PIPL art. 31, and art. 5
(2) of the Regulation on the Protection of Minors in Cyberspace, in force since 2024-01-01, for children under 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as ledger
from care.consents.models import Consent, ConsentNow, Purpose
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.privacy.texts import ConsentText, text_of

AT_BINDING = (Purpose.BINDING, Purpose.HEALTH)
"""Without these nothing personal is asked or shown."""
AFTER_BINDING = (Purpose.FOLLOW_UP, Purpose.EDUCATION)
"""Offered next; each may be refused."""
OF_AGE = 14
GUARDIAN_OF = Relation.CHILD
"""The relation under which somebody may decide for a child: the patient is their child."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One consent to be asked: say the wording `key` with `params` (title, text; the SMS form stands under the key itself)."""

    purpose: Purpose
    key: str
    params: dict[str, str]
    guardian: bool


async def asked_at_binding(session: AsyncSession, contact_id: UUID, *, relation: Relation) -> tuple[Ask, ...]:
    """What this contact must still agree to before a name or number is asked, in order; empty: go on.

    For who writes the binding dialog: a step `consent` before `name` (and before `last4` of a scanned code). Ask the first of
    them: `turn.say(ask.key, option("agree", label("agree")), option("refuse", label("refuse")), **ask.params)`. Write the answer
    with `answered_at_binding`. Refused: say `privacy.binding_refused` and end. Agreed: ask again, until there is nothing to ask.
    When the link is made call `bound`; `guardian_needed`: undo the link and say `privacy.guardian_needed`.

    What was agreed to under the present text is not asked again; a new version of the text asks anew. A guardian is asked for each
    child: the caller leaves out what was answered in this very dialog.
    """
    if relation is GUARDIAN_OF:
        return tuple(_ask(purpose, True) for purpose in AT_BINDING)
    held = await _held_versions(session, contact_id)
    return tuple(
        _ask(purpose, False)
        for purpose in AT_BINDING
        if held.get(purpose) != (True, text_of(purpose).version)
    )


async def answered_at_binding(
    session: AsyncSession,
    contact_id: UUID,
    purpose: Purpose,
    granted: bool,
    *,
    channel: str,
    inbound_id: UUID,
    now: datetime,
) -> None:
    """Write the contact's answer into the ledger."""
    await _write(session, "contact", contact_id, purpose, granted, contact_id, None, channel, inbound_id, now)


async def bound(
    session: AsyncSession,
    contact_id: UUID,
    patient: Patient,
    *,
    relation: Relation,
    channel: str,
    inbound_id: UUID,
    now: datetime,
    today: date,
) -> Literal["agreed", "guardian_needed"]:
    """The contact may act for `patient`: what was agreed to at binding is now the patient's, as a guardian's for a young child.

    `guardian_needed`: the patient is under 14 and neither parent nor guardian is binding; nothing is written.
    """
    young = is_young(patient, today)
    if young and relation is not GUARDIAN_OF:
        return "guardian_needed"
    for purpose in AT_BINDING:
        await _write(
            session,
            "patient",
            patient.id,
            purpose,
            True,
            contact_id,
            relation if young else None,
            channel,
            inbound_id,
            now,
        )
    return "agreed"


def is_young(patient: Patient, today: date) -> bool:
    """Under 14, as far as the record says; who was born in the year of the 14th birthday without a known day counts as young."""
    years = patients.age(patient, today)
    if years is None:
        return False
    return years < OF_AGE or (years == OF_AGE and patient.birth_date_sealed is None)


async def undecided(session: AsyncSession, patient: Patient, purposes: Sequence[Purpose]) -> tuple[Ask, ...]:
    """Which of `purposes` this patient never was asked: for a questionnaire (`FOLLOW_UP`, `SURVEY`) or articles (`EDUCATION`)."""
    rows = await session.scalars(
        select(ConsentNow.purpose).where(
            ConsentNow.subject_id == patient.id, ConsentNow.purpose.in_([one.value for one in purposes])
        )
    )
    said = set(rows)
    return tuple(_ask(purpose, False) for purpose in purposes if purpose not in said)


async def decide(
    session: AsyncSession,
    patient: Patient,
    purpose: Purpose,
    granted: bool,
    *,
    by: UUID,
    relation: Relation,
    channel: str,
    inbound_id: UUID,
    now: datetime,
    today: date,
) -> bool:
    """A contact that may act for the patient decides. For a child under 14 only a parent or guardian may agree: False, nothing
    is written; refusing and withdrawing are open to whoever acts for the child."""
    young = is_young(patient, today)
    if young and granted and relation is not GUARDIAN_OF:
        return False
    guardian = relation if young else None
    await _write(session, "patient", patient.id, purpose, granted, by, guardian, channel, inbound_id, now)
    return True


async def _write(
    session: AsyncSession,
    subject: ledger.Subject,
    subject_id: UUID,
    purpose: Purpose,
    granted: bool,
    by: UUID,
    guardian: Relation | None,
    channel: str,
    inbound_id: UUID,
    now: datetime,
) -> None:
    await ledger.decide(
        session,
        subject=subject,
        subject_id=subject_id,
        purpose=purpose,
        granted=granted,
        text_version=text_of(purpose).version,
        channel=channel,
        now=now,
        proof=f"inbound:{inbound_id}",
        given_by=by,
        guardian=guardian,
    )


async def _held_versions(session: AsyncSession, subject_id: UUID) -> dict[str, tuple[bool, str]]:
    rows = await session.execute(
        select(ConsentNow.purpose, ConsentNow.granted, Consent.text_version)
        .join(Consent, Consent.id == ConsentNow.consent_id)
        .where(ConsentNow.subject_id == subject_id)
    )
    return {purpose: (granted, version) for purpose, granted, version in rows}


def _ask(purpose: Purpose, guardian: bool) -> Ask:
    text: ConsentText = text_of(purpose)
    key = f"privacy.ask_{purpose}{'_child' if guardian else ''}"
    return Ask(purpose, key, {"title": text.title, **text.parts}, guardian)
