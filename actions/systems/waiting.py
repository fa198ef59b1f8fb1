"""One word to who still waits for the hospital's system to decide on a booking: between 待确认 and its answer, or somebody's call.

It goes by the ladder in its hours, never at night; what is decided meanwhile takes it back (`care.systems.waiting.hush`).
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.patients import service as patients
from care.systems import waiting
from care.systems.telling import BEFORE_START
from channels.outbox import service as outbox
from channels.reply import Reply

BATCH = 50


async def tell_waiting(session: AsyncSession, services: Services, sms_account: str) -> int:
    """Tell a batch, in the caller's transaction; how many were told. Who can be written to nowhere is called when it is decided."""
    now, told = services.clock.now(), 0
    for one in await waiting.waiting(session, now, BATCH):
        view = await appointments.get(session, one.appointment_id)
        patient = await patients.get(session, view.patient_id) if view is not None else None
        if view is None or patient is None:
            continue
        talk = await talk_about(session, view, patient, sms_account, now)
        if talk is None:
            continue
        params = card(services, view, patient.name, talk.channel)
        old = await appointments.get(session, one.replaces_id) if one.replaces_id is not None else None
        if old is None:
            reply = Reply("systems.still_waiting", params)
        else:
            was = say.moment_short(services.clock.local_naive(old.start))
            reply = Reply("systems.still_waiting_move", {**params, "old": was})
        message = await outbox.enqueue(
            session,
            talk,
            reply,
            dedup_key=waiting.key(one.appointment_id),
            purpose="service_notice",
            now=now,
            priority=outbox.NOTICE_PRIORITY,
            patient_id=view.patient_id,
            expires_at=view.start - BEFORE_START,
        )
        told += message is not None
    return told
