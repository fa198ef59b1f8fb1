"""A child turns 14: what a parent agreed to for them holds no longer, and the child is asked (PIPL art. 31)."""

from __future__ import annotations

from sqlalchemy import delete, select

from care.consents.models import Consent, ConsentNow
from care.patients import service as patients
from care.patients.models import Patient
from care.privacy.consents import OF_AGE, is_young
from channels.contacts.models import Conversation
from channels.outbox.service import NOTICE_PRIORITY, enqueue
from channels.reply import Reply
from store import audit, events
from store.clock import Clock
from store.database import Database

BATCH = 200


async def lapse(database: Database, clock: Clock) -> int:
    """End the guardians' consents of those who are 14 today or since the last look; tell who bound them. Returns how many children.

    The ledger keeps what was agreed to; only what holds now ends, so that nothing is sent under it any more. The day of birth is
    sealed: the year, which is plain, finds who may be meant."""
    today, now, ended = clock.local().date(), clock.now(), 0
    after = None
    while True:
        async with database.write("children come of age") as session:
            query = (
                select(Patient)
                .join(ConsentNow, ConsentNow.subject_id == Patient.id)
                .join(Consent, Consent.id == ConsentNow.consent_id)
                .where(Consent.guardian.is_not(None), Patient.birth_year <= today.year - OF_AGE)
                .distinct()
                .order_by(Patient.id)
                .limit(BATCH)
            )
            if after is not None:
                query = query.where(Patient.id > after)
            found = (await session.scalars(query)).all()
            grown = [one for one in found if not is_young(one, today)]
            ids = [one.id for one in grown]
            given = select(Consent.id).where(Consent.subject_id.in_(ids), Consent.guardian.is_not(None))
            await session.execute(
                delete(ConsentNow)
                .where(ConsentNow.subject_id.in_(ids), ConsentNow.consent_id.in_(given))
                .execution_options(synchronize_session=False)
            )
            links = await patients.contacts_of_patients(session, ids)
            for one in grown:
                events.emit(session, one.id, "consent.guardian_ended", now)
                subject = audit.subject_of("patient", one.id)
                audit.record(session, actor="system", action="guardian.ended", subject=subject, at=now)
                for link in links[one.id]:
                    talk = await session.scalar(
                        select(Conversation).where(Conversation.contact_id == link.contact_id)
                    )
                    if talk is not None:
                        await enqueue(
                            session,
                            talk,
                            Reply("privacy.turned_14", {}),
                            dedup_key=f"turned14:{one.id}:{link.contact_id}",
                            purpose="service_notice",
                            now=now,
                            priority=NOTICE_PRIORITY,
                            patient_id=one.id,
                        )
            ended += len(grown)
        if len(found) < BATCH:
            return ended
        after = found[-1].id
