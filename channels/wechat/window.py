"""How many customer-service messages an openid may still get, and until when.

Source: https://developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage (5 in 48 h
after a message, 3 in a minute after a menu click, a follow or a scan). That a tap on a msgmenu item counts
as a click, and that grants do not add up but take the larger count and the later end, are third-party
readings of WeChat's notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from channels.ports import Inbound

Grant = Literal["message", "click", "follow", "scan", "menu"]

RULES: dict[Grant, tuple[int, timedelta]] = {
    "message": (5, timedelta(hours=48)),
    "click": (3, timedelta(seconds=60)),
    "follow": (3, timedelta(seconds=60)),
    "scan": (3, timedelta(seconds=60)),
    "menu": (3, timedelta(seconds=60)),
}
_EVENTS: dict[str, Grant] = {
    "click": "click",
    "scancode_push": "click",
    "scancode_waitmsg": "click",
    "subscribe": "follow",
    "scan": "scan",
}


@dataclass(frozen=True, slots=True)
class Window:
    """`remaining` messages may be sent before `expires_at`; `None` when nothing was ever granted."""

    remaining: int = 0
    expires_at: datetime | None = None

    def left(self, now: datetime) -> int:
        """Messages that may be sent at `now`."""
        return self.remaining if self.expires_at is not None and now < self.expires_at else 0

    def grant(self, kind: Grant, now: datetime) -> Window:
        """After the patient did `kind`: the larger count and the later end."""
        count, lasts = RULES[kind]
        end = now + lasts
        if self.left(now) and self.expires_at is not None:
            return Window(max(self.remaining, count), max(self.expires_at, end))
        return Window(count, end)

    def spend(self, now: datetime) -> Window:
        """After one message was accepted; `ValueError` when none was left."""
        if not self.left(now):
            raise ValueError("no customer-service message is left")
        return Window(self.remaining - 1, self.expires_at)

    def closed(self) -> Window:
        """After the vendor said 45015 or 45047: it knows better."""
        return Window(0, self.expires_at)


def grant_of(message: Inbound) -> Grant | None:
    """What `message` grants, `None` for what grants nothing (`view`, `location`, `unsubscribe`…)."""
    if message.kind == "event":
        return _EVENTS.get(message.event)
    return "menu" if message.option_ref else "message"
