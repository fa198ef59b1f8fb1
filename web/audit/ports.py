"""What the audit pages need from above: this room knows staff, not patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Person:
    """A patient a search found. `subject`: `patient:<id>`; `label`: masked, enough to tell one from another."""

    subject: str
    label: str


class People(Protocol):
    """Patients and what else stands in the trail about them."""

    async def find(self, session: AsyncSession, text: str) -> list[Person]:
        """By record number, phone, identity number or name; a few at most."""

    async def everything(self, session: AsyncSession, subject: str) -> Collection[str]:
        """All subjects that are about the patient `subject`: the patient, contacts, messages, alerts…; `subject` among them."""

    async def labels(self, session: AsyncSession, subjects: Collection[str]) -> Mapping[str, str]:
        """How patients and contacts among `subjects` are called, masked."""
