"""Small definitions to try rules on."""

from __future__ import annotations

from typing import Any

from care.questionnaires import extensions as ext
from care.questionnaires.definition import Definition, read_definition


def questionnaire(*items: dict[str, Any], extension: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "resourceType": "Questionnaire",
        "status": "active",
        "name": "check",
        "version": "1",
        "title": "复查",
        "item": list(items),
        **({"extension": extension} if extension else {}),
    }


def definition(*items: dict[str, Any], extension: list[dict[str, Any]] | None = None) -> Definition:
    return read_definition(questionnaire(*items, extension=extension))


def points(link_id: str, *ordinals: float, **more: Any) -> dict[str, Any]:
    """A choice whose codes are a, b, c… with these points."""
    options = [
        {
            "valueCoding": {
                "code": chr(97 + at),
                "display": f"选项{at}",
                "extension": [{"url": ext.ORDINAL, "valueDecimal": one}],
            }
        }
        for at, one in enumerate(ordinals)
    ]
    return {"linkId": link_id, "type": "choice", "text": f"问题{link_id}", "answerOption": options, **more}


def number(link_id: str, kind: str = "decimal", **more: Any) -> dict[str, Any]:
    return {"linkId": link_id, "type": kind, "text": f"问题{link_id}", **more}


def scale(code: str, *items: str, **parts: Any) -> dict[str, Any]:
    """Our scale extension; `bands`: (low, high, title, says)."""
    bands = parts.pop("bands", ())
    inner: list[dict[str, Any]] = [
        {"url": "code", "valueCode": code},
        {"url": "title", "valueString": parts.pop("title", "总分")},
        *({"url": "item", "valueString": one} for one in items),
        *({"url": "reverse", "valueString": one} for one in parts.pop("reverse", ())),
    ]
    inner += [
        {"url": key.replace("_", "-"), "valueCode" if isinstance(one, str) else "valueInteger": one}
        for key, one in parts.items()
    ]
    for low, high, title, says in bands:
        band = [
            {"url": "low", "valueDecimal": low},
            {"url": "high", "valueDecimal": high},
            {"url": "title", "valueString": title},
        ]
        inner.append(
            {"url": "band", "extension": [*band, *([{"url": "says", "valueString": says}] if says else [])]}
        )
    return {"url": ext.SCALE, "extension": inner}


def rule(
    code: str, *when: tuple[str, str, str, Any], behavior: str | None = None, severity: str = "urgent"
) -> dict[str, Any]:
    """Our red-flag extension; `when`: (on, of, operator, value)."""
    inner: list[dict[str, Any]] = [
        {"url": "code", "valueCode": code},
        {"url": "severity", "valueCode": severity},
        {"url": "title", "valueString": f"规则{code}"},
        {"url": "says", "valueCode": "flag.nurse"},
    ]
    if behavior:
        inner.append({"url": "behavior", "valueCode": behavior})
    for on, of, operator, value in when:
        key = {bool: "valueBoolean", str: "valueString", int: "valueInteger", float: "valueDecimal"}[
            type(value)
        ]
        parts = {"on": on, "of": of, "operator": operator}
        inner.append(
            {
                "url": "when",
                "extension": [
                    *({"url": name, "valueCode": one} for name, one in parts.items()),
                    {"url": "value", key: value},
                ],
            }
        )
    return {"url": ext.RED_FLAG, "extension": inner}
