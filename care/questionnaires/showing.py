"""Answers in words, for staff and for asking back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from care.questionnaires.parts import Item
from channels.wording.labels import label


def in_words(item: Item, value: Any) -> str:
    """An answer as people read it; nothing for a skipped one."""
    if isinstance(value, list):
        return "、".join(in_words(item, one) for one in value)
    if isinstance(value, bool):
        return label("answer_yes" if value else "answer_no")
    if isinstance(value, Mapping):
        return str(value.get("other") or "")
    if isinstance(value, int | float):
        return f"{value:g}{item.unit or ''}"
    named = next((one.label for one in item.choices if one.code == value), None)
    return named or str(value or "")
