"""One inbound message: screened, resolved, routed, answered.

Safety screen (always, in every state) → opt-out words → a person in charge? to the desk → open question → engine. The decision
is made from what was read; the engine is asked with no session open; everything that follows is applied in one transaction.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments import remind
from bot import english, two_requests
from bot import media as voices
from bot.engine_client import EmptyTurn, EngineAnswer, EngineClient
from bot.ports import Console, InCharge, People
from bot.refusing import refused
from bot.resolve import by_id, number_in, parse_ref, pick
from bot.shortcuts import MENU, Opt, opt_word, refusal
from care.binding import qr
from care.questionnaires import service as questionnaires
from channels.contacts.models import Contact, Conversation
from channels.inbox import own, queue
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.media import service as media
from channels.media.worker import HEARD, UNREADABLE
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.questions import holder as holders
from channels.questions import service as questions
from channels.questions.holder import Holder
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply, join_runs
from channels.wechat import leaving
from channels.wechat.typing import Typing
from language import requests
from language.foreign import foreign
from language.normalise import normalise
from language.screen import ScreenResult, screen
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

ENGINE_TEXT = 500
"""Characters the engine reads of a message; the safety screen reads all of it."""
FALSE_ALARM = "_false_alarm"
_CALLS_OFF = re.compile(
    "误报|发错|打错|按错|搞错|没事|我很好|开玩笑|不是真的|false alarm|by mistake|kidding|i'?m (?:fine|ok)\\b|i am (?:fine|ok)\\b",
    re.I,
)
LATER = "_later"
"""What an option of a safety question means without the engine: all is well; not now (the alert stays as it is)."""
FEW = 2
"""More replies than these in one turn go out joined on WeChat: each message counts against the patient's quota."""
EMPTY_TURNS = 2
"""How often a turn in which an action failed is given again before people take it."""


@dataclass(slots=True)
class State:
    """What was read before deciding. `unseen`: the message came in before the question was put."""

    question: OpenQuestion | None
    tapped: OpenQuestion | None
    in_charge: InCharge | None
    on_duty: bool
    unseen: bool = False
    coming: UUID | None = None
    """The next appointment, and `reminder` what was asked of it; read only for answers that no open question takes."""
    reminder: OpenQuestion | None = None
    free_words: bool = False
    """A survey asks for the patient's own words: in any language, of any number of things. Read only for such texts."""


@dataclass(slots=True)
class Plan:
    """What is to be done with one message. `engine` is asked if set: the text or `/intent`, and the metadata."""

    replies: list[Reply] = field(default_factory=list)
    engine: tuple[str, dict[str, Any]] | None = None
    halves: tuple[str, str] | None = None
    """The texts of two requests, where the message may hold two; `asked`: the key of the question that is open."""
    asked: str | None = None
    alert: str | None = None
    opt: Opt | None = None
    holder: Holder | None = None
    confirms: UUID | None = None
    to_desk: str | None = None
    false_alarm: bool = False
    in_english: bool = False
    reask: bool = False
    unfollowed: bool = False
    closes: UUID | None = None
    interrupts: bool = False
    forgets_key: bool = False
    types: tuple[OpenQuestion, list[str]] | None = None
    asks_before: OpenQuestion | None = None
    resolved: str = ""
    screen: str = "none"


def engine_text(text: str) -> str:
    """What the engine reads: normalised, cut, and never a command (Rasa runs a leading slash as an intent)."""
    said = normalise(text)[:ENGINE_TEXT].strip()
    return "／" + said[1:] if said.startswith("/") else said


def urgent(message: InboundMessage) -> bool:
    """Whether the safety screen stops at it: then it is answered before whatever waits in front of it."""
    return message.kind != "event" and screen(message.text or "").verdict != "none"


def _called_off(options: tuple[Option, ...], text: str) -> Option | None:
    """After an alarm: the option for a false one, when the patient says so in other words than its own.

    The alert stays open for the nurse either way; only the conversation goes on.
    """
    if _CALLS_OFF.search(text) is None:
        return None
    return next((option for option in options if option.intent == FALSE_ALARM), None)


