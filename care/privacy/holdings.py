"""What is held of whom, table by table (`data/seed/holdings.yml`): the one source of deletion, retention and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import yaml
from sqlalchemy import ColumnElement, Table, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.privacy.consents import is_young
from channels.contacts.models import Conversation
from store.base import Base

FILE = Path(__file__).parents[2] / "data" / "seed" / "holdings.yml"
Act = Literal["delete", "blank", "keep", "own"]


@dataclass(frozen=True, slots=True)
class Keep:
    """After `days` from the moment in column `after`, `act`. `unless`: a `table.column` that still points at the row."""

    after: str
    days: int
    act: Literal["delete", "blank"]
    law: str
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """One entry of the file. `of`: owner → column."""

    table: str
    kind: str
    of: Mapping[str, str]
    on_deletion: Act
    stranger: Act
    blank: tuple[str, ...]
    law: str
    where: Mapping[str, tuple[str, ...]]
    where_not: Mapping[str, tuple[str, ...]]
    keep: Keep | None

    @property
    def rows(self) -> Table:
        return Base.metadata.tables[self.table]

    @property
    def condition(self) -> ColumnElement[bool]:
        """Which rows of the table the entry speaks of."""
        c = self.rows.c
        parts = [c[column].in_(values) for column, values in self.where.items()]
        parts += [c[column].not_in(values) for column, values in self.where_not.items()]
        return and_(*parts) if parts else and_(True)

    def act_for(self, *, stranger: bool) -> Act:
        return self.stranger if stranger else self.on_deletion


@dataclass(frozen=True, slots=True)
class Book:
    """The file. `laws` and `kinds`: codes in words; `nobody`: tables that hold nothing of a patient, and why."""

    laws: Mapping[str, str]
    kinds: Mapping[str, str]
    holdings: tuple[Holding, ...]
    nobody: Mapping[str, str]


@cache
def book() -> Book:
    raw = yaml.safe_load(FILE.read_text("utf-8"))
    made = tuple(_holding(entry) for entry in raw["tables"])
    for one in made:
        if one.kind not in raw["kinds"] or (one.on_deletion == "keep" and one.law not in raw["laws"]):
            raise ValueError(f"holdings.yml: {one.table} names a kind or law the file does not know")
    return Book(raw["laws"], raw["kinds"], made, raw["nobody"])


def _holding(raw: Mapping[str, Any]) -> Holding:
    keep = raw.get("keep")
    return Holding(
        table=raw["table"],
        kind=raw["kind"],
        of=raw["of"],
        on_deletion=raw["on_deletion"],
        stranger=raw.get("stranger", raw["on_deletion"]),
        blank=tuple(raw.get("blank", ())),
        law=raw.get("law", ""),
        where={column: tuple(values) for column, values in raw.get("where", {}).items()},
        where_not={column: tuple(values) for column, values in raw.get("where_not", {}).items()},
        keep=Keep(keep["after"], keep["days"], keep["do"], keep["law"], keep.get("unless", ""))
        if keep
        else None,
    )


# --- whose ---


@dataclass(frozen=True, slots=True)
class Whose:
    """One person as we know them: their own record and those of their children under 14, every contact that is theirs, with its
    conversation. `others`: people whose record the contact may act for, but whose data are theirs to ask for."""

    patients: tuple[UUID, ...] = ()
    contacts: tuple[UUID, ...] = ()
    conversations: tuple[UUID, ...] = ()
    others: tuple[UUID, ...] = field(default=())

    @property
    def stranger(self) -> bool:
        """Never bound to anybody: what they wrote is no part of a medical record."""
        return not self.patients and not self.others


async def whose(session: AsyncSession, contact_id: UUID, today: date) -> Whose:
    """The person behind a contact. A grown-up's record is the grown-up's, whoever is bound to it (PIPL art. 44-47, 31)."""
    own: list[Patient] = []
    others: list[Patient] = []
    for one in await patients.patients_of_contact(session, contact_id):
        child = one.relation is Relation.CHILD and is_young(one.patient, today)
        (own if one.relation is Relation.SELF or child else others).append(one.patient)
    contacts = await patients.own_contacts(session, contact_id)
    talks = await session.scalars(select(Conversation.id).where(Conversation.contact_id.in_(contacts)))
    return Whose(tuple(one.id for one in own), tuple(contacts), tuple(talks), tuple(one.id for one in others))


def rows_of(holding: Holding, who: Whose) -> ColumnElement[bool]:
    """Which rows of the holding are this person's."""
    tables, c = Base.metadata.tables, holding.rows.c
    inbound, outbound = tables["inbound_message"].c, tables["outbound_message"].c
    ids: dict[str, Any] = {
        "patient": who.patients,
        "contact": who.contacts,
        "conversation": who.conversations,
        "subject": (*who.patients, *who.contacts),
        "inbound": select(inbound.id).where(inbound.contact_id.in_(who.contacts)),
        "outbound": select(outbound.id).where(outbound.contact_id.in_(who.contacts)),
    }
    theirs: list[ColumnElement[bool]] = [c[column].in_(ids[owner]) for owner, column in holding.of.items()]
    # A task or answer about somebody else's record is theirs, whoever wrote it.
    if who.others and "patient" in holding.of and holding.of["patient"] == "patient_id":
        about = c.patient_id
        theirs = [and_(one, or_(about.is_(None), about.not_in(who.others))) for one in theirs]
    return and_(or_(*theirs) if theirs else false(), holding.condition)


@dataclass(frozen=True, slots=True)
class Held:
    holding: Holding
    number: int


async def count(session: AsyncSession, who: Whose) -> list[Held]:
    """How many rows of each holding are this person's; those without any are left out."""
    found: list[Held] = []
    for one in book().holdings:
        if not one.of:
            continue
        number = await session.scalar(select(func.count()).select_from(one.rows).where(rows_of(one, who)))
        if number:
            found.append(Held(one, number))
    return found
