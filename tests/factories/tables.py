"""A small table of the tests' own, for what the store does with any table."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Integer, MetaData, String
from sqlalchemy.orm import registry

from store.base import Base, EncryptedJson, EncryptedText, Mapped, mapped_column, sealed_column, uuid_pk
from store.leases import Leased

OWN = MetaData(naming_convention=Base.metadata.naming_convention)
"""Not the house's metadata: migrations know nothing of these tables."""


class OwnBase(Base):
    __abstract__ = True
    metadata = OWN
    registry = registry(metadata=OWN, type_annotation_map=Base.type_annotation_map)


class Job(OwnBase, Leased):
    """A leased row."""

    __tablename__ = "test_job"

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(40), unique=True)
    number: Mapped[int] = mapped_column(Integer, default=0)
    secret = EncryptedText()
    secret_sealed: Mapped[bytes | None] = sealed_column()
    facts = EncryptedJson()
    facts_sealed: Mapped[bytes | None] = sealed_column()
