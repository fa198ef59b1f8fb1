"""What is to be done with one message, from what was read. Pure: no database, no engine.

Safety screen (always, in every state) → opt-out words → a person in charge? to the desk → open question → engine.
"""

from __future__ import annotations

from bot import alarms, asides, english
from bot import media as voices
from bot.choosing import choose, english_person, tap
from bot.plan import Plan, State, Words, engine_text
from bot.ports import Console
from bot.refusing import refused
from bot.resolve import number_in, pick
from bot.shortcuts import MENU, MENU_PARAMS, Opt, opt_word, refusal, resumes, wanted_by
from care.binding import qr
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.media.worker import HEARD, UNREADABLE
from channels.ports import ChannelName
from channels.questions import service as questions
from channels.reply import Option, Reply
from channels.wording.labels import label
from language import wishes
from language.screen import screen
from store.clock import Clock

NUMBER = "smalltalk.number_without_question"
"""Said with a menu: who has only digits gets on from here."""


class Decider:
    """`hears`: voices are written down by a transcriber; otherwise patients are asked to type."""

    def __init__(self, clock: Clock, *, hears: bool = False, console: Console | None = None) -> None:
        self._clock = clock
        self._hears = hears
        self._console = console

    def decide(self, message: InboundMessage, contact: Contact, state: State) -> Plan:
        """What to do with the message."""
        plan = Plan()
        if message.kind == "event":
            return self._event(message, contact, state, plan)
        text = message.text or ""
        words = state.words or Words(text)
        verdict = state.found or screen(text)
        plan.screen = verdict.verdict
        if verdict.verdict != "none":
            plan.alert, plan.aside = verdict.verdict, asides.beside(text, state)
            return plan.says(alarms.answer(verdict, words, state.on_duty), f"screen:{verdict.rule}")
        if (opt := _opts(text, state)) is not None and not message.option_ref and message.kind == "text":
            plan.opt = opt
            return plan.says(Reply(f"consent.{opt}"), f"opt:{opt}")
        if state.taken:
            plan.to_desk = "message"
            plan.resolved = "desk"
            return plan
        if message.kind == "media":
            return _medium(plan, state, *voices.first_answer(message, self._hears), message.event)
        if message.kind == "voice":
            if message.event != HEARD:
                return _medium(plan, state, *voices.unreadable(message), message.event)
            plan.interrupts = True
            return plan.says(voices.ask_back(message, state.question), "voice:heard")
        if message.option_ref:
            return tap(message, state, plan, self._clock.now())
        if not any(character.isalnum() for character in text):
            return plan.says(Reply("common.no_words"), "no_words", reask=state.question is not None)
        return self._text(contact, state, plan, words)

    def _text(self, contact: Contact, state: State, plan: Plan, words: Words) -> Plan:
        text = words.text
        number = number_in(text)
        if number == 0 and not state.wants_number:
            return plan.to_intent("request_human", {}, "digit:0")
        if contact.status == "wrong_number" and number == 1:
            # Whoever said 打错了 is believed until a person has looked.
            plan.to_desk = "correction"
            return plan.says(Reply("holder.wrong_wrote"), "wrong_number")
        if number is not None and state.question is not None and state.unseen:
            # Sent before this was asked (the same digit twice, say): the patient cannot have meant this question.
            return plan.says(Reply("smalltalk.stale_choice"), "number_before_question", reask=True)
        if state.question is not None:
            options = questions.options_of(state.question)
            word = refusal(text)
            no = refused(options, word) if word is not None and not state.unseen else None
            option = no or pick(options, text) or alarms.called_off(options, text)
            if option is not None:
                return choose(plan, state.question, option)
            if number is not None and questions.only_ways(options) and text.strip().isdecimal():
                return plan.says(Reply("form.number_not_offered"), "number_not_offered", reask=True)
        elif state.reminder is not None and (option := pick(questions.options_of(state.reminder), text)):
            return choose(plan, state.reminder, option)
        elif state.coming is not None and refusal(text) is not None:
            which = {"appointment_id": state.coming.hex} if state.reminder is not None else {}
            return plan.to_intent("cancel_appointment", which, "refusal:coming")
        elif number is not None and not state.reminded and text.strip().isdigit() and len(text.strip()) <= 2:
            return plan.says(Reply(NUMBER, options=_number_options(contact)), "number_without_question")
        if (aside := asides.read(text, state)) is not None:
            return asides.take(plan, aside)
        if (written := self._keyword(contact, text)) is not None:
            return plan.says(
                Reply("console.keyword", {"text": written}), "keyword", reask=state.question is not None
            )
        if (state.question is None or state.questioned) and resumes(text):
            return plan.to_intent("start_questionnaire", {}, "resumes")
        if not state.free_words and (wish := wishes.read(text)) is not None:
            return plan.to_intent(*wanted_by(wish), f"wish:{wish.kind}")
        if not state.free_words and (said := english.answers(text, words.language)) is not None:
            if english.wants_person(text, words.language):
                return english_person(plan, {}, "english:person")
            return plan.says(said, said.key)
        plan.engine = (engine_text(text), {"text": engine_text(text)})
        if not state.free_words:
            plan.halves = words.halves
            plan.asked = Reply.from_json(state.question.reply).key if state.question is not None else None
        return plan

    def _event(self, message: InboundMessage, contact: Contact, state: State, plan: Plan) -> Plan:
        plan.resolved = f"event:{message.event}"[:160]
        if message.event in ("subscribe", "scan") and qr.is_ours(message.event_key):
            return self._scanned(message, contact, state, plan)
        if message.event == "subscribe":
            if not state.taken:
                plan.replies.append(self._welcome(contact, _welcome_options()))
        elif message.event == "unsubscribe":
            plan.unfollowed = True
        elif message.event == UNREADABLE:
            if state.taken:
                plan.to_desk = "media"
                return plan
            return _medium(plan, state, *voices.unreadable(message), UNREADABLE)
        elif message.event == "click" and (intent := MENU.get(message.event_key)) is not None:
            if not state.taken:
                wanted = MENU_PARAMS.get(message.event_key, {})
                return plan.to_intent(intent, dict(wanted), f"menu:{message.event_key}")
            plan.to_desk = "click"
        return plan

    def _scanned(self, message: InboundMessage, contact: Contact, state: State, plan: Plan) -> Plan:
        """A binding code was scanned: the engine hears that, never the token."""
        plan.forgets_key = True
        plan.resolved = f"event:{message.event}:binding"
        if state.taken:
            plan.to_desk = "click"
            return plan
        if message.event == "subscribe":
            plan.replies.append(self._welcome(contact))
        return plan.to_intent("bind_patient", {"qr": True}, plan.resolved)

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


