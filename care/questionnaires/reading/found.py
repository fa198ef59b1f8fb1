"""What comes of reading an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from care.questionnaires.values import Why


@dataclass(frozen=True, slots=True)
class Read:
    """`value`: as `definition.asked` has it; None: skipped. `second`: the answer to the item's pair."""

    value: Any
    second: Any = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Probably `value`; said so loosely that it is asked back."""

    value: Any
    second: Any = None


@dataclass(frozen=True, slots=True)
class Unread:
    why: Why


Found = Read | Doubt | Unread
