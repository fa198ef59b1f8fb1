"""How a value is shown: addresses masked, times of the hospital, codes in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from store.clock import Clock
from web.words import Words

TEMPLATES = Path(__file__).parent / "templates"


def masked(channel: str, address: str) -> str:
    """Enough of an address to recognise it, too little to use it: `138****1234`, `oAbC…9xYz`."""
    if channel == "sms":
        digits = address.removeprefix("+86")
        return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 8 else "****"
    return f"{address[:4]}…{address[-4:]}" if len(address) > 10 else f"{address[:2]}…"


class OpsWords(Words):
    """`words.yml`, and the gate's words for its reasons (`explain`)."""

    def __init__(self, explain: Callable[[str], str] | None = None) -> None:
        super().__init__(TEMPLATES / "words.yml")
        self._explain = explain

    def __call__(self, kind: str, code: object, **values: object) -> str:
        return "" if code is None or code == "" else super().__call__(kind, code, **values)

    def reason(self, code: str | None) -> str:
        """Why a message did not go out: the gate's words, ours, or the vendor's code."""
        if not code:
            return ""
        head, _, rest = code.partition(":")
        if head == "vendor":  # a hold the delivery set by itself
            return self("reasons", head, said=self("codes", rest))
        for key in (code, head):
            if (text := self._words["reasons"].get(key)) is not None:
                return f"{text}（{rest}）" if key == head and rest else text
        if code in self._words["codes"]:
            return self._words["codes"][code]
        said = self._explain(code) if self._explain is not None else code
        return said or code


class Times:
    """Moments as the hospital's staff read them."""

    def __init__(self, clock: Clock, words: Words) -> None:
        self._clock = clock
        self._words = words

    def at(self, moment: datetime | None) -> str:
        """Today only the time, else with the date; empty for None."""
        if moment is None:
            return ""
        local, today = self._clock.local(moment), self._clock.local().date()
        if local.date() == today:
            return local.strftime("%H:%M:%S")
        return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")

    def full(self, moment: datetime) -> str:
        return self._clock.local(moment).strftime("%Y-%m-%d %H:%M:%S")

    def hour(self, moment: datetime) -> str:
        return self._clock.local(moment).strftime("%H:00")

    def day(self, moment: datetime) -> str:
        return self._clock.local(moment).strftime("%m-%d")

    def ago(self, moment: datetime | None) -> str:
        """`moment` as how long ago; empty for None."""
        return "" if moment is None else self.lasted(self._clock.now() - moment)

    def lasted(self, span: timedelta | float | None) -> str:
        """A span (or seconds) in its largest unit."""
        if span is None:
            return ""
        seconds = int(span.total_seconds() if isinstance(span, timedelta) else span)
        for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
            if seconds >= size:
                return self._words("spans", name, n=seconds // size)
        return self._words("spans", "seconds", n=max(0, seconds))
