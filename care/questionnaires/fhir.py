"""A response as a FHIR R4 QuestionnaireResponse, its scores in extensions of ours beside the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from care.questionnaires import extensions as ext
from care.questionnaires.definition import asked
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.parts import Definition, Item
from care.questionnaires.scoring import Score, scores

SCORE = f"{ext.OURS}response-score"
CHANNEL = f"{ext.OURS}response-channel"


def response_resource(definition: Definition, response: QuestionnaireResponse) -> dict[str, Any]:
    """The row as JSON, valid by fhir.resources (R4B package). Holds a patient's answers: who calls records the look."""
    from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse as Resource

    answers: Mapping[str, Any] = response.answers or {}
    items = [one for one in asked(definition, answers) if one.link_id in answers]
    channel = [{"url": CHANNEL, "valueCode": response.channel}] if response.channel else []
    extension = [*channel, *(_score(one) for one in scores(definition, answers).values())]
    raw = {
        "resourceType": "QuestionnaireResponse",
        "id": str(response.id),
        "questionnaire": f"{definition.url}|{definition.version}",
        "status": str(response.status),
        "authored": (response.completed_at or response.updated_at).isoformat(),
        **({"extension": extension} if extension else {}),
        **({"subject": {"reference": f"Patient/{response.patient_id}"}} if response.patient_id else {}),
        **({"item": list(_nested(items, answers, 0))} if items else {}),
    }
    valid: dict[str, Any] = Resource.model_validate(raw).model_dump(mode="json")
    return valid


def _nested(items: list[Item], answers: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """The items within the groups the definition has them in."""
    for group, inside in groupby(items, lambda one: one.path[depth] if len(one.path) > depth else None):
        if group is None:
            yield from (_item(one, answers.get(one.link_id)) for one in inside)
        else:
            yield {"linkId": group, "item": list(_nested(list(inside), answers, depth + 1))}


def _item(item: Item, answer: Any) -> dict[str, Any]:
    given = answer if isinstance(answer, list) else [] if answer is None else [answer]
    values = [_value(item, one) for one in given]
    return {"linkId": item.link_id, "text": item.text, **({"answer": values} if values else {})}


def _value(item: Item, answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {"valueString": str(answer.get("other", ""))}
    if item.choices:
        choice = next((one for one in item.choices if one.code == answer), None)
        if choice is None:
            return {"valueString": str(answer)}
        points = [] if choice.ordinal is None else [{"url": ext.ORDINAL, "valueDecimal": choice.ordinal}]
        return {
            "valueCoding": {
                "code": choice.code,
                "display": choice.label,
                **({"extension": points} if points else {}),
            }
        }
    match item.type:
        case "boolean":
            return {"valueBoolean": answer}
        case "integer":
            return {"valueInteger": int(answer)}
        case "decimal":
            return {"valueDecimal": answer}
        case "quantity":
            unit = {"unit": item.unit, "system": ext.UCUM, "code": item.unit_code}
            return {"valueQuantity": {"value": answer, **unit}}
        case "date":
            return {"valueDate": answer}
        case _:
            return {"valueString": str(answer)}


def _score(score: Score) -> dict[str, Any]:
    band = [{"url": "band", "valueString": score.band}] if score.band else []
    parts = [
        {"url": "scale", "valueCode": score.scale},
        {"url": "title", "valueString": score.title},
        {"url": "value", "valueDecimal": score.value},
    ]
    return {"url": SCORE, "extension": [*parts, *band]}
