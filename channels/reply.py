"""What the bot says, before any channel has put it into words.

A `Reply` names a wording (`key`), its parameters and the options the patient may choose from. The channel renders it:
WeChat as text or a menu, SMS as an approved template. Nothing above this room builds a finished sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

JOINED = "joined"
"""The key of several replies sent as one message; `params["parts"]` are they."""


CONTENT = "content"
"""In params: `[ref, revision]` of the reviewed content a reply says (an article's), so that a recall finds who received it."""

SENSITIVE = "sensitive"
"""Set on params that name a sensitive `department`: only what is said inside the conversation may name it."""


def discreet(params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` as an SMS and a lock screen may show them: a sensitive department is called by its `place`."""
    if not params.get(SENSITIVE):
        return dict(params)
    return {**params, "department": params.get("place", "")}


CHOOSE = "choose"
"""The intent of an option that answers the dialogue asking; any other leads elsewhere."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice offered to the patient.

    `id` is unique within its question; `label` is what is shown (Chinese); `intent` and `params` are what choosing it
    means to the engine (`/intent` with `params` in the message's metadata). `digit` is the number to answer with, where it is
    not the option's place: what cannot be undone is confirmed by another digit than the one that led there.
    """

    id: str
    label: str
    intent: str = CHOOSE
    params: dict[str, Any] = field(default_factory=dict)
    digit: int = 0

    def to_json(self) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "id": self.id,
            "label": self.label,
            "intent": self.intent,
            "params": self.params,
        }
        return {**raw, "digit": self.digit} if self.digit else raw

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Option:
        return cls(
            id=str(raw["id"]),
            label=str(raw["label"]),
            intent=str(raw.get("intent", "choose")),
            params=cast("dict[str, Any]", raw.get("params") or {}),
            digit=int(raw.get("digit", 0)),
        )


def digits(options: Sequence[Option]) -> list[int]:
    """The number each option is chosen by: its own, else its place from 1."""
    return [option.digit or place for place, option in enumerate(options, 1)]


@dataclass(frozen=True, slots=True)
class Reply:
    """`key` of the wording, its `params` (plain JSON values) and `options` in the order they are numbered from 1.

    `instance` names what asks, where the key does not say enough; with it even a reply without options opens a question: one that
    is answered in the patient's own words or figures.
    """

    key: str
    params: dict[str, Any] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    instance: str = ""

    @property
    def asks(self) -> bool:
        return bool(self.options or self.instance)

    def parts(self) -> tuple[Reply, ...]:
        """What was put together into it, or itself."""
        if self.key != JOINED:
            return (self,)
        return tuple(Reply.from_json(part) for part in self.params["parts"])

    def content(self) -> tuple[str | None, int | None]:
        """The ref and revision of the reviewed content it says, or nothing."""
        for part in self.parts():
            if (named := part.params.get(CONTENT)) is not None:
                return str(named[0]), int(named[1])
        return None, None

    def to_json(self) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "key": self.key,
            "params": self.params,
            "options": [option.to_json() for option in self.options],
        }
        return {**raw, "instance": self.instance} if self.instance else raw

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Reply:
        return cls(
            key=str(raw["key"]),
            params=cast("dict[str, Any]", raw.get("params") or {}),
            options=tuple(Option.from_json(option) for option in raw.get("options") or ()),
            instance=str(raw.get("instance", "")),
        )


def join_runs(replies: Sequence[Reply]) -> list[Reply]:
    """What is said one after another, as few messages: runs without a question become one each.

    A reply that asks stays by itself: it is said again alone when its question is asked again."""
    joined: list[Reply] = []
    asking = max((n for n, reply in enumerate(replies) if reply.asks), default=-1)
    for asks, run in groupby(enumerate(replies), key=lambda item: item[0] == asking):
        said = [reply for _, reply in run]
        if asks or len(said) == 1:
            joined += said
        else:
            joined.append(
                Reply(JOINED, {"parts": [Reply(reply.key, reply.params).to_json() for reply in said]})
            )
    return joined
