"""A kind message to who is overdue, with the next times that are free."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.asides import INTENT, Heard
from actions.plans.whom import talk_of
from actions.services import Services
from care.appointments import slots
from care.followup import losses
from care.followup.models import Loss, LossReason
from care.patients import service as patients
from channels.outbox import service as outbox
from channels.reply import Option, Reply
from channels.wording.labels import label

TIMES = 2
"""Times that are offered at once."""
FROM, WORTH = timedelta(days=1), timedelta(days=5)
"""Times from tomorrow on; the message is worth nothing after five days (ours)."""
ELSEWHERE = "lost_elsewhere"


async def invite(
    services: Services, sms_account: str, session: AsyncSession, loss: Loss, now: datetime
) -> bool:
    """Queue it once, for follow-up (consent, hours and cap are the gate's). False: nobody to write to."""
    patient = await patients.get(session, loss.patient_id)
    talk = await talk_of(session, patient, None, sms_account, now) if patient is not None else None
    if talk is None or patient is None:
        return False
    which = {"patient_id": loss.patient_id.hex}
    free = (
        await slots.find_half_days(
            session, now=now, department_id=loss.department_id, start=now + FROM, limit=TIMES
        )
        if loss.department_id is not None
        else []
    )
    times = [
        Option(
            f"time{n}",
            say.moment_short(services.clock.local_naive(one.first.start)),
            "book_appointment",
            {**which, "slot_id": one.first.slot_id.hex},
        )
        for n, one in enumerate(free)
    ]
    book = Option("book", label("followup_other_time" if times else "book"), "book_appointment", which)
    elsewhere = Option(
        "elsewhere", label("followup_elsewhere"), INTENT, {"aside": ELSEWHERE, "loss_id": loss.id.hex}
    )
    await outbox.enqueue(
        session,
        talk,
        Reply("followup.overdue", {"name": patient.name}, (*times, book, elsewhere)),
        dedup_key=f"lost:{loss.id}",
        purpose="follow_up",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=loss.patient_id,
        instance=f"plan:lost:{loss.id}",
        expires_at=now + WORTH,
    )
    return True


async def elsewhere(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """Treated in another hospital: looked for no longer, and thanked."""
    loss = await session.get(Loss, UUID(str(params["loss_id"])))
    linked = {one.patient.id for one in await patients.patients_of_contact(session, heard.contact.id)}
    if loss is None or loss.patient_id not in linked:
        return [Reply("smalltalk.stale_choice")]
    await losses.lose(session, loss.patient_id, LossReason.TRANSFERRED, heard.now)
    return [Reply("followup.elsewhere")]
