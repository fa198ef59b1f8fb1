"""The words behind codes: what a rule may name, what it is called, and what is offered while one clicks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.hospital.service import departments
from care.patients.models import PatientTag
from care.questionnaires.definition import read_definition
from care.questionnaires.models import Questionnaire
from content.articles.models import Article
from content.audiences import stages
from content.audiences.data import ROOT, load


@dataclass(frozen=True, slots=True)
class Asked:
    """A questionnaire: its title, its coded or numeric items, and the choices of each."""

    title: str
    items: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Code → name of each list. `tags` are those some patient has."""

    conditions: Mapping[str, str]
    surgeries: Mapping[str, str]
    regions: Mapping[str, str]
    languages: Mapping[str, str]
    sexes: Mapping[str, str]
    channels: Mapping[str, str]
    purposes: Mapping[str, str]
    events: Mapping[str, str]
    stages: Mapping[str, str]
    topics: Mapping[str, str]
    departments: Mapping[str, str] = field(default_factory=dict)
    articles: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    questionnaires: Mapping[str, Asked] = field(default_factory=dict)


@cache
def topics() -> dict[str, str]:
    """The topics of articles."""
    path = ROOT / "data" / "seed" / "article_topics.yml"
    return {key: str(one["name"]) for key, one in yaml.safe_load(path.read_text("utf-8"))["topics"].items()}


async def vocabulary(session: AsyncSession) -> Vocabulary:
    """Everything a rule may name now."""
    codes, words = load("codes"), load("words")
    titles = await session.execute(select(Article.slug, Article.title).order_by(Article.topic, Article.slug))
    tags = await session.scalars(select(PatientTag.tag).distinct().order_by(PatientTag.tag))
    return Vocabulary(
        conditions=codes["conditions"],
        surgeries=codes["surgeries"],
        regions=codes["regions"],
        languages=codes["languages"],
        sexes=words["sexes"],
        channels=words["channels"],
        purposes={one.value: words["purposes"].get(one.value, one.value) for one in Purpose},
        events=words["events"],
        stages=stages.names(),
        topics=topics(),
        departments={row.code: row.name for row in await departments(session)},
        articles={row.slug: row.title for row in titles},
        tags={tag: tag for tag in tags},
        questionnaires=await _questionnaires(session),
    )


async def _questionnaires(session: AsyncSession) -> dict[str, Asked]:
    """The newest version of each; items that take free text cannot be asked for."""
    rows = await session.scalars(
        select(Questionnaire).order_by(Questionnaire.name, Questionnaire.published_at, Questionnaire.id)
    )
    found: dict[str, Asked] = {}
    for row in rows:
        items = [
            one
            for one in read_definition(row.definition).items
            if one.type not in ("text", "date") and not one.repeats
        ]
        choices = {one.link_id: {c.code: c.label for c in one.choices} for one in items if one.choices}
        found[row.name] = Asked(row.title, {one.link_id: one.text for one in items}, choices)
    return found


def named(codes: Mapping[str, str], code: str) -> str | None:
    """The name of the code, or of the longest known beginning of it."""
    for length in range(len(code), 0, -1):
        if (name := codes.get(code[:length])) is not None:
            return name
    return None
