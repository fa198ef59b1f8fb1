"""A word to who is called in the queue, to who is nearly called, and to who was called in vain. By the ladder, each once an appointment.

Nobody rings up who cannot be written to: the screens and the counter call them anyway.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.telling import card, talk_about
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.models import Status
from care.appointments.notices.models import ClinicNotice, NoticeKind, NoticeState
from care.appointments.queue import service as queue
from care.appointments.queue import telling
from care.appointments.queue.models import QueueTicket, TicketState
from care.appointments.queue.telling import Word
from care.patients import service as patients
from channels.outbox import service as outbox
from channels.reply import Reply

WORTH = timedelta(minutes=15)
"""So long after it was written a word about the queue is worth sending (an SMS waits for its number's minute); ours."""
KINDS = (NoticeKind.CALLED, NoticeKind.PASSED)
_FITS = {
    Word.SOON: TicketState.WAITING,
    Word.CALLED: TicketState.CALLED,
    Word.PASSED: TicketState.PASSED,
}


async def tell(
    session: AsyncSession,
    services: Services,
    sms_account: str,
    notice: ClinicNotice,
    *,
    ahead: int,
    now: datetime,
) -> NoticeState:
    """Whom the notice is of, if it still is so; and, where the line has moved, who has at most `ahead` others before them."""
    ticket = await session.get(QueueTicket, notice.appointment_id, populate_existing=True)
    if ticket is None:
        return NoticeState.KEPT
    word = Word.CALLED if notice.kind == NoticeKind.CALLED else Word.PASSED
    told = await _say(session, services, sms_account, ticket, word, 0, now)
    if told:
        notice.outbound_key = telling.key(word, ticket.appointment_id)
    if word is Word.CALLED:
        for other, before in await telling.near(session, ticket, ahead):
            await _say(session, services, sms_account, other, Word.SOON, before, now)
    return NoticeState.TOLD if told else NoticeState.KEPT


def called_to(room: str) -> tuple[str, dict[str, str]]:
    """How it is said that somebody is called, and what more it takes; a department without a room of its own is a place only."""
    return ("called", {"room": room}) if room else ("called_there", {})


async def _say(
    session: AsyncSession,
    services: Services,
    sms_account: str,
    ticket: QueueTicket,
    word: Word,
    ahead: int,
    now: datetime,
) -> bool:
    view = await appointments.get(session, ticket.appointment_id)
    patient = await patients.get(session, ticket.patient_id)
    if view is None or patient is None or view.status is not Status.ARRIVED or ticket.state != _FITS[word]:
        return False
    talk = await talk_about(session, view, patient, sms_account, now)
    if talk is None:
        return False
    params = {
        **card(services, view, patient.name, talk.channel),
        "number": ticket.number,
        "ahead": ahead,
    }
    said = "soon_next" if word is Word.SOON and not ahead else str(word)
    if word is Word.CALLED:
        said, where = called_to(await queue.room(session, view.practitioner_id, view.day))
        params |= where
    message = await outbox.enqueue(
        session,
        talk,
        Reply(f"queue.{said}", params),
        dedup_key=telling.key(word, ticket.appointment_id),
        purpose="service_notice",
        now=now,
        priority=outbox.CONVERSATION_PRIORITY,
        patient_id=ticket.patient_id,
        expires_at=now + WORTH,
    )
    return message is not None
