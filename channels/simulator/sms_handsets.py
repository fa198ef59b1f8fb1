"""The phones themselves, whichever vendor reaches them: what they show, and what keeps a message from arriving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from channels.simulator.transcript import Transcripts

Fate = Literal["delivered", "blocked", "off", "keyword"]


@dataclass(frozen=True, slots=True)
class UpResult:
    """Whether the callback took the answer, and after how many deliveries."""

    status: Literal["ok", "failed"]
    deliveries: int


class Line(Protocol):
    """One vendor's side of the phones. `name` is the driver's."""

    name: str

    async def up(self, number: str, text: str) -> UpResult:
        """A patient's answer (`number` is E.164) leaves for the hospital; returns when it was taken or given up."""
        ...


def parts_of(text: str) -> int:
    """Messages a carrier charges, signature included: one up to 70 UTF-16 units, else one for every 67
    (https://help.aliyun.com/document_detail/414224.html)."""
    units = len(text.encode("utf-16-le", "replace")) // 2
    return 1 if units <= 70 else -(-units // 67)


class Handsets:
    """All phones by E.164 number. An answer goes out on the line that wrote last."""

    def __init__(self, transcripts: Transcripts) -> None:
        self.transcripts = transcripts
        self.lines: dict[str, Line] = {}
        self.default = ""
        self.off: set[str] = set()
        self.blocked: set[str] = set()
        """On a carrier's blacklist: nothing arrives."""
        self.keywords: set[str] = set()
        """Words a carrier filters."""
        self._last: dict[str, str] = {}

    def add_line(self, line: Line) -> None:
        """The first line takes the answers of phones nobody wrote to yet, unless `default` names another."""
        self.lines[line.name] = line

    def show(self, number: str, text: str, parts: int, line: str) -> Fate:
        """A message on its way to the phone; one that does not arrive is not shown."""
        self._last[number] = line
        fate = self.fate(number, text)
        if fate == "delivered":
            self.transcripts.add(number, "out", text, "sms", parts=parts)
        return fate

    def fate(self, number: str, text: str) -> Fate:
        if number in self.blocked:
            return "blocked"
        if any(word in text for word in self.keywords):
            return "keyword"
        return "off" if number in self.off else "delivered"

    async def answer(self, number: str, text: str) -> UpResult:
        """The patient writes back."""
        self.transcripts.add(number, "in", text, "text")
        name = self._last.get(number) or self.default or next(iter(self.lines))
        return await self.lines[name].up(number, text)

    def set_state(self, number: str, *, off: bool | None = None, blocked: bool | None = None) -> None:
        for wanted, numbers in ((off, self.off), (blocked, self.blocked)):
            if wanted is not None:
                (numbers.add if wanted else numbers.discard)(number)

    def reset(self, keywords: Iterable[str] = ()) -> None:
        self.off.clear()
        self.blocked.clear()
        self._last.clear()
        self.keywords = set(keywords)
