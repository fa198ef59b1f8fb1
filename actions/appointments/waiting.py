"""候补 in the conversation: joining where nothing is free, the offer of a place, taking it with one tap, leaving."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.appointments import flow, patterns, words
from actions.appointments.state import State
from actions.services import Services
from actions.turn import Turn, way_to
from care.appointments import drafts
from care.appointments.models import SlotHold
from care.appointments.views import SlotView
from care.appointments.waitlist import service as waitlist
from care.appointments.waitlist.models import Waiting, WaitlistEntry
from care.appointments.waitlist.service import Offer
from care.hospital import service as hospital
from care.hospital.models import HealthcareService
from care.patients import service as patients
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import SENSITIVE, Option, Reply
from channels.wording.labels import label

INSTANCE = "waitlist:"
BATCH = 20


async def join(turn: Turn, state: State, linked: flow.Linked) -> bool | None:
    """Put the patient in line for what was missed. None where nothing was."""
    missed, row = state.data.get("missed"), state.row
    if missed is None or row.patient_id is None or row.department_id is None:
        return None
    clock, today = turn.services.clock, turn.local_now.date()
    first = clock.local_naive(datetime.fromisoformat(missed["from"])).date() if missed["from"] else today
    last = today + timedelta(days=turn.services.slot_days)
    if missed["to"]:
        last = clock.local_naive(datetime.fromisoformat(missed["to"]) - timedelta(seconds=1)).date()
    entry, _ = await waitlist.join(
        turn.session,
        patient_id=row.patient_id,
        department_id=row.department_id,
        practitioner_id=UUID(missed["doctor"]) if missed["doctor"] else None,
        conversation_id=turn.conversation.id,
        first_day=max(first, today),
        last_day=last,
        part=missed["part"],
        now=turn.now,
    )
    turn.say(
        "waitlist.joined",
        _leave(entry),
        name=words.names(linked).get(row.patient_id, ""),
        what=await _what(turn, entry),
        days=_days(turn, entry),
        place_in_line=await _place(turn, entry),
    )
    await drafts.discard(turn.session, turn.conversation.id)
    return False


async def accept(turn: Turn, state: State, linked: flow.Linked, entry: WaitlistEntry) -> bool:
    """The kept place is booked; gone by now, the next of its kind are offered."""
    row = state.row
    row.patient_id, row.department_id = entry.patient_id, entry.department_id
    row.practitioner_id, row.hold_id = entry.practitioner_id, entry.hold_id
    held = await turn.session.get(SlotHold, entry.hold_id, populate_existing=True) if entry.hold_id else None
    if held is None or entry.status != Waiting.OFFERED:
        row.hold_id = None
        return await flow.advance(turn, state, linked, "expired")
    held.contact_id, held.conversation_id = turn.contact.id, turn.conversation.id
    await turn.session.flush()
    return await flow.confirm(turn, state, linked)


async def answered(turn: Turn, linked: flow.Linked, entry_id: UUID) -> WaitlistEntry | None:
    """The entry an option speaks of, if it is of somebody this contact speaks for."""
    entry = await waitlist.get(turn.session, entry_id)
    mine = {one.patient.id for one in linked}
    return entry if entry is not None and entry.patient_id in mine else None


async def leave(turn: Turn, entry: WaitlistEntry) -> None:
    left = await waitlist.leave(turn.session, entry.id, now=turn.now)
    book = way_to("book_appointment", label("book"))
    turn.say("waitlist.left" if left else "waitlist.over_already", book, what=await _what(turn, entry))


async def left_by_word(turn: Turn, linked: flow.Linked) -> bool:
    """ "不候补了", "取消候补": it is the line that is left, no appointment. False where none, or one of several, may be meant."""
    if not patterns.LEAVES_LINE.search(turn.text):
        return False
    entries = await waitlist.standing(turn.session, [one.patient.id for one in linked])
    if len(entries) != 1:
        return False
    await leave(turn, entries[0])
    return True


async def tell_standing(turn: Turn, linked: flow.Linked) -> bool:
    """What these people wait for, beside their appointments; whether they wait for anything."""
    entries = await waitlist.standing(turn.session, [one.patient.id for one in linked])
    for entry in entries[:1]:
        turn.say(
            "waitlist.standing",
            _leave(entry),
            name=words.names(linked).get(entry.patient_id, ""),
            what=await _what(turn, entry),
            days=_days(turn, entry),
            place_in_line=await _place(turn, entry),
        )
    return bool(entries)


async def tell(session: AsyncSession, services: Services) -> int:
    """End what has run out, offer what is free, and tell both, in the caller's transaction; how many were told."""
    now = services.clock.now()
    over = await waitlist.run_out(session, services.clock)
    for entry in over:
        await _tell_over(session, services, entry, now)
    made = await waitlist.offer(session, services.clock, BATCH)
    for one in made:
        await tell_offer(session, services, one, now)
    return len(over) + len(made)


