"""The review stages a hospital sets: `data/seed/article_review.yml`, or a file of its own of the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from web.signin.models import Role

FILE = Path(__file__).parents[2] / "data" / "seed" / "article_review.yml"
CLINICAL = frozenset({Role.CLINICAL_REVIEWER.value, Role.DOCTOR.value})
"""Who may sign the last stage."""


class StagesError(ValueError):
    """The file of review stages is wrong; the message names what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One signature. `checks`: key to Chinese words, each to be ticked by who signs. `not_author`: never the author's."""

    key: str
    name: str
    roles: frozenset[str]
    not_author: bool
    checks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """The stages in order, and the terms in days from publishing on. `different_people`: nobody signs two stages of a revision."""

    stages: tuple[Stage, ...]
    review_after_days: int = 365
    expire_after_days: int = 730
    different_people: bool = True

    @classmethod
    def load(cls, path: Path = FILE) -> ReviewRules:
        """Raises `StagesError` when the last stage is not a clinician's other than the author, or something is missing."""
        try:
            raw: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
            rules = cls(
                stages=tuple(_stage(one) for one in raw["stages"]),
                review_after_days=int(raw["review_after_days"]),
                expire_after_days=int(raw["expire_after_days"]),
                different_people=bool(raw["different_people"]),
            )
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise StagesError(f"{path}: {error}") from error
        if not rules.stages:
            raise StagesError(f"{path}: at least one stage is needed")
        last = rules.stages[-1]
        if not last.roles or not last.roles <= CLINICAL or not last.not_author:
            raise StagesError(
                f"{path}: the last stage must be signed by a clinician other than the author:"
                f" roles among {', '.join(sorted(CLINICAL))}, and not_author: true"
            )
        if len({stage.key for stage in rules.stages}) < len(rules.stages):
            raise StagesError(f"{path}: two stages have the same key")
        if not 0 < rules.review_after_days <= rules.expire_after_days:
            raise StagesError(f"{path}: review_after_days must be above 0 and not above expire_after_days")
        return rules


def _stage(raw: Mapping[str, Any]) -> Stage:
    return Stage(
        key=str(raw["key"]),
        name=str(raw["name"]),
        roles=frozenset(Role(one).value for one in raw["roles"]),
        not_author=bool(raw.get("not_author", True)),
        checks={str(key): str(words) for key, words in (raw.get("checks") or {}).items()},
    )
