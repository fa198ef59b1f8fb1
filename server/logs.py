"""Logging: one JSON line an event (a readable one on a terminal), and nothing a patient wrote in it."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)")
_ID_CARD = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_OPENID = re.compile(r"(?<![\w-])o[\w-]{27}(?![\w-])", re.ASCII)
_SAID = re.compile(r"[\u3400-\u9fff]+")
"""Chinese in an exception or its traceback: our own are English, so it is what a patient wrote, or a name."""
_TOKEN = re.compile(r"(access_token|secret|token|key)=([^&\s\"']+)", re.IGNORECASE)
_PRIVATE = frozenset(
    {"text", "body", "address", "openid", "phone", "name", "reply", "raw", "note", "message"}
)


def redact(text: str) -> str:
    """`text` without phone numbers, ID numbers, openids and tokens."""
    text = _PHONE.sub("<phone>", text)
    text = _OPENID.sub("<openid>", text)
    text = _ID_CARD.sub("<id>", text)
    return _TOKEN.sub(r"\1=<secret>", text)


def redact_error(text: str) -> str:
    """As `redact`, for exceptions and tracebacks: they quote what they could not handle."""
    return _SAID.sub("<said>", redact(text))


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in list(event.items()):
        if key in _PRIVATE and key != "event":
            event[key] = "<redacted>"
        elif key == "exception" and isinstance(value, str):
            event[key] = redact_error(value)
        elif isinstance(value, str):
            event[key] = redact(value)
    return event


class _RedactingFormatter(logging.Formatter):
    """The whole line, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatException(self, ei: Any) -> str:
        return redact_error(super().formatException(ei))


def set_up(level: str) -> None:
    """Configure structlog and the standard library's logging."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("aiosqlite", "asyncio", "uvicorn.access", "jieba", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
