"""Who reads which variation: the parts of an article that fit a person's profile, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from content.articles.doc import ArticleDoc, Audience, Variation

_HEADING = re.compile(r"^(#{1,4})\s+(.+?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of the reader; None: unknown. `age` in years, `weeks` of pregnancy or after surgery, `conditions` ICD-10 codes."""

    sex: str | None = None
    age: int | None = None
    weeks: int | None = None
    conditions: frozenset[str] = frozenset()
    stage: str | None = None


NOBODY = Profile()
"""A reader nothing is known of, or who switched recommendations off: the general text."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The text for one reader; `variations` are the names of those used, for the answer to "why this"."""

    body: str
    variations: tuple[str, ...]


def fits(when: Audience, profile: Profile) -> bool:
    """Whether every condition that is set holds. What is not known does not hold: the general text is never wrong."""
    if when.sex is not None and when.sex != profile.sex:
        return False
    if when.stage is not None and when.stage != profile.stage:
        return False
    for low, high, value in (
        (when.min_age, when.max_age, profile.age),
        (*(when.weeks or (None, None)), profile.weeks),
    ):
        if low is None and high is None:
            continue
        if value is None or (low is not None and value < low) or (high is not None and value > high):
            return False
    prefixes = tuple(one.upper() for one in when.conditions)
    return not prefixes or any(code.upper().startswith(prefixes) for code in profile.conditions)


def for_profile(doc: ArticleDoc, profile: Profile = NOBODY, *, wechat: bool = False) -> Chosen:
    """The body for a reader: a whole body that fits first, then parts under their headings.

    `wechat`: begin from the WeChat body where there is one. A variation of a heading that is not there changes nothing.
    """
    body = doc.wechat if wechat and doc.wechat else doc.body
    used: list[str] = []
    whole = next((one for one in doc.variations if not one.replaces and fits(one.when, profile)), None)
    if whole is not None:
        body = whole.body
        used.append(whole.name)
    for variation in _first_of_each(doc.variations, profile):
        changed = _replaced(body, variation)
        if changed is not None:
            body = changed
            used.append(variation.name)
    return Chosen(body, tuple(used))


def reader_of(when: Audience) -> Profile:
    """Somebody the conditions are written for: the nearest who fits all of them."""
    first = when.min_age if when.min_age is not None else when.max_age
    return Profile(
        sex=when.sex,
        age=first,
        weeks=when.weeks[0] if when.weeks else None,
        conditions=frozenset(when.conditions[:1]),
        stage=when.stage,
    )


def as_read(doc: ArticleDoc, profile: Profile) -> ArticleDoc:
    """The document with the bodies this reader gets, for every channel."""
    page, wechat = for_profile(doc, profile), for_profile(doc, profile, wechat=True)
    return replace(doc, body=page.body, wechat=wechat.body if doc.wechat else "")


def headings(body: str) -> list[str]:
    """The headings a variation may replace, in order."""
    return [match[2] for _, match in _heads(body.split("\n"))]


def _first_of_each(variations: Iterable[Variation], profile: Profile) -> Iterable[Variation]:
    done: set[str] = set()
    for one in variations:
        if one.replaces and one.replaces not in done and fits(one.when, profile):
            done.add(one.replaces)
            yield one


def _heads(lines: list[str]) -> list[tuple[int, re.Match[str]]]:
    found, fenced = [], False
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)):
            found.append((number, match))
    return found


def _replaced(body: str, variation: Variation) -> str | None:
    """The body with the part under the heading (up to the next one of its level) replaced; None where there is no such heading.

    With an empty text the heading goes too.
    """
    lines = body.split("\n")
    heads = _heads(lines)
    for place, (start, match) in enumerate(heads):
        if match[2] != variation.replaces:
            continue
        level = len(match[1])
        end = next((n for n, other in heads[place + 1 :] if len(other[1]) <= level), len(lines))
        part = ["", *variation.body.strip().split("\n"), ""] if variation.body.strip() else []
        kept = [lines[start]] if part else []
        return "\n".join([*lines[:start], *kept, *part, *lines[end:]]).strip() + "\n"
    return None
