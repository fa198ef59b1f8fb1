"""What a step of words says by SMS: its own short text or the text itself, as a template of its own, since vendors send nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from care.plans.definition import Plan
from care.plans.errors import words
from channels.wording.catalogue import Template, make_template

SPOKEN = ("message", "reminder")
"""Kinds whose words stand in the plan itself."""
_ENDS = "\u3002\uff01!.\uff1b\uff0c "


def key_of(plan: str, step: str) -> str:
    """The template's name."""
    return f"plan:{plan}:{step}"


def said(kind: str, content: Mapping[str, Any], channel: str | None) -> str:
    """The words of a step, with `{landline}` and the vendor's `${name}` still to be filled in; "" where it says none by SMS."""
    text = str(content.get("sms") or content.get("text") or "").strip()
    if kind not in SPOKEN or channel == "wechat" or not text:
        return ""
    return words()("sms", kind, text=" ".join(text.split()).rstrip(_ENDS))


def templates(plan: Plan) -> list[Template]:
    """One a step of words that may go by SMS."""
    found = [(one.id, said(one.kind, one.content, one.channel)) for one in plan.steps]
    return [make_template(key_of(plan.name, step), 0, text) for step, text in found if text]