def _medium(plan: Plan, state: State, reply: Reply | None, desk: str | None, what: str) -> Plan:
    plan.to_desk = desk
    plan.resolved = f"media:{what or 'other'}"
    if reply is not None:
        plan.replies.append(reply)
        plan.reask = state.question is not None
    return plan


def _opts(text: str, state: State) -> Opt | None:
    """An opt-out or -in. A "T" alone is one only where it answers neither a question nor the coming appointment."""
    if (word := opt_word(text)) is not None:
        return word
    asked = state.question is not None and state.question.instance != NUMBER
    nothing_open = not asked and state.coming is None
    return "content" if nothing_open and refusal(text) == "t" else None


def _welcome_options() -> tuple[Option, ...]:
    return (
        Option("book", label("book"), intent="book_appointment"),
        Option("department", label("which_department"), intent="find_department"),
        Option("bind", label("bind"), intent="bind_patient"),
        Option("human", label("human"), intent="request_human"),
    )


def _number_options(contact: Contact) -> tuple[Option, ...]:
    ways = (
        Option("book", label("book"), intent="book_appointment"),
        Option("mine", label("my_appointments"), intent="check_appointment"),
        Option("queue", label("queue_now"), intent="ask_queue"),
    )
    human = Option("human", label("human"), intent="request_human")
    return ways if contact.channel == ChannelName.SMS else (*ways, human)
