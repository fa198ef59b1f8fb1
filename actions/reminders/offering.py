"""A nurse's proposal of a reminder, put to the patient; nothing is sent before they agree."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from actions.reminders.answers import agreeing, said_times, what
from care.patients.models import Patient
from care.reminders.models import Reminder
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.reply import Reply

WORTH = timedelta(days=3)
"""How long the offer is worth sending; ours."""


async def offer(session: AsyncSession, row: Reminder, patient: Patient, now: datetime) -> None:
    """Queue it, for follow-up: consent, hours and cap are the gate's."""
    talk = await session.get_one(Conversation, row.conversation_id)
    params = {"name": patient.name, "what": what(row.kind), "times": said_times(row.times)}
    await outbox.enqueue(
        session,
        talk,
        Reply("remind.offer", params, agreeing(row)),
        dedup_key=f"habit:{row.id}:offer",
        purpose="follow_up",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=patient.id,
        instance=f"plan:habit:{row.id}",
        expires_at=now + WORTH,
    )
