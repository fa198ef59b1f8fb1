"""The articles that fit a person best, with the reason for each. Pure; the rules' tables are `data/seed/recommending.yml`.

In this order: what belongs to this week (of a pregnancy, after an operation) or to the time after a birth, to a new diagnosis, to a
diagnosis, to an age, and what is right for everybody. Within one kind what is written for the newly diagnosed goes first where it
fits, then the shorter article; what is about the person's
own record goes first, and no topic comes twice while there is another of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from content.articles.texts import PublishedText
from content.recommending.person import Person, week_of

FILE = Path(__file__).parents[2] / "data" / "seed" / "recommending.yml"
MOST = 3


class Why(IntEnum):
    """Why an article is recommended, the strongest reason first. The words are labels `recommend_<name>`."""

    PREGNANCY = 1
    SURGERY = 2
    BIRTH = 3
    NEW_DIAGNOSIS = 4
    DIAGNOSIS = 5
    RECORD = 6
    """A diagnosis whose topic is not said to be the reason."""
    AGE = 7
    GENERAL = 8


@dataclass(frozen=True, slots=True)
class Pick:
    """`weeks`: of the pregnancy (completed), or which week after the operation; 0 elsewhere."""

    article: PublishedText
    why: Why
    weeks: int = 0


@cache
def rules() -> dict[str, Any]:
    """`FILE`. Treat as read-only."""
    read: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return read


def recommend(
    articles: Iterable[PublishedText],
    person: Person | None,
    *,
    but: Collection[UUID] = (),
    stopped: Collection[str] = (),
    topic: str = "",
    most: int = MOST,
) -> list[Pick]:
    """The best `most`. `person` None: nothing may be gone by, general articles only. `but`: articles seen; `stopped`: topics.

    `topic`: only of this one, which was asked for by name: then what is right for everybody of it is right.
    """
    found = [
        pick
        for one in articles
        if one.article_id not in but and one.topic not in stopped and (not topic or one.topic == topic)
        if (pick := fit(one, person, asked=bool(topic))) is not None
    ]
    found.sort(key=_order)
    return _varied(found, most) if not topic else found[:most]


def fit(article: PublishedText, person: Person | None, *, asked: bool = False) -> Pick | None:
    """Why this article is right for the person; None where it is not, or not known to be. `asked`: its topic was asked for."""
    if not _may_read(article, person, asked=asked):
        return None
    if person is not None and (timed := _timed(article, person)) is not None:
        return timed
    if article.audience.weeks is not None or article.stage in ("after_birth", "pregnancy"):
        return Pick(article, Why.GENERAL) if asked and person is None else None
    if person is not None and (days := _since(article, person)) is not None:
        if article.topic in rules()["discreet"]:
            return Pick(article, Why.RECORD)
        new = days <= rules()["new_days"]
        if article.stage == "newly_diagnosed" and not new:
            return Pick(article, Why.GENERAL) if asked else None
        return Pick(article, Why.NEW_DIAGNOSIS if new else Why.DIAGNOSIS)
    if person is not None and _of_age(article, person):
        return Pick(article, Why.AGE)
    if asked or (article.topic in rules()["general"] and article.stage in ("any", "prevention")):
        return Pick(article, Why.GENERAL)
    return None


def _may_read(article: PublishedText, person: Person | None, *, asked: bool) -> bool:
    """Sex and age: of somebody nothing is known of, only what every adult may read, or (asked for) anybody."""
    who = article.audience
    sex, age = (person.sex, person.age) if person is not None else (None, None)
    if who.sex is not None and who.sex != sex and not (asked and sex is None):
        return False
    if age is None:
        return asked or ((who.min_age or 0) <= 18 and who.max_age is None)
    return (who.min_age or 0) <= age <= (200 if who.max_age is None else who.max_age) or (
        # A parent asks for a child's.
        asked and who.max_age is not None and who.max_age < 18
    )


def _timed(article: PublishedText, person: Person) -> Pick | None:
    first, last = article.audience.weeks or (0, rules()["after_birth_weeks"])
    if article.stage == "pregnancy":
        weeks = person.weeks_pregnant
        return Pick(article, Why.PREGNANCY, weeks) if weeks is not None and first <= weeks <= last else None
    if article.stage == "after_birth":
        born = person.birth is not None and person.birth // 7 <= last
        return Pick(article, Why.BIRTH) if born else None
    if article.audience.weeks is None:
        return None
    weeks_after = [week_of(days) for days in _operations(article, person)]
    fitting = [week for week in weeks_after if first <= week <= last]
    return Pick(article, Why.SURGERY, min(fitting)) if fitting else None


def _operations(article: PublishedText, person: Person) -> list[int]:
    """Days since the person's operations that the article is about."""
    named = [code for code in article.conditions if code in rules()["operations"]]
    wanted = [prefix for code in named for prefix in rules()["operations"][code]]
    prefixes = tuple(wanted if named else rules()["any_operation"])
    return [days for code, days in person.operations.items() if code.startswith(prefixes)]


def _since(article: PublishedText, person: Person) -> int | None:
    """Days since the newest diagnosis the article is about."""
    only = rules()["only_with"].get(article.topic)
    if only is not None and not any(code.startswith(tuple(only)) for code in person.codes):
        return None
    blocks = rules()["blocks"]
    prefixes = tuple(blocks.get(code, code) for code in article.conditions)
    return min((days for code, days in person.codes.items() if code.startswith(prefixes)), default=None)


def _of_age(article: PublishedText, person: Person) -> bool:
    """Written for an age of its own: children, or people from 40 on, with no illness to have."""
    who = article.audience
    child = who.max_age is not None and who.max_age < 18
    older = article.stage == "prevention" and (who.min_age or 0) >= 50
    return person.age is not None and (child or older)


def _order(pick: Pick) -> tuple[int, int, bool, bool, str]:
    article, general = pick.article, rules()["general"]
    place = general.index(article.topic) if article.topic in general else len(general)
    begins = pick.why is Why.NEW_DIAGNOSIS and article.stage == "newly_diagnosed"
    return (
        pick.why,
        place if pick.why is Why.GENERAL else 0,
        not begins,
        article.form != "short",
        article.slug,
    )


def _varied(found: Sequence[Pick], most: int) -> list[Pick]:
    """The first of each topic before the second of any, in their order; what fits an age or everybody fills up."""
    turns: dict[str, int] = {}
    ranked = []
    for pick in found:
        turns[pick.article.topic] = turns.get(pick.article.topic, 0) + 1
        ranked.append((turns[pick.article.topic], pick))
    first = sorted(ranked, key=lambda one: (one[1].why >= Why.AGE, one[0], one[1].why))
    return [pick for _, pick in first[:most]]
