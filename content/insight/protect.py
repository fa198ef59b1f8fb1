"""Small groups: counts from 1 to under the limit are not shown, and neither is what would let them be computed.

Nought is shown: it says nothing of anybody in particular (as in the cell size policy of the US Centers for Medicare & Medicaid
Services, which hides 1 to 10: https://resdac.org/articles/cms-cell-size-suppression-policy). What could be got by adding and
subtracting shown counts is hidden too (complementary suppression: A. Hundepool et al., Statistical Disclosure Control, Wiley 2012,
chapter 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A count that is not shown. `small`: because it is under the limit; else because it would give another away."""

    small: bool


Count = int | Hidden
"""As it may be shown."""


@dataclass(frozen=True, slots=True)
class Sum(Generic[Key]):
    """`total` is the sum of `parts` and of `rest`: people nobody publishes, whom a reader of both would get by subtracting."""

    total: Key
    parts: Sequence[Key]
    rest: int = 0


def protect(counts: Mapping[Key, int], sums: Iterable[Sum[Key]], limit: int) -> dict[Key, Count]:
    """`counts` as they may be shown together, given that everybody knows how they add up.

    Hides more until in every sum with something to keep two numbers are unknown and make up `limit`: first what stands where
    something is hidden already (one small number in a table costs three more so, not a trail through it), then the smallest.
    """
    small = {key for key, count in counts.items() if 0 < count < limit}
    hidden, known = set(small), list(sums)
    of: dict[Key, list[Sum[Key]]] = {}
    for one in known:
        for key in (one.total, *one.parts):
            of.setdefault(key, []).append(one)

    def cost(key: Key) -> tuple[int, int, str]:
        whole = sum(not any(part in hidden for part in one.parts) for one in of.get(key, ()))
        return whole, counts[key], str(key)

    changed = True
    while changed:
        changed = False
        for one in known:
            if choice := _betrays(one, counts, hidden, limit):
                hidden.add(min(choice, key=cost))
                changed = True
    return {key: Hidden(key in small) if key in hidden else count for key, count in counts.items()}


def _betrays(one: Sum[Key], counts: Mapping[Key, int], hidden: set[Key], limit: int) -> Sequence[Key]:
    """Of what one more must be hidden for nothing to be computed from this sum; empty when all is well, or nothing is left."""
    unknown = [key for key in one.parts if key in hidden]
    shown = [key for key in one.parts if key not in hidden and counts[key]]
    if one.total in hidden:
        # Shown parts without a gap would add up to it.
        return shown if not unknown and not one.rest else ()
    if not unknown and not 0 < one.rest < limit:
        return ()
    together = sum(counts[key] for key in unknown) + one.rest
    if len(unknown) + bool(one.rest) >= 2 and together >= limit:
        return ()
    return shown or [one.total]


def nested(keys: Sequence[Key], counts: Mapping[Key, int]) -> list[Sum[Key]]:
    """The sums of counts of which each is part of those before: whoever sees two of them knows how many dropped out between."""
    return [
        Sum(earlier, [later], counts[earlier] - counts[later])
        for place, earlier in enumerate(keys)
        for later in keys[place + 1 :]
    ]
