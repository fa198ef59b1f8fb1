"""Things that go wrong on purpose, taken in the order they were ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = frozenset(
    {
        "hang_after",  # accepted, then no answer for `value` seconds (default 30)
        "hang_before",  # no answer for `value` seconds, nothing accepted
        "slow",  # `value` seconds late, otherwise right
        "http",  # HTTP status `value` (default 500), nothing accepted
        "http_after",  # the same, but accepted
        "html",  # a gateway's page with status 200, nothing accepted
        "errcode",  # the vendor's code `value`, nothing accepted
        "no_errcode",  # accepted, answered `{}`
        "duplicate_push",  # the callback is called twice at once
        "late_push",  # the callback is called `value` seconds late
        "slow_push",  # the callback's body drips in over `value` seconds (slow loris)
        "bad_signature",  # the callback's signature is wrong
        "stale_push",  # the callback's timestamp is an hour old
        "lost_receipt",  # no delivery report
        "duplicate_receipt",  # the delivery report twice
        "early_receipt",  # the delivery report before the answer
        "failed_receipt",  # a delivery report of failure with code `value`
        "drop_before",  # the connection is cut, nothing accepted (CMPP)
        "drop_after",  # the same, but accepted
        "wrong_length",  # accepted, answered with a header that lies about its length (CMPP)
    }
)


@dataclass(slots=True)
class Fault:
    """`kind` happens to the next `count` calls whose path contains `path` (every call or push when empty)."""

    kind: str
    count: int = 1
    path: str = ""
    value: float | str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")

    def seconds(self, default: float) -> float:
        return default if self.value is None else float(self.value)


class Faults:
    """The faults still to happen."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, kinds: frozenset[str] | set[str], path: str = "") -> Fault | None:
        """The first waiting fault of `kinds` that fits `path`, used up by one."""
        for fault in self._waiting:
            if fault.kind in kinds and fault.path in path:
                fault.count -= 1
                if fault.count <= 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        return [{"kind": f.kind, "count": f.count, "path": f.path, "value": f.value} for f in self._waiting]
