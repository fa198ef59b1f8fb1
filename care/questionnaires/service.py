"""Questionnaires and the responses to them: what other rooms call, from the modules that do it."""

from __future__ import annotations

from care.questionnaires.answering import answer, answer_rest, back, position, skip
from care.questionnaires.outcomes import (
    Accepted,
    By,
    Doubted,
    Invalid,
    NotOpen,
    Outcome,
    Overtaken,
    Position,
    Value,
)
from care.questionnaires.publishing import latest, publish, publish_shipped
from care.questionnaires.responses import (
    LIFETIME,
    active,
    assign,
    definition_of,
    expire,
    get,
    is_open,
    open_of,
    open_of_any,
    pause,
    result_of,
    resume,
    start,
    stop,
)

__all__ = [
    "LIFETIME",
    "Accepted",
    "By",
    "Doubted",
    "Invalid",
    "NotOpen",
    "Outcome",
    "Overtaken",
    "Position",
    "Value",
    "active",
    "answer",
    "answer_rest",
    "assign",
    "back",
    "definition_of",
    "expire",
    "get",
    "is_open",
    "latest",
    "open_of",
    "open_of_any",
    "pause",
    "position",
    "publish",
    "publish_shipped",
    "result_of",
    "resume",
    "skip",
    "start",
    "stop",
]
