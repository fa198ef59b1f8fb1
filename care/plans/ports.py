"""What plans need of the rooms above: the ways a touch leaves, how much a person may get, who belongs to an audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.rules import GateRules
from care.patients.models import Patient
from care.plans.definition import Step
from care.plans.models import Touch


@dataclass(frozen=True, slots=True)
class Left:
    """It is on its way: `key` is the message's `dedup_key`, or the response's or call's own key."""

    key: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It waits until then, if its limit allows."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Never:
    """It does not leave at all."""

    reason: str


Outcome: TypeAlias = Left | NotNow | Never


class Way(Protocol):
    """Hands a touch over in the caller's transaction, once a touch and version however often it is called."""

    async def __call__(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome: ...


class Ways(Protocol):
    """One a kind of step (`actions.plans`)."""

    async def prepare(self, session: AsyncSession, patients: Sequence[Patient], now: datetime) -> Ways:
        """The ways for these patients in this transaction: what is known of all of them is read at once, and what is said to them is
        written at once by `leave`."""
        ...

    async def leave(self, session: AsyncSession) -> None:
        """Write what was said since `prepare`."""
        ...

    @property
    def message(self) -> Way: ...
    @property
    def article(self) -> Way: ...
    @property
    def questionnaire(self) -> Way: ...
    @property
    def reminder(self) -> Way: ...
    @property
    def offer(self) -> Way: ...
    @property
    def call(self) -> Way: ...


class Audiences(Protocol):
    """Who belongs to an audience (`content.audiences`, a room above)."""

    async def members(self, session: AsyncSession, name: str) -> Select[Any] | None:
        """A select of the ids of its members; None when there is no such audience."""
        ...


class Nobody:
    """An installation without audiences."""

    async def members(self, session: AsyncSession, name: str) -> Select[Any] | None:
        return None


@dataclass(frozen=True, slots=True)
class Ports:
    """What the tick works with. `rules`: the gate's, for the burden cap the tick plans by; the gate has the last word."""

    ways: Ways
    rules: GateRules = field(default_factory=GateRules)
    audiences: Audiences = field(default_factory=Nobody)


def key_of(care_plan_id: UUID, step: str, version: int) -> str:
    """The natural key of what a touch becomes."""
    return f"plan:{care_plan_id}:{step}:{version}"


def touch_key(touch: Touch) -> str:
    return key_of(touch.care_plan_id, touch.step, touch.version)
