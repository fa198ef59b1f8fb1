"""Items as replies: what is asked, with its options or without, for WeChat and within what an SMS can hold."""

from __future__ import annotations

import re
from typing import Any, Literal

from actions.turn import option
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import Position
from care.questionnaires.parts import Definition, Item
from care.questionnaires.reading.words import words
from care.questionnaires.showing import in_words
from care.questionnaires.values import NUMBERS
from channels.reply import Option, Reply
from channels.wording.catalogue import SMS_VARIABLE_LIMIT
from channels.wording.labels import label

QUESTIONNAIRE = "questionnaire:"
"""What `OpenQuestion.instance` of an item begins with."""
WANTS, NUMBER = "wants", "number"
"""In a reply's params: what is wanted where there are no options."""
_SMS_OPTIONS = 4
_MENU = 5
"""Options a WeChat menu holds (channels.md: our own rule, the limit is not published); more are numbered lines all the same."""


def fits(definition: Definition, channel: Literal["wechat", "sms"], item: Item) -> bool:
    """Whether `item` can be asked there: an SMS holds four options, or a list that fits two variables."""
    if channel not in definition.channels:
        return False
    return channel != "sms" or not _is_list(item) or _is_scale(item) or _listed_sms(item) is not None


def question(
    definition: Definition, response: QuestionnaireResponse, here: Position, item: Item, *, sms: bool
) -> Reply:
    """The item as it is asked now. Without options it still opens a question: the answer is typed."""
    survey = definition.purpose == "survey"
    params: dict[str, Any] = {
        "n": here.number,
        "count": here.total,
        "question": _asked(item, here),
        "question_short": re.split("[。？?]", item.text)[0],
    }
    options = () if item.repeats else _options(item, response)
    key = "survey.item" if survey else "questionnaire.item"
    if item.repeats or (sms and _is_list(item) and not _is_scale(item)):
        key = "survey.list" if survey else "questionnaire.list"
        params["listed"] = "\n".join(f"{n} {one.label}" for n, one in enumerate(item.choices, 1))
        params |= (_listed_sms(item) or {}) if sms else {}
        if sms and len(_listed_sms(item) or {}) > 1:
            params["sms_key"] = f"{key}_long"
    elif not survey and _is_scale(item) and len(options) == _MENU:
        params["sms_key"] = "questionnaire.scale"
    if not options and item.type in NUMBERS:
        params[WANTS] = NUMBER
    return Reply(key, params, options, instance=f"{QUESTIONNAIRE}{response.id}:{item.link_id}")


def _asked(item: Item, here: Position) -> str:
    """The question; the first of a group brings the group's heading."""
    items = here.definition.items
    at = items.index(item)
    heads = item.group and (at == 0 or items[at - 1].group != item.group)
    return f"{item.group}\n{item.text}" if heads else item.text


def _options(item: Item, response: QuestionnaireResponse) -> tuple[Option, ...]:
    known = {"response": response.id.hex, "link": item.link_id, "revision": response.revision}
    if item.type == "boolean":
        names = (
            ("have", "have_not")
            if any(one in item.text for one in words().list("have"))
            else ("is", "is_not")
        )
        return tuple(
            _chosen(str(value).lower(), label(f"answer_{name}"), value, known)
            for value, name in zip((True, False), names, strict=True)
        )
    return tuple(_chosen(one.code, one.label, one.code, known) for one in item.choices)


def _chosen(name: str, said: str, value: Any, known: dict[str, Any]) -> Option:
    made = option(name, said, **known)
    return Option(made.id, made.label, made.intent, {**made.params, "answer": value})


def doubt(response: QuestionnaireResponse, item: Item, doubted: dict[str, Any]) -> Reply:
    """Is it really meant? Yes stores it, no asks again."""
    known = {"response": response.id.hex, "link": item.link_id, "revision": response.revision}
    yes = Option("yes", label("answer_right"), "choose", {**known, "sure": True})
    again = Option("again", label("answer_again"), "choose", {**known, "again": True})
    instance = f"{QUESTIONNAIRE}{response.id}:{item.link_id}:sure"
    if doubted.get("rest"):
        params = {"listed": "\n".join(doubted["names"]), "count": len(doubted["names"])}
        return Reply("questionnaire.sure_rest", params, (yes, again), instance=instance)
    said = in_words(item, doubted["value"])
    if doubted.get("second") is not None:
        said = f"{doubted['value']:g}/{doubted['second']:g}{item.unit or ''}"
    key = "questionnaire.implausible" if doubted["why"] == "implausible" else "questionnaire.sure"
    return Reply(key, {"said": said}, (yes, again), instance=instance)


def _is_list(item: Item) -> bool:
    return bool(item.choices) and (item.repeats or len(item.choices) > _SMS_OPTIONS)


def _is_scale(item: Item) -> bool:
    """Five steps whose ends say enough."""
    ranked = [one.ordinal for one in item.choices]
    return (
        not item.repeats
        and ranked == [1, 2, 3, 4, 5]
        and all(len(one.label) <= _MENU for one in item.choices)
    )


def _listed_sms(item: Item) -> dict[str, str] | None:
    """The options in one or two variables of an SMS; None: they do not fit."""
    lines = [f"{n}{one.label}" for n, one in enumerate(item.choices, 1)]
    if len(whole := " ".join(lines)) <= SMS_VARIABLE_LIMIT:
        return {"listed_a": whole}
    for at in range(len(lines) - 1, 0, -1):
        first, rest = " ".join(lines[:at]), " ".join(lines[at:])
        if len(first) <= SMS_VARIABLE_LIMIT:
            return {"listed_a": first, "listed_b": rest} if len(rest) <= SMS_VARIABLE_LIMIT else None
    return None
