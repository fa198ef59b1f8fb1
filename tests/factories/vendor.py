"""A vendor that answers as a test tells it to, and remembers what reached it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from channels.ports import Outcome, Rendered, SendResult

Answer = SendResult | Exception | Callable[[], SendResult]


@dataclass
class Vendor:
    """Implements `channels.ports.Sender`. `answers` are given in turn, then everything is accepted.

    `takes` seconds pass before each answer; `most` is how many it had in hand at once.
    """

    answers: list[Answer] = field(default_factory=list)
    takes: float = 0.0
    got: list[tuple[str, Rendered, str]] = field(default_factory=list)
    in_hand: int = 0
    most: int = 0

    @property
    def texts(self) -> list[str]:
        return [message.text for _, message, _ in self.got]

    @property
    def refs(self) -> list[str]:
        """The ids of the messages that arrived, in order."""
        return [ref for _, _, ref in self.got]

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        self.got.append((address, message, client_ref))
        self.in_hand += 1
        self.most = max(self.most, self.in_hand)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.in_hand -= 1
        if not self.answers:
            return SendResult(Outcome.ACCEPTED, vendor_id=f"v-{client_ref}")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    async def close(self) -> None:
        return
