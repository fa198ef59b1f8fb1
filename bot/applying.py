"""What comes of a message: facts, tasks and replies, all in the caller's one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from bot import alarms
from bot import media as voices
from bot.engine_client import EngineAnswer
from bot.plan import Plan, State
from bot.ports import People
from channels.contacts.models import Contact
from channels.inbox import own, queue
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.media import service as media
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.questions import service as questions
from channels.questions.models import OpenQuestion
from channels.reply import Reply, join_runs
from channels.wechat import leaving
from store.clock import Clock

FEW = 2
"""More replies than these in one turn go out joined on WeChat: each message counts against the patient's quota."""


@dataclass(slots=True)
class Said:
    """The replies of a turn; `instance` and `resumes` are those of the question the last of them with options opens."""

    replies: list[Reply] = field(default_factory=list)
    instance: str | None = None
    resumes: UUID | None = None

    def again(self, question: OpenQuestion) -> None:
        """What was asked before is asked once more, as what it was."""
        self.replies.append(Reply.from_json(question.reply))
        self.instance, self.resumes = question.instance, question.resumes


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message on its way through the steps below, in one transaction; `said` grows."""

    session: AsyncSession
    claimed: Claimed
    message: InboundMessage
    state: State
    plan: Plan
    said: Said
    now: datetime


class Applier:
    """One instance a process."""

    def __init__(self, clock: Clock, people: People) -> None:
        self._clock = clock
        self._people = people

    async def apply(
        self,
        session: AsyncSession,
        claimed: Claimed,
        message: InboundMessage,
        state: State,
        plan: Plan,
        answer: EngineAnswer | None,
        now: datetime,
        *,
        last: bool,
    ) -> None:
        """Write what comes of it and finish the message, in the caller's transaction. Raises `LeaseLost`."""
        message.screen, message.resolved = plan.screen, plan.resolved or None
        turn = _Turn(session, claimed, message, state, plan, Said(list(plan.replies)), now)
        if plan.engine is not None:
            await self._heard(turn, answer)
        await self._settle(turn)
        await self._answer(turn)
        await self._to_people(turn)
        await self._ask_again(turn)
        await self._say(turn, last=last)

    async def _heard(self, turn: _Turn, answer: EngineAnswer | None) -> None:
        """The engine's answer, or a person where it had none."""
        if answer is not None:
            turn.message.intent, turn.message.confidence = answer.intent, answer.confidence
            turn.said.replies += answer.replies
            return
        turn.said.replies = [
            await self._people.call_a_person(
                turn.session,
                conversation=turn.claimed.conversation,
                contact=turn.claimed.contact,
                inbound_id=turn.message.id,
                now=turn.now,
            )
        ]

    @staticmethod
    async def _settle(turn: _Turn) -> None:
        """What the message itself leaves behind, and what became of the question."""
        session, plan, now = turn.session, turn.plan, turn.now
        if plan.forgets_key:
            await own.forget_key(session, turn.message)
        if turn.message.kind == "media":
            await media.open_item(session, turn.message, now)
        if plan.closes is not None:
            await questions.close(session, plan.closes, now)
        if plan.types is not None:
            await voices.type_out(session, turn.claimed.conversation.id, *plan.types, now)
        if plan.asks_before is not None:
            await _go_on(session, turn.said, plan.asks_before, now)

    async def _answer(self, turn: _Turn) -> None:
        """What the patient decided: about messages, about whose phone it is, about an appointment."""
        session, contact, plan, said = turn.session, turn.claimed.contact, turn.plan, turn.said
        if plan.opt is not None:
            await self._people.opt(session, contact, plan.opt, turn.now)
        if plan.holder is not None:
            said.replies += await self._after_holder(session, contact, plan, turn.now)
        if plan.aside is not None:
            said.replies += await self._people.aside(
                session, turn.claimed, turn.message.id, plan.aside, turn.now
            )
        if plan.confirms is not None:
            said.replies.append(await self._people.confirmed(session, contact, plan.confirms, turn.now))
            await _go_on(session, said, turn.state.question, turn.now)

    async def _to_people(self, turn: _Turn) -> None:
        """The desk, the end of a link, an alarm."""
        session, message, plan, now = turn.session, turn.message, turn.plan, turn.now
        conversation, contact = turn.claimed.conversation, turn.claimed.contact
        if plan.to_desk is not None:
            await self._people.to_desk(
                session,
                kind=plan.to_desk,
                dedup_key=self._desk_key(plan.to_desk, message),
                conversation=conversation,
                contact=contact,
                note=message.text or message.event,
                now=now,
            )
        if plan.unfollowed:
            await leaving.forget(session, contact.id, conversation.id, now)
            await self._people.unfollowed(session, contact, now)
        if plan.alert is not None:
            alert_id = await self._people.alert(
                session,
                kind="emergency" if plan.alert == "emergency" else "crisis",
                contact=contact,
                conversation=conversation,
                inbound=message,
                now=now,
            )
            _interrupt(turn, f"{alarms.INSTANCE}{alert_id}")
        if plan.interrupts:
            _interrupt(turn, f"{voices.INSTANCE}{message.id}")

    async def _ask_again(self, turn: _Turn) -> None:
        plan, state, said = turn.plan, turn.state, turn.said
        if plan.false_alarm:
            said.replies.append(Reply("english.false_alarm" if plan.in_english else "safety.false_alarm"))
            if (question := state.question or state.tapped) is not None:
                await self._after_false_alarm(turn.session, question, turn.now)
                await _go_on(turn.session, said, question, turn.now)
        if plan.reask and state.question is not None:
            said.again(state.question)

    @staticmethod
    async def _say(turn: _Turn, *, last: bool) -> None:
        session, message, now = turn.session, turn.message, turn.now
        conversation, replies = turn.claimed.conversation, turn.said.replies
        if len(replies) > FEW and conversation.channel == ChannelName.WECHAT:
            replies = join_runs(replies)
        first = await queue.finish(session, turn.claimed, message, now, last=last, replies=len(replies))
        asking = max((n for n, reply in enumerate(replies) if reply.asks), default=-1)
        urgent = turn.plan.alert is not None
        for n, reply in enumerate(replies):
            asks = n == asking
            content_ref, content_revision = reply.content()
            await outbox.enqueue(
                session,
                conversation,
                reply if asks else Reply(reply.key, reply.params),
                dedup_key=f"reply:{message.id}:{n}",
                purpose="reply",
                now=now,
                inbound_id=message.id,
                instance=(turn.said.instance or reply.instance or reply.key) if asks else None,
                resumes=turn.said.resumes if asks else None,
                seq=first + n + 1,
                content_ref=content_ref,
                content_revision=content_revision,
                due_at=after_the_line(message, now),
                priority=outbox.URGENT_PRIORITY if urgent else outbox.CONVERSATION_PRIORITY,
            )

    def _desk_key(self, kind: str, message: InboundMessage) -> str:
        """Pictures of one day are one task, so that an album is not thirty."""
        if kind == "media":
            return f"media:{message.conversation_id}:{self._clock.local().date()}"
        if kind == "correction":
            return f"correction:{message.contact_id}:{self._clock.local().date()}"
        return f"desk:{message.id}"

    async def _after_holder(
        self, session: AsyncSession, contact: Contact, plan: Plan, now: datetime
    ) -> list[Reply]:
        assert plan.holder is not None
        released = await self._people.holder(session, contact, plan.holder, now)
        if plan.holder == "wrong":
            return [Reply("holder.wrong")]
        return [] if released or plan.engine is not None else [Reply("holder.known")]

    async def _after_false_alarm(self, session: AsyncSession, question: OpenQuestion, now: datetime) -> None:
        if question.instance.startswith(alarms.INSTANCE):
            alert_id = UUID(question.instance.removeprefix(alarms.INSTANCE))
            await self._people.false_alarm(session, alert_id, now)


def after_the_line(message: InboundMessage, now: datetime) -> datetime:
    """When the delivery worker may take an answer: at once, unless the callback still waits to give it back itself."""
    return max(now, message.passive_until) if message.passive_until is not None else now


async def _go_on(session: AsyncSession, said: Said, question: OpenQuestion | None, now: datetime) -> None:
    """What an alarm, a voice or a reminder took the place of is asked again, as what it was, unless its time is over."""
    if question is None or question.resumes is None:
        return
    before = await questions.get(session, question.conversation_id, question.resumes)
    if before is not None and before.status == "superseded" and before.expires_at > now:
        said.again(before)


def _interrupt(turn: _Turn, instance: str) -> None:
    """The question this turn ends with is `instance`; what was asked before comes back after it."""
    turn.said.instance, turn.said.resumes = instance, _what_to_resume(turn.state.question)


def _what_to_resume(question: OpenQuestion | None) -> UUID | None:
    """The question an alert interrupts; a second alert in a row keeps what the first interrupted."""
    if question is None:
        return None
    passing = question.instance.startswith((alarms.INSTANCE, voices.INSTANCE))
    return question.resumes if passing else question.id
