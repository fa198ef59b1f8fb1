"""What operators watch of the channels (Prometheus)."""

from __future__ import annotations

from functools import cache
from typing import Any

from prometheus_client import Counter, Histogram

RECEIVED = Counter("banyi_inbound_total", "Inbound messages stored", ["channel"])
SENT = Counter("banyi_send_total", "Tries to send, by outcome", ["channel", "rung", "outcome"])
WECHAT_ERRORS = Counter(
    "banyi_wechat_errors_total", "errcodes WeChat answered with, by endpoint", ["account", "path", "errcode"]
)
SEND_SECONDS = Histogram("banyi_send_seconds", "Seconds a vendor took to take a message", ["channel"])
DECIDED = Counter("banyi_gate_total", "Messages the gate did not let leave, by what became of them", ["end"])


def sent(channel: str, rung: str, outcome: str, seconds: float) -> None:
    """One try."""
    _counter(channel, rung, outcome).inc()
    _seconds(channel).observe(seconds)


@cache
def _counter(channel: str, rung: str, outcome: str) -> Any:
    return SENT.labels(channel, rung, outcome)


@cache
def _seconds(channel: str) -> Any:
    return SEND_SECONDS.labels(channel)