def _readable(text: str) -> bool:
    return any(character.isalnum() for character in text)


class ConversationHandler:
    """Decides and applies. One instance a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        engine: EngineClient,
        people: People,
        *,
        hears: bool = False,
        console: Console | None = None,
        typing: Typing | None = None,
    ) -> None:
        """`hears`: voices are written down by a transcriber; otherwise patients are asked to type."""
        self._database = database
        self._clock = clock
        self._engine = engine
        self._people = people
        self._hears = hears
        self._console = console
        self._typing = typing

    async def look(self, claimed: Claimed, message: InboundMessage) -> State:
        """Read what the decision needs, in a session of its own."""
        async with self._database.read("conversation-look") as session:
            return (await self.look_in(session, [(claimed, message)]))[0]

    async def look_in(
        self, session: AsyncSession, turns: list[tuple[Claimed, InboundMessage]]
    ) -> list[State]:
        """As `look`, for several conversations in the caller's session: a handful of statements for all."""
        now = self._clock.now()
        ids = [claimed.conversation.id for claimed, _ in turns]
        asked = await questions.current_of(session, ids, now)
        held = await self._people.in_charge(session, ids)
        on_duty = await self._people.on_duty(session, now)
        states = []
        for claimed, message in turns:
            conversation_id = claimed.conversation.id
            tapped = None
            if message.option_ref and (ref := parse_ref(message.option_ref)) is not None:
                tapped = await questions.get(session, conversation_id, ref.question_id)
            question = asked.get(conversation_id)
            unseen = question is not None and message.received_at < question.opened_at
            state = State(question, tapped, held.get(conversation_id), on_duty, unseen)
            if question is None and _may_mean_the_coming_one(message):
                state.coming = await self._people.coming(session, claimed.contact.id, now)
                if state.coming is not None:
                    state.reminder = await questions.latest(
                        session, conversation_id, f"{remind.INSTANCE}{state.coming}"
                    )
            text = (message.text or "") if message.kind == "text" else ""
            if foreign(text) is not None or requests.halves(text) is not None:
                state.free_words = await _asks_for_words(session, conversation_id)
            states.append(state)
        return states

    def decide(self, message: InboundMessage, contact: Contact, state: State) -> Plan:
        """What to do with the message. Pure."""
        plan = Plan()
        if message.kind == "event":
            return self._event(message, contact, state, plan)
        text = message.text or ""
        verdict = screen(text)
        plan.screen = verdict.verdict
        if verdict.verdict != "none":
            plan.alert = verdict.verdict
            plan.replies.append(_safety_reply(verdict, text, state.on_duty))
            plan.resolved = f"screen:{verdict.rule}"
            return plan
        if (opt := _opts(text, state)) is not None and not message.option_ref and message.kind == "text":
            plan.opt = opt
            plan.replies.append(Reply(f"consent.{opt}"))
            plan.resolved = f"opt:{opt}"
            return plan
        if state.in_charge is not None and state.in_charge.state == "taken":
            plan.to_desk = "message"
            plan.resolved = "desk"
            return plan
        if message.kind == "media":
            return self._medium(plan, state, *voices.first_answer(message, self._hears), message.event)
        if message.kind == "voice":
            if message.event != HEARD:
                return self._medium(plan, state, *voices.unreadable(message), message.event)
            plan.replies.append(voices.ask_back(message, state.question))
            plan.interrupts = True
            plan.resolved = "voice:heard"
            return plan
        if message.option_ref:
            return self._tap(message, state, plan)
        if not _readable(text):
            plan.replies.append(Reply("common.no_words"))
            plan.reask = state.question is not None
            plan.resolved = "no_words"
            return plan
        return self._text(message, contact, state, plan, text)

    @staticmethod
    def _medium(plan: Plan, state: State, reply: Reply | None, desk: str | None, what: str) -> Plan:
        plan.to_desk = desk
        plan.resolved = f"media:{what or 'other'}"
        if reply is not None:
            plan.replies.append(reply)
            plan.reask = state.question is not None
        return plan

    def _text(self, message: InboundMessage, contact: Contact, state: State, plan: Plan, text: str) -> Plan:
        number = number_in(text)
        if number == 0:
            return self._to_intent(plan, "request_human", {}, "digit:0")
        if contact.status == "wrong_number" and number == 1:
            # Whoever said 打错了 is believed until a person has looked.
            plan.replies.append(Reply("holder.wrong_wrote"))
            plan.to_desk = "correction"
            plan.resolved = "wrong_number"
            return plan
        if number is not None and state.question is not None and state.unseen:
            # Sent before this was asked (the same digit twice, say): the patient cannot have meant this question.
            plan.replies.append(Reply("smalltalk.stale_choice"))
            plan.reask = True
            plan.resolved = "number_before_question"
            return plan
        if state.question is not None:
            options = questions.options_of(state.question)
            word = refusal(text)
            no = refused(options, word) if word is not None and not state.unseen else None
            option = no or pick(options, text) or _called_off(options, text)
            if option is not None:
                return self._choose(plan, state.question, option)
        elif state.reminder is not None and (option := pick(questions.options_of(state.reminder), text)):
            return self._choose(plan, state.reminder, option)
        elif state.coming is not None and refusal(text) is not None:
            which = {"appointment_id": state.coming.hex} if state.reminder is not None else {}
            return self._to_intent(plan, "cancel_appointment", which, "refusal:coming")
        elif number is not None and text.strip().isdigit() and len(text.strip()) <= 2:
            plan.replies.append(Reply("smalltalk.number_without_question"))
            plan.resolved = "number_without_question"
            return plan
        if (written := self._keyword(contact, text)) is not None:
            plan.replies.append(Reply("console.keyword", {"text": written}))
            plan.reask = state.question is not None
            plan.resolved = "keyword"
            return plan
        if not state.free_words and (said := english.answers(text)) is not None:
            if english.wants_person(text):
                return self._english_person(plan, {}, "english:person")
            plan.replies.append(said)
            plan.resolved = said.key
            return plan
        plan.engine = (engine_text(text), {"text": engine_text(text)})
        if not state.free_words:
            plan.halves = requests.halves(text)
            plan.asked = Reply.from_json(state.question.reply).key if state.question is not None else None
        return plan

    def _english_person(self, plan: Plan, params: dict[str, Any], resolved: str) -> Plan:
        plan.replies.append(Reply("english.person"))
        return self._to_intent(plan, "request_human", params, resolved)

    def _tap(self, message: InboundMessage, state: State, plan: Plan) -> Plan:
        ref = parse_ref(message.option_ref)
        question = state.tapped
        if (
            ref is None
            or question is None
            or question.status != "open"
            or question.expires_at <= self._clock.now()
        ):
            # Old menus stay tappable for ever: say so kindly, apply nothing, ask again what is open.
            plan.replies.append(Reply("smalltalk.stale_choice"))
            plan.reask = state.question is not None
            plan.resolved = "stale_menu"
            return plan
        option = by_id(questions.options_of(question), ref.option_id)
        if option is None:
            plan.replies.append(Reply("smalltalk.stale_choice"))
            plan.reask = True
            plan.resolved = "foreign_option"
            return plan
        return self._choose(plan, question, option)

    def _choose(self, plan: Plan, question: OpenQuestion, option: Option) -> Plan:
        plan.closes = question.id
        plan.in_english = bool(option.params.get(english.SAYS))
        if option.intent == english.PATH:
            plan.replies.append(english.about(str(option.params.get("topic"))))
            plan.resolved = f"english:{option.id}"
            return plan
        if option.intent == english.PERSON:
            return self._english_person(plan, option.params, f"english:{option.id}")
        if option.intent == FALSE_ALARM:
            plan.false_alarm = True
            plan.resolved = "false_alarm"
            return plan
        if option.intent == LATER:
            plan.replies.append(Reply("english.crisis_later" if plan.in_english else "safety.crisis_later"))
            plan.resolved = "crisis_later"
            return plan
        if option.intent == holders.INTENT:
            return self._held(plan, option)
        if option.intent == remind.CONFIRM:
            plan.confirms = UUID(str(option.params["appointment_id"]))
            plan.resolved = f"{question.instance}:{option.id}"[:160]
            return plan
        if option.intent == voices.SAID:
            plan.types = (question, [str(one) for one in option.params.get("heard", ())])
            plan.resolved = "voice:said"
            return plan
        if option.intent == voices.NOT_SAID:
            plan.replies.append(Reply("voice.type_it"))
            plan.asks_before = question
            plan.resolved = "voice:not_said"
            return plan
        return self._to_intent(plan, option.intent, option.params, f"{question.instance}:{option.id}")

    @staticmethod
    def _held(plan: Plan, option: Option) -> Plan:
        """Who answers the phone is known; what was wanted when it was asked goes on."""
        plan.holder, go = option.params["holder"], option.params.get("go")
        plan.resolved = f"holder:{plan.holder}"
        if plan.holder != "wrong" and go:
            metadata = {"params": go["params"], "text": go["plain"], "holder": plan.holder}
            plan.engine = (str(go["text"]), metadata)
        return plan

    def _to_intent(self, plan: Plan, intent: str, params: dict[str, Any], resolved: str) -> Plan:
        plan.engine = (f"/{intent}", {"params": params, "text": ""})
        plan.resolved = resolved[:160]
        return plan

    def _event(self, message: InboundMessage, contact: Contact, state: State, plan: Plan) -> Plan:
        plan.resolved = f"event:{message.event}"[:160]
        if message.event in ("subscribe", "scan") and qr.is_ours(message.event_key):
            return self._scanned(message, contact, state, plan)
        if message.event == "subscribe":
            plan.replies.append(self._welcome(contact, _welcome_options()))
        elif message.event == "unsubscribe":
            plan.unfollowed = True
        elif message.event == UNREADABLE:
            if state.in_charge is not None and state.in_charge.state == "taken":
                plan.to_desk = "media"
                return plan
            return self._medium(plan, state, *voices.unreadable(message), UNREADABLE)
        elif message.event == "click" and (intent := MENU.get(message.event_key)) is not None:
            if state.in_charge is not None and state.in_charge.state == "taken":
                plan.to_desk = "click"
            else:
                return self._to_intent(plan, intent, {}, f"menu:{message.event_key}")
        return plan

    def _welcome(self, contact: Contact, options: tuple[Option, ...] = ()) -> Reply:
        """The text staff published, or the house's own."""
        said = self._console.welcome(contact.account_id) if self._console is not None else None
        if said is None or contact.channel != ChannelName.WECHAT:
            return Reply("smalltalk.welcome", options=options)
        return Reply("console.welcome", {"text": said}, options)

    def _keyword(self, contact: Contact, text: str) -> str | None:
        if self._console is None or contact.channel != ChannelName.WECHAT:
            return None
        return self._console.keyword_reply(contact.account_id, text)

    def _scanned(self, message: InboundMessage, contact: Contact, state: State, plan: Plan) -> Plan:
        """A binding code was scanned: the engine hears that, never the token."""
        plan.forgets_key = True
        if state.in_charge is not None and state.in_charge.state == "taken":
            plan.to_desk = "click"
            plan.resolved = f"event:{message.event}:binding"
            return plan
        if message.event == "subscribe":
            plan.replies.append(self._welcome(contact))
        return self._to_intent(plan, "bind_patient", {"qr": True}, f"event:{message.event}:binding")

    def _thinking(self, contact: Contact) -> AbstractAsyncContextManager[None]:
        return self._typing.while_slow(contact) if self._typing is not None else nullcontext()

    async def ask(
        self, claimed: Claimed, message: InboundMessage, plan: Plan, *, retry: bool
    ) -> EngineAnswer | None:
        """The engine's answer, or None when it has nothing to say after `EMPTY_TURNS` tries: people take over then.

        Raises `EngineUnavailable`.
        """
        if plan.engine is None:
            return None
        text, metadata = plan.engine
        halves = await self._two(text, plan)
        if halves is None:
            return await self._turn(claimed, text, metadata, message.id, retry=retry)
        aside = None
        if halves.aside is not None:
            given = {**metadata, "text": engine_text(halves.aside)}
            aside_id = two_requests.aside_id(message.id)
            aside = await self._turn(claimed, given["text"], given, aside_id, retry=retry)
        given = {**metadata, "text": engine_text(halves.main)}
        main = await self._turn(claimed, given["text"], given, message.id, retry=retry)
        return two_requests.together(halves, main, aside, plan.asked) if main is not None else None

    async def _two(self, text: str, plan: Plan) -> two_requests.Halves | None:
        """The two requests of a message, when the engine is sure of both. Raises `EngineUnavailable`."""
        if plan.halves is None:
            return None
        heard = await self._engine.understand([engine_text(half) for half in plan.halves])
        return two_requests.plan(text, plan.halves, heard, in_form=plan.asked is not None)

    async def _turn(
        self, claimed: Claimed, text: str, metadata: dict[str, Any], inbound_id: UUID, *, retry: bool
    ) -> EngineAnswer | None:
        metadata = {**metadata, "inbound_id": str(inbound_id)}
        for attempt in range(EMPTY_TURNS):
            metadata["retry"] = retry or attempt > 0
            try:
                async with self._thinking(claimed.contact):
                    return await self._engine.turn(
                        claimed.conversation.engine_id,
                        text,
                        metadata,
                        retry=retry or attempt > 0,
                        fresh=attempt > 0,
                    )
            except EmptyTurn as error:
                log.warning("engine.empty_turn", intent=str(error), attempt=attempt + 1)
        return None

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
        conversation, contact = claimed.conversation, claimed.contact
        message.screen, message.resolved = plan.screen, plan.resolved or None
        replies = list(plan.replies)
        instance: str | None = None
        resumes: UUID | None = None
        if plan.engine is not None:
            if answer is None:
                replies = [
                    await self._people.call_a_person(
                        session, conversation=conversation, contact=contact, inbound_id=message.id, now=now
                    )
                ]
            else:
                message.intent, message.confidence = answer.intent, answer.confidence
                replies += answer.replies
        if plan.forgets_key:
            await own.forget_key(session, message)
        if message.kind == "media":
            await media.open_item(session, message, now)
        if plan.closes is not None:
            await questions.close(session, plan.closes, now)
        if plan.types is not None:
            await voices.type_out(session, conversation.id, *plan.types, now)
        if plan.asks_before is not None:
            before = await voices.interrupted(session, plan.asks_before, now)
            replies += [before] if before is not None else []
        if plan.opt is not None:
            await self._people.opt(session, contact, plan.opt, now)
        if plan.holder is not None:
            replies += await self._after_holder(session, contact, plan, now)
        if plan.confirms is not None:
            replies.append(await self._people.confirmed(session, contact, plan.confirms, now))
            if (displaced := await self._displaced(session, state.question, now)) is not None:
                replies.append(Reply.from_json(displaced.reply))
                instance, resumes = displaced.instance, displaced.resumes
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
            instance, resumes = f"alert:{alert_id}", _what_to_resume(state.question)
        if plan.interrupts:
            instance, resumes = f"{voices.INSTANCE}{message.id}", _what_to_resume(state.question)
        if plan.false_alarm:
            replies.append(Reply("english.false_alarm" if plan.in_english else "safety.false_alarm"))
            replies.extend(await self._after_false_alarm(session, state.question or state.tapped, now))
        if plan.reask and state.question is not None:
            replies.append(Reply.from_json(state.question.reply))
            instance, resumes = state.question.instance, state.question.resumes
        if len(replies) > FEW and conversation.channel == ChannelName.WECHAT:
            replies = join_runs(replies)
        first = await queue.finish(session, claimed, message, now, last=last, replies=len(replies))
        asking = max((n for n, reply in enumerate(replies) if reply.options), default=-1)
        for n, reply in enumerate(replies):
            asks = n == asking
            await outbox.enqueue(
                session,
                conversation,
                reply if asks else Reply(reply.key, reply.params),
                dedup_key=f"reply:{message.id}:{n}",
                purpose="reply",
                now=now,
                inbound_id=message.id,
                instance=(instance or reply.key) if asks else None,
                resumes=resumes if asks else None,
                seq=first + n + 1,
                due_at=after_the_line(message, now),
                priority=outbox.URGENT_PRIORITY if plan.alert is not None else outbox.CONVERSATION_PRIORITY,
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

    @staticmethod
    async def _displaced(
        session: AsyncSession, question: OpenQuestion | None, now: datetime
    ) -> OpenQuestion | None:
        """What a reminder took the place of goes on once it is answered."""
        if question is None or question.resumes is None:
            return None
        before = await questions.get(session, question.conversation_id, question.resumes)
        alive = before is not None and before.status == "superseded" and before.expires_at > now
        return before if alive else None

    async def _after_false_alarm(
        self, session: AsyncSession, question: OpenQuestion | None, now: datetime
    ) -> list[Reply]:
        replies: list[Reply] = []
        if question is None:
            return replies
        if question.instance.startswith("alert:"):
            await self._people.false_alarm(session, UUID(question.instance.removeprefix("alert:")), now)
        if question.resumes is not None:
            before = await questions.get(session, question.conversation_id, question.resumes)
            if before is not None:
                replies.append(Reply.from_json(before.reply))
        return replies


def _opts(text: str, state: State) -> Opt | None:
    """An opt-out or -in. A "T" alone is one only where it answers neither a question nor the coming appointment."""
    if (word := opt_word(text)) is not None:
        return word
    nothing_open = state.question is None and state.coming is None
    return "content" if nothing_open and refusal(text) == "t" else None


def _may_mean_the_coming_one(message: InboundMessage) -> bool:
    text = message.text or ""
    return message.kind == "text" and (refusal(text) is not None or number_in(text) is not None)


def after_the_line(message: InboundMessage, now: datetime) -> datetime:
    """When the delivery worker may take an answer: at once, unless the callback still waits to give it back itself."""
    return max(now, message.passive_until) if message.passive_until is not None else now


def _what_to_resume(question: OpenQuestion | None) -> UUID | None:
    """The question an alert interrupts; a second alert in a row keeps what the first interrupted."""
    if question is None:
        return None
    passing = question.instance.startswith(("alert:", voices.INSTANCE))
    return question.resumes if passing else question.id


async def _asks_for_words(session: AsyncSession, conversation_id: UUID) -> bool:
    response = await questionnaires.active(session, conversation_id)
    item = await questionnaires.current_item(session, response) if response is not None else None
    return item is not None and not item.choices


def _safety_reply(found: ScreenResult, text: str, on_duty: bool) -> Reply:
    if english.speaks_it(text, found.rule):
        return english.safety(found.verdict, on_duty, FALSE_ALARM, LATER)
    if found.verdict == "emergency":
        return Reply("safety.emergency", options=(Option("false_alarm", "误报，继续", intent=FALSE_ALARM),))
    if on_duty:
        return Reply(
            "safety.crisis_on_duty",
            options=(
                Option("talk", "愿意", intent="request_human", params={"urgent": True}),
                Option("later", "晚点", intent=LATER),
            ),
        )
    return Reply("safety.crisis")


def _welcome_options() -> tuple[Option, ...]:
    return (
        Option("book", "预约挂号", intent="book_appointment"),
        Option("department", "不知道看哪个科", intent="find_department"),
        Option("bind", "绑定就诊卡", intent="bind_patient"),
        Option("human", "找人工", intent="request_human"),
    )


__all__ = ["Conversation", "ConversationHandler", "Plan", "State", "engine_text"]
