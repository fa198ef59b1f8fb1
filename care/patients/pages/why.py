"""Why is nothing sent to this person? The gate itself is asked, with messages that are stored nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.gate.reasons import words as gate_words
from care.patients.models import Patient
from care.patients.pages.person import Speaker
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate, SendPolicy, Verdict
from channels.outbox.service import BULK_PRIORITY
from channels.reply import Reply
from channels.wording.catalogue import CALL_US
from store.ids import new_id

ASKED = (Purpose.SERVICE_NOTICE, Purpose.FOLLOW_UP, Purpose.SURVEY, Purpose.EDUCATION)
WORTH = timedelta(days=3)
"""How long such a message would be worth sending."""


@dataclass(frozen=True, slots=True)
class Would:
    """What would become of a message of `purpose` to a contact now. `outcome`: goes, waits, never; `sentence`: the gate's reason in
    words; `rung`: by which way; `until`: when the gate looks again."""

    purpose: str
    outcome: str
    sentence: str
    rung: str = ""
    until: datetime | None = None


async def would(
    session: AsyncSession, gate: SendPolicy, patient: Patient, found: Sequence[Speaker], now: datetime
) -> list[tuple[Speaker, list[Would]]]:
    """For each contact, what each purpose would come to. `gate` must be one that asks nobody anything."""
    if not found:
        return []
    asked = [
        (speaker, purpose, _candidate(patient, speaker, purpose, now))
        for speaker in found
        for purpose in ASKED
    ]
    verdicts = []
    for _, _, candidate in asked:  # one by one: beside each other they would use up each other's quota
        verdicts += await gate.check(session, [candidate], now)
    lines: dict[int, list[Would]] = {id(speaker): [] for speaker in found}
    for (speaker, purpose, _), verdict in zip(asked, verdicts, strict=True):
        lines[id(speaker)].append(_said(purpose, verdict))
    return [(speaker, lines[id(speaker)]) for speaker in found]


def _candidate(patient: Patient, speaker: Speaker, purpose: Purpose, now: datetime) -> Candidate:
    contact = speaker.contact
    message = OutboundMessage(
        dedup_key="",
        conversation_id=speaker.conversation_id or new_id(),
        contact_id=contact.id,
        channel=contact.channel,
        account_id=contact.account_id,
        patient_id=patient.id,
        seq=0,
        purpose=purpose.value,
        priority=BULK_PRIORITY,
        expires_at=now + WORTH,
        reply=Reply(CALL_US).to_json(),
        created_at=now,
    )
    return Candidate(message, contact)


def _said(purpose: Purpose, verdict: Verdict) -> Would:
    sentence = gate_words(verdict.reason)
    if verdict.send or verdict.pass_to is not None:
        return Would(purpose, "goes", sentence, verdict.rung or ("sms" if verdict.pass_to else ""))
    if verdict.until is not None:
        return Would(purpose, "waits", sentence, until=verdict.until)
    return Would(purpose, "never", sentence)