async def tell_offer(session: AsyncSession, services: Services, made: Offer, now: datetime) -> None:
    entry, slot = made.entry, made.slot
    talk = await session.get_one(Conversation, entry.conversation_id)
    patient = await patients.get(session, entry.patient_id)
    which = {"entry_id": entry.id.hex}
    options = (
        Option("take", label("waitlist_take"), "book_appointment", which),
        Option("leave", label("waitlist_leave"), "book_appointment", {**which, "leave": True}),
    )
    until = services.clock.local_naive(entry.offer_until or now)
    params = {
        **_card(services, slot, talk.channel),
        "name": patient.name if patient is not None else "",
        "until": say.clock(until),
    }
    await outbox.enqueue(
        session,
        talk,
        Reply("waitlist.offer", params, options),
        dedup_key=f"{INSTANCE}{entry.id}:{entry.offers}",
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=entry.patient_id,
        instance=f"{INSTANCE}{entry.id}",
        expires_at=entry.offer_until,
    )


async def _tell_over(session: AsyncSession, services: Services, entry: WaitlistEntry, now: datetime) -> None:
    talk = await session.get_one(Conversation, entry.conversation_id)
    department = await hospital.department(session, entry.department_id)
    await outbox.enqueue(
        session,
        talk,
        Reply(
            "waitlist.over",
            {"what": await _whose(session, entry, department, talk.channel)},
            (Option("book", label("book_again"), "book_appointment", {"patient_id": entry.patient_id.hex}),),
        ),
        dedup_key=f"{INSTANCE}{entry.id}:over",
        purpose="service_notice",
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=entry.patient_id,
    )


def _card(services: Services, slot: SlotView, channel: str) -> dict[str, object]:
    at = services.clock.local_naive(slot.start)
    hidden = channel == ChannelName.SMS and slot.sensitive
    return {
        "department": slot.place if hidden else slot.department,
        "doctor": slot.practitioner,
        "title": slot.title,
        "when": say.moment(at),
        "when_short": say.moment_short(at),
        "place": slot.place,
        "fee": say.money(slot.fee_fen),
        **({SENSITIVE: True} if slot.sensitive else {}),
    }


def _leave(entry: WaitlistEntry) -> Option:
    return way_to("book_appointment", label("waitlist_leave"), entry_id=entry.id.hex, leave=True)


async def _what(turn: Turn, entry: WaitlistEntry) -> str:
    department = await hospital.department(turn.session, entry.department_id)
    return await _whose(turn.session, entry, department, turn.contact.channel)


async def _whose(
    session: AsyncSession, entry: WaitlistEntry, department: HealthcareService | None, channel: str
) -> str:
    """The doctor's name, else the department as the channel may show it."""
    if entry.practitioner_id is not None:
        doctor = await hospital.practitioner(session, entry.practitioner_id)
        return doctor.name if doctor is not None else ""
    if department is None:
        return ""
    return department.place if channel == ChannelName.SMS and department.sensitive else department.name


async def _place(turn: Turn, entry: WaitlistEntry) -> str:
    ahead = await waitlist.ahead(turn.session, entry)
    return label("waitlist_behind", ahead=ahead) if ahead else label("waitlist_first")


def _days(turn: Turn, entry: WaitlistEntry) -> str:
    shown = say.day_short if turn.is_sms else say.day
    part = say.part_name(entry.part) if entry.part else ""
    if entry.first_day == entry.last_day:
        return shown(entry.first_day) + part
    return label("from_to", first=shown(entry.first_day), last=shown(entry.last_day)) + part
