"""Who a plan is played with: a synthetic patient and what they do, from a line such as `female 67 I50 silent dies:20`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ACTS = ("opts-out", "dies", "readmitted", "visits", "withdraws")
"""What may happen on a day: `dies:20`."""
_CODE = re.compile(r"[A-Z]\d[0-9A-Z.x]*")
MOST = 20
"""Personas of one run."""


class PersonaError(ValueError):
    """A word of a persona that means nothing. `word`: which."""

    def __init__(self, word: str) -> None:
        super().__init__(f"{word!r} means nothing here; known: answers silent unwell, wechat sms, female male, an age, "
                         f"ICD-10 codes, {' '.join(f'{one}:DAY' for one in ACTS)}")  # fmt: skip
        self.word = word


@dataclass(frozen=True, slots=True)
class Persona:
    """`answers`: fills in questionnaires two hours after they arrive (`unwell`: so that red flags rise) and picks up the phone.
    `acts`: what happens on which day from the anchor. `codes`: diagnoses beside the plan's own."""

    said: str
    answers: bool = True
    unwell: bool = False
    sex: str = ""
    age: int = 0
    channels: tuple[str, ...] = ("wechat", "sms")
    codes: tuple[str, ...] = ()
    acts: tuple[tuple[str, int], ...] = ()


def read_persona(text: str) -> Persona:
    """Raises `PersonaError` naming the word."""
    answers, unwell, sex, age = True, False, "", 0
    channels: list[str] = []
    codes: list[str] = []
    acts: list[tuple[str, int]] = []
    words = text.split()
    for word in words:
        name, _, day = word.partition(":")
        if word in ("answers", "silent"):
            answers = word == "answers"
        elif word == "unwell":
            unwell = True
        elif word in ("female", "male"):
            sex = word
        elif word in ("wechat", "sms"):
            channels.append(word)
        elif word.isdigit() and int(word) < 120:
            age = int(word)
        elif name in ACTS and day.isdigit() and int(day) <= 400:
            acts.append((name, int(day)))
        elif _CODE.fullmatch(word):
            codes.append(word)
        else:
            raise PersonaError(word)
    return Persona(
        said=" ".join(words) or "answers",
        answers=answers,
        unwell=unwell,
        sex=sex,
        age=age,
        channels=tuple(channels) or ("wechat", "sms"),
        codes=tuple(codes),
        acts=tuple(acts),
    )


def read_personas(lines: Sequence[str]) -> list[Persona]:
    """A cohort; nobody named is one who answers. Raises `PersonaError`."""
    found = [read_persona(line) for line in lines if line.strip()]
    return found[:MOST] or [read_persona("answers")]
