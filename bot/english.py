"""Patients who write no Chinese: what can be said in English, and a person. Pure: texts and options, no database.

The forms and the FAQ speak Chinese. A half-translated booking would be worse than none, so English leads to the few facts a
stranger needs and to staff; danger is answered in English first of all.
"""

from __future__ import annotations

from typing import Any, Literal

from channels.reply import Option, Reply
from channels.wording.labels import label
from language.foreign import Foreign, Topic, topic

PATH = "_english"
"""What an option means without the engine: the text on `params["topic"]`."""
PERSON = "_english_person"
"""Staff, told in English first."""
SAYS = "english"
"""In an option's params: its answer is English as well."""


def answers(text: str, language: Foreign | None) -> Reply | None:
    """The answer to a text in another language; None for everything that goes the usual way."""
    if language is None:
        return None
    return about(topic(text) if language == "english" else "any")


def wants_person(text: str, language: Foreign | None) -> bool:
    """Whether an English text asks for staff outright."""
    return language == "english" and topic(text) == "person"


def about(what: Topic | str) -> Reply:
    """The English text on a topic."""
    person = Option("person", label("en_person"), PERSON)
    if what == "appointment":
        book = Option("book", label("en_book_in_chinese"), "book_appointment")
        return Reply("english.appointment", {}, (Option("person", label("en_book_for_me"), PERSON), book))
    if what == "address":
        return Reply("english.address")
    return Reply(
        "english.menu",
        {},
        (
            Option("appointment", label("en_appointment"), PATH, {"topic": "appointment"}),
            Option("address", label("en_address"), PATH, {"topic": "address"}),
            person,
        ),
    )


def speaks_it(rule: str, language: Foreign | None) -> bool:
    """Whether a danger was told in English or another foreign language (`rule`: what the screen fired on)."""
    return rule.startswith("en_") or language is not None


def safety(
    verdict: Literal["emergency", "crisis"] | str, on_duty: bool, false_alarm: str, later: str
) -> Reply:
    """As the Chinese texts of safety; `false_alarm` and `later` are the conversation's own meanings of those options."""
    params: dict[str, Any] = {SAYS: True}
    if verdict == "emergency":
        return Reply(
            "english.emergency", {}, (Option("false_alarm", label("en_false_alarm"), false_alarm, params),)
        )
    if not on_duty:
        return Reply("english.crisis")
    talk = Option("talk", label("en_yes_talk"), PERSON, {"urgent": True})
    return Reply("english.crisis_on_duty", {}, (talk, Option("later", label("en_later"), later, params)))
