"""Carrying out what was asked of reminders. It reminds; which medicine and how much stays with the doctor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from actions.asides import INTENT, Heard
from actions.reminders import reading
from care.observations import service as observations
from care.observations import telling
from care.observations.measures import measures
from care.observations.reading import Reading
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from care.reminders import service
from care.reminders.models import Reminder, ReminderKind, ReminderStatus
from channels.questions import holder
from channels.reply import Option, Reply
from channels.wording.labels import label
from store import events

AGREE, DROP = "reminder_agree", "reminder_drop"
OFFERED = (("morning", "08:00"), ("noon", "12:00"), ("evening", "20:00"))
"""What is offered where no time was said."""


async def wanted(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """每天早上8点提醒我量血压: asked back with its times, or asked for them."""
    if holder.is_unknown(heard.contact.channel, heard.contact.holder):
        return [holder.question()]
    whom = _whose(await patients.patients_of_contact(session, heard.contact.id))
    if whom is None:
        book = Option("bind", label("bind"), "bind_patient")
        return [Reply("remind.unbound", options=(book,))]
    kind = ReminderKind(str(params["kind"]))
    said = [str(one) for one in params.get("times", ())]
    now = heard.services.clock.local_naive(heard.now)
    times = [time.fromisoformat(one) for one in said] or reading.times_of(str(params.get("text", "")), now)
    if not times:
        return [_ask_when(kind)]
    kept, moved = service.fitting(times)
    row = await service.propose(
        session, whom.patient.id, heard.conversation.id, kind, kept, clock=heard.services.clock
    )
    key = "remind.sure_moved" if moved else "remind.sure"
    return [
        Reply(key, {"what": what(kind), "times": said_times(kept), "name": whom.patient.name}, agreeing(row))
    ]


def agreeing(row: Reminder) -> tuple[Option, ...]:
    """Yes and no to a reminder that was proposed."""
    which = {"reminder_id": row.id.hex}
    return (
        Option("yes", label("remind_yes"), INTENT, {"aside": AGREE, **which}),
        Option("no", label("remind_no"), INTENT, {"aside": DROP, **which}),
    )


async def agreed(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    row = await _mine(session, heard, params)
    if row is None or row.status != ReminderStatus.PROPOSED:
        return [Reply("smalltalk.stale_choice")]
    row.conversation_id = heard.conversation.id
    await service.agree(session, row, clock=heard.services.clock)
    return [Reply(f"remind.set_{row.kind}", {"times": said_times(row.times)})]


async def dropped(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """Not wanted, or (from the list) not any more."""
    row = await _mine(session, heard, params)
    if row is None:
        return [Reply("smalltalk.stale_choice")]
    was = row.status
    await service.stop(session, [row.id], heard.now)
    return [Reply("remind.stopped" if was == ReminderStatus.ACTIVE else "remind.dropped")]


async def stopped(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """停止提醒: all of them here."""
    rows = await service.of_conversation(session, heard.conversation.id)
    if not rows:
        return [Reply("remind.none")]
    await service.stop(session, [one.id for one in rows], heard.now)
    return [Reply("remind.stopped")]


async def listed(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """我的提醒, each with a way to stop it; a new time is said as the first was."""
    rows = await service.of_conversation(session, heard.conversation.id)
    if not rows:
        return [Reply("remind.none")]
    lines = "；".join(label("remind_line", what=what(one.kind), times=said_times(one.times)) for one in rows)
    options = tuple(
        Option(
            f"stop{n}",
            label("remind_stop", what=what(one.kind)),
            INTENT,
            {"aside": DROP, "reminder_id": one.id.hex},
        )
        for n, one in enumerate(rows[:3])
    )
    return [Reply("remind.list", {"listed": lines}, options)]


async def answered(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """130/85 or 吃了 after a reminder: kept for the reminder that was sent last and asks for such a thing."""
    text = str(params["text"])
    for row in await service.just_sent(session, heard.conversation.id, heard.now):
        if row.kind == ReminderKind.MEDICATION and reading.done(text):
            events.emit(session, row.patient_id, "reminder.done", heard.now, of=row.kind)
            return [Reply("remind.taken")]
        values = reading.numbers(text, row.kind)
        if values is not None:
            return await _keep(session, heard, row, values)
    return [Reply("remind.none")]


async def beside(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """The reading of a message that has rung by itself: kept without a word and without another alert."""
    for row in await service.just_sent(session, heard.conversation.id, heard.now):
        if values := reading.numbers(str(params["text"]), row.kind):
            key = f"chat:{heard.inbound_id}"
            await observations.told(
                session, row.patient_id, values, key=key, at=heard.now, now=heard.now, rings=False
            )
            break
    return []


async def _keep(session: AsyncSession, heard: Heard, row: Reminder, values: list[Reading]) -> list[Reply]:
    if not values:
        return [Reply("remind.odd")]
    raised = await observations.told(
        session, row.patient_id, values, key=f"chat:{heard.inbound_id}", at=heard.now, now=heard.now
    )
    if raised is None:
        return [Reply("remind.no_consent", options=(Option("data", label("remind_consent"), "my_data"),))]
    await telling.tell(session, row.patient_id, raised, heard.now)
    known = measures().measures
    said = "/".join(f"{one.value:g}" for one in values)
    return [Reply("remind.kept", {"value": f"{said} {known[values[0].code].shown}"})]


def _ask_when(kind: ReminderKind) -> Reply:
    options = tuple(
        Option(
            name, label(f"remind_{name}"), INTENT, {"aside": reading.SET, "kind": kind.value, "times": [at]}
        )
        for name, at in OFFERED
    )
    return Reply("remind.when", {"what": what(kind)}, options)


def _whose(linked: Sequence[LinkedPatient]) -> LinkedPatient | None:
    """The person's own record before the family's."""
    return next((one for one in linked if one.relation == Relation.SELF), linked[0] if linked else None)


async def _mine(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> Reminder | None:
    row = await session.get(Reminder, UUID(str(params["reminder_id"])), with_for_update=True)
    linked = {one.patient.id for one in await patients.patients_of_contact(session, heard.contact.id)}
    return row if row is not None and row.patient_id in linked else None


def what(kind: str) -> str:
    return label(f"remind_what_{kind}")


def said_times(times: Sequence[str]) -> str:
    return "、".join(times)


ANSWERS: Mapping[str, Callable[[AsyncSession, Heard, Mapping[str, Any]], Awaitable[list[Reply]]]] = {
    reading.SET: wanted,
    reading.STOP: stopped,
    reading.LIST: listed,
    reading.ANSWERED: answered,
    reading.BESIDE: beside,
    AGREE: agreed,
    DROP: dropped,
}
