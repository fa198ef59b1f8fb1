"""What a patient agreed to around reading: being counted, research, articles chosen by their record. Nothing here commits.

The wording shown, with its version: `care.privacy.texts`; the ledger is `care.consents`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as ledger
from care.consents.models import ConsentNow, Purpose
from care.privacy.texts import text_of
from content.reading.models import ArticleRead

ASKED = (Purpose.PERSONAL, Purpose.TRACKING, Purpose.RESEARCH)
Held = dict[Purpose, bool | None]
"""True: agreed; False: refused or withdrawn; None: never asked."""


async def held(session: AsyncSession, patient_id: UUID) -> Held:
    """What this patient decided of the three."""
    rows = await session.execute(
        select(ConsentNow.purpose, ConsentNow.granted).where(
            ConsentNow.subject_id == patient_id, ConsentNow.purpose.in_([one.value for one in ASKED])
        )
    )
    said = {Purpose(purpose): granted for purpose, granted in rows}
    return {one: said.get(one) for one in ASKED}


async def agreed(session: AsyncSession, patient_id: UUID, purpose: Purpose) -> bool:
    row = await session.get(ConsentNow, (patient_id, purpose.value))
    return row is not None and row.granted


async def decide(
    session: AsyncSession,
    patient_id: UUID,
    purpose: Purpose,
    granted: bool,
    *,
    channel: str,
    proof: str,
    now: datetime,
) -> None:
    """Write the decision down with the version of what was shown. Who does not want to be counted any more is forgotten at once:
    their reads are deleted (PIPL art. 47 (3))."""
    await ledger.decide(
        session,
        subject="patient",
        subject_id=patient_id,
        purpose=purpose,
        granted=granted,
        text_version=text_of(purpose).version,
        channel=channel,
        now=now,
        proof=proof,
    )
    if purpose is Purpose.TRACKING and not granted:
        await session.execute(delete(ArticleRead).where(ArticleRead.patient_id == patient_id))
