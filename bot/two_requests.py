"""A message with two requests: what is done with each half, and how their answers become one. Pure.

Which of both goes first. A question is answered at once and changes nothing, so it goes first, and the other half has the
conversation afterwards: its form may ask. Of two requests that both ask something, the first is begun and the patient is
told to say the second again: two forms cannot be open at once.

Each half is a turn of its own. The main one bears the message's id, the question one derived from it, so that each is
given once and its effect kept once (`turn_effect` is unique by inbound id), whatever is tried again: also by an engine that,
on the second try, reads the message as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from bot.engine_client import EngineAnswer, Understood
from channels.reply import Reply
from language.requests import by_word

SURE, SURER = 0.6, 0.75
"""Confidence both halves need: with a connecting word between them, and with a mark only."""
QUESTIONS = frozenset(
    {"ask_faq", "ask_medication", "get_report", "ask_doctor", "check_appointment", "ask_queue"}
)
"""Intents whose answer leaves the conversation as it is."""
REQUESTS = frozenset(
    {
        *(
            "book_appointment",
            "cancel_appointment",
            "reschedule_appointment",
            "find_department",
            "describe_symptom",
        ),
        *("bind_patient", "request_human", "complain", "start_questionnaire", "my_data"),
    }
)
_NO_ANSWER = ("unsure.", "form.", "smalltalk.")


@dataclass(frozen=True, slots=True)
class Halves:
    """`main` has the conversation; `aside` is a question answered before it; `later` is left for later. Texts."""

    main: str
    aside: str | None = None
    later: str | None = None


def aside_id(inbound_id: UUID) -> UUID:
    """Under which the question half of a message is given to the engine."""
    return uuid5(inbound_id, "aside")


def plan(text: str, halves: tuple[str, str], heard: Sequence[Understood], *, in_form: bool) -> Halves | None:
    """What to do with both halves; None to take the message as a whole, as ever.

    `in_form`: a question is open, so that a half which is nothing by itself may be its answer.
    """
    least = SURE if by_word(text) else SURER
    kinds = [_kind(one, least) for one in heard]
    first, second = halves
    if in_form and kinds.count("question") == 1 and kinds.count("request") == 0:
        return Halves(second, first) if kinds[0] == "question" else Halves(first, second)
    if "" in kinds:
        return None
    if kinds == ["request", "request"]:
        return Halves(first, later=second) if heard[0].intent != heard[1].intent else None
    if kinds[1] == "question" and kinds[0] == "request":
        return Halves(first, second)
    return Halves(second, first)


def _kind(heard: Understood, least: float) -> str:
    if heard.confidence < least:
        return ""
    return "question" if heard.intent in QUESTIONS else "request" if heard.intent in REQUESTS else ""


def together(
    halves: Halves, main: EngineAnswer, aside: EngineAnswer | None, asked: str | None
) -> EngineAnswer:
    """One answer: what was asked aside, then the main one; `asked`: key of the question that was open before.

    What the aside offered to choose from must not compete with the main one's, and an open question is put once.
    """
    said: list[Reply] = []
    left = halves.later or halves.aside
    if aside is not None:
        keys = {reply.key for reply in main.replies} | {asked}
        said = [
            Reply(r.key, r.params)
            for r in aside.replies
            if r.key not in keys and not r.key.startswith(_NO_ANSWER)
        ]
        left = None if said else left
    if left is None:
        replies = (*said, *main.replies)
    else:
        asks = next((n for n, reply in enumerate(main.replies) if reply.options), len(main.replies))
        again = Reply("common.one_by_one", {"request": left[:30]})
        replies = (*main.replies[:asks], again, *main.replies[asks:])
    return EngineAnswer(main.intent, main.confidence, replies, main.replayed)
