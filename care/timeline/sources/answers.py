"""Questionnaires: what was answered, with the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from care.timeline.ports import Entry, Who
from care.timeline.words import words

_TONES = {"completed": "badge-success", "in-progress": "badge-info"}


@dataclass(frozen=True, slots=True)
class Answers:
    """Implements `TimelineSource`."""

    name: str = "answer"
    kind: str = "answer"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(QuestionnaireResponse.updated_at, QuestionnaireResponse.id).where(
            QuestionnaireResponse.patient_id == who.patient_id
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.execute(
            select(QuestionnaireResponse, Questionnaire)
            .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
            .where(QuestionnaireResponse.id.in_(keys))
        )
        return {response.id: self._entry(response, definition) for response, definition in rows}

    @staticmethod
    def _entry(row: QuestionnaireResponse, questionnaire: Questionnaire) -> Entry:
        return Entry(
            at=row.updated_at,
            title=questionnaire.title,
            marks=[
                *([(words("channels", row.channel), "badge-ghost")] if row.channel else []),
                (words("states", row.status), _TONES.get(row.status, "badge-ghost")),
            ],
            facts=_scores(row),
            pairs=_pairs(questionnaire.definition, row.answers or {}),
        )


def _scores(row: QuestionnaireResponse) -> list[str]:
    """Every scale with its value and band; the bare sum where no scale was counted."""
    if not row.scores:
        return [words("facts", "score", score=row.score)] if row.score is not None else []
    return [
        words(
            "facts",
            "scale_band" if one.get("band") else "scale",
            title=one.get("title") or scale,
            value=f"{one['value']:g}",
            band=one.get("band"),
        )
        for scale, one in row.scores.items()
        if one.get("value") is not None
    ]


def _pairs(definition: Mapping[str, Any], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Question and answer in the definition's order, the answers in the patient's words for them."""
    found = []
    for item in _items(definition.get("item", ())):
        if item["linkId"] in answers:
            labels = {
                one["valueCoding"]["code"]: one["valueCoding"].get("display", one["valueCoding"]["code"])
                for one in item.get("answerOption", ())
                if "valueCoding" in one
            }
            found.append((item.get("text", item["linkId"]), _said(answers[item["linkId"]], labels)))
    return found


def _items(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Groups opened."""
    found: list[Mapping[str, Any]] = []
    for item in items:
        found += [item, *_items(item.get("item", ()))]
    return found


def _said(value: Any, labels: Mapping[str, str]) -> str:
    match value:
        case None:
            return words("answers", "skipped")
        case bool():
            return words("answers", "yes" if value else "no")
        case list():
            return words("answers", "and").join(_said(one, labels) for one in value)
        case {"other": text}:
            return str(text)
        case float() if value == int(value):
            return str(int(value))
        case _:
            return labels.get(str(value), str(value))
