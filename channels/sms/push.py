"""The shape of a vendor's callbacks: what `channels.sms.callback` hands to a driver, and what it gets back."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import orjson

from channels.ports import Inbound, Receipt
from channels.sms.port import CallbackAccount
from store.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Push:
    """One call as it came. `target` is the path with its query, as the vendor wrote it; header names are lower-case."""

    target: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Parsed(Generic[T]):
    """What could be read, and why the rest could not; a problem's words hold no part of the body."""

    items: list[T] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Unreadable(ValueError):
    """An item that lacks what it must have; the message holds no part of the item."""


class Callbacks(Protocol):
    """One account's callbacks. `accepted` is the exact answer, of type `media_type`, that ends the vendor's repetitions."""

    @property
    def account(self) -> CallbackAccount: ...

    accepted: bytes
    media_type: str

    def genuine(self, push: Push) -> bool:
        """Whether the vendor's signature is right; `True` for vendors that do not sign."""
        ...

    def inbound(self, push: Push) -> Parsed[Inbound]: ...

    def receipts(self, push: Push) -> Parsed[Receipt]: ...


class JsonCallbacks(ABC):
    """Implements `Callbacks` for a vendor that pushes JSON objects, unsigned. `single_reply`: an answer may come as one bare
    object."""

    accepted: bytes
    media_type = "application/json"
    single_reply: ClassVar[bool] = False

    def __init__(self, account: CallbackAccount, clock: Clock) -> None:
        self.account = account
        self._clock = clock

    def genuine(self, push: Push) -> bool:
        return True

    def inbound(self, push: Push) -> Parsed[Inbound]:
        parsed: Parsed[Inbound] = Parsed()
        items = json_objects(push.body, parsed.problems, single=self.single_reply)
        return read_each(items, self._inbound, parsed)

    def receipts(self, push: Push) -> Parsed[Receipt]:
        parsed: Parsed[Receipt] = Parsed()
        return read_each(json_objects(push.body, parsed.problems), self._receipt, parsed)

    @abstractmethod
    def _inbound(self, item: Mapping[str, Any]) -> Inbound:
        """One answer of a patient. Raises `Unreadable`."""

    @abstractmethod
    def _receipt(self, item: Mapping[str, Any]) -> Receipt:
        """One delivery report. Raises `Unreadable`."""


def read_each(
    items: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], T | None], parsed: Parsed[T]
) -> Parsed[T]:
    """Every item through `read`, good ones beside bad ones; `None` is nothing to keep."""
    for item in items:
        try:
            if (made := read(item)) is not None:
                parsed.items.append(made)
        except Unreadable as error:
            parsed.problems.append(str(error))
    return parsed


def json_objects(body: bytes, problems: list[str], *, single: bool = False) -> list[Mapping[str, Any]]:
    """The objects of a JSON array; with `single` of one bare object too. What is neither becomes a problem."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        problems.append("not JSON")
        return []
    if single and isinstance(content, dict):
        return [content]
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        problems.append("not an array of objects")
        return []
    return content


def text_of(item: Mapping[str, Any], name: str, limit: int) -> str:
    """A single value as text without NUL, empty when missing. Raises `Unreadable`."""
    value = item.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(f"{name} is not a single value")
    text = str(value).replace("\x00", "")
    if len(text) > limit:
        raise Unreadable(f"{name} is too long")
    return text


def digest(*parts: str) -> str:
    """A key for what has none: the same for the same parts."""
    return hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()[:40]
