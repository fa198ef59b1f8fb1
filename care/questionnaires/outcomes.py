"""What goes into an answer, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from care.alerts.watching import Raised
from care.questionnaires.definition import Definition, Item
from care.questionnaires.reading import Why


@dataclass(frozen=True, slots=True)
class By:
    """Who answers where. `staff_id`: a nurse writes it down; `inbound_id`: the message it came in."""

    channel: Literal["wechat", "sms", "page", "phone"]
    staff_id: UUID | None = None
    inbound_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """An answer already typed, from a form or a tapped option (see `definition.asked` for the shapes; None: skipped).

    `sure`: confirmed though it is implausible. `second`: the answer to the item's `pair`, as of "140/90".
    """

    value: Any
    sure: bool = False
    second: Any = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a response stands. `item`: what is asked now, `number` of `total` that are asked; None: nothing more, or not open."""

    definition: Definition
    item: Item | None
    number: int
    total: int
    answers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer is stored. `next` is the item to ask; None with `finished`: the response is complete."""

    next: Item | None
    raised: tuple[Raised, ...] = ()
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Doubted:
    """Nothing was stored: is it really meant? Confirmed, it comes back as a sure `Value`.

    `why`: `implausible`; `unclear`: understood, but not said in so many words; `rest`: a "nothing of all that" that would answer `rest`
    (link id → value) too.
    """

    item: Item
    value: Any
    why: Literal["implausible", "unclear", "rest"]
    second: Any = None
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing was stored; ask `item` again and say `why`."""

    why: Why
    item: Item


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was stored: it has been answered elsewhere meanwhile, or is asked no more."""

    position: Position


@dataclass(frozen=True, slots=True)
class NotOpen:
    """The response takes no more answers. `reason`: completed, left, expired, withdrawn, superseded."""

    reason: str


Outcome = Accepted | Doubted | Invalid | Overtaken | NotOpen
