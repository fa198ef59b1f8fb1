"""Which of a system's ids is which of ours, what is said to a system and by it, where it and we disagree, how it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import (
    Base,
    EncryptedJson,
    EncryptedText,
    UtcDateTime,
    mapped_column,
    sealed_column,
    uuid_pk,
)
from store.leases import Leased


class RefKind(StrEnum):
    """What an id of another system names, in FHIR's words."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    SERVICE = "service"
    SLOT = "slot"
    APPOINTMENT = "appointment"
    ENCOUNTER = "encounter"
    CONDITION = "condition"
    PROCEDURE = "procedure"
    REPORT = "report"


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class Said(StrEnum):
    """Where a message stands.

    `SENT`: it is on its way, or was when the process died: whoever takes it over asks before saying it again. `UNCERTAIN`: asked after,
    not answered yet. `SETTLED`: a person looked, or it was overtaken before it left. `DEAD`: nobody tries any more, people must look.
    """

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    SETTLED = "settled"
    DEAD = "dead"


OPEN = (Said.QUEUED, Said.SENT, Said.UNCERTAIN)
"""It will be tried, or asked after, again."""


class ExternalRef(Base):
    """One id of one system. `our_id` is a row of ours of that kind; several ids may name one (a merged patient).

    `etag`: the version of it that we know, where the system has such a thing.
    """

    __tablename__ = "external_ref"
    __table_args__ = (
        Index(None, "system", "kind", "external_hash", unique=True),
        Index(None, "kind", "our_id", "system"),
    )

    id: Mapped[UUID] = uuid_pk()
    system: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    external_id = EncryptedText()
    external_id_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    external_hash: Mapped[str] = mapped_column(String(64))
    our_id: Mapped[UUID]
    etag: Mapped[str | None] = mapped_column(String(120))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SystemMessage(Leased, Base):
    """Something said to a system (`out`) or by one (`in`), once a `key`.

    `kind`: `book`, `cancel`, `move`, or the system's own word (`ADT^A03`). `subject_id`: the row of ours it is about.
    `asked`: how often it was asked after since it was last said. `reason` is a code of
    `data/seed/system_words.yml`; `answer` what the system itself said.
    """

    __tablename__ = "system_message"
    __table_args__ = (
        Index(None, "system", "direction", "key", unique=True),
        Index(None, "subject_id"),
        Index(None, "status", "created_at"),
        Index(None, "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    system: Mapped[str] = mapped_column(String(20))
    direction: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(160))
    subject_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    body = EncryptedJson()
    body_sealed: Mapped[bytes | None] = sealed_column()
    answer = EncryptedText()
    answer_sealed: Mapped[bytes | None] = sealed_column()
    status: Mapped[str] = mapped_column(String(10), default=Said.QUEUED)
    reason: Mapped[str | None] = mapped_column(String(40))
    asked: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by: Mapped[UUID | None]
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()


class ConflictKind(StrEnum):
    """How the system and we came to differ; what it says is done."""

    FILLED = "filled"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    MOVED = "moved"
    NOT_CANCELLED = "not_cancelled"
    NOT_MOVED = "not_moved"
    UNKNOWN = "unknown"
    DOUBLED = "doubled"
    UNREAD = "unread"
    SLOT_CHANGED = "slot_changed"


class SystemConflict(Base):
    """Where the system decided otherwise, for staff to see. `key` keeps one case one row.

    `was` and `now_start`: when we had it, when it has it.

    `settled_at`: somebody has seen to it; `note` is theirs.
    """

    __tablename__ = "system_conflict"
    __table_args__ = (Index(None, "settled_at", "at"), Index(None, "patient_id"))

    id: Mapped[UUID] = uuid_pk()
    key: Mapped[str] = mapped_column(String(160), unique=True)
    system: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    was: Mapped[datetime | None] = mapped_column(UtcDateTime)
    now_start: Mapped[datetime | None] = mapped_column(UtcDateTime)
    said = EncryptedText()
    said_sealed: Mapped[bytes | None] = sealed_column()
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by: Mapped[UUID | None]
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()


class SystemState(Base):
    """How a system is, and how far we have read it. `cursor` is its own word for "since then"; `failing_since` None: it answers."""

    __tablename__ = "system_state"

    system: Mapped[str] = mapped_column(String(20), primary_key=True)
    cursor: Mapped[str | None] = mapped_column(String(200))
    cursor_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure: Mapped[str | None] = mapped_column(String(40))
    slots_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    slots_seen: Mapped[int] = mapped_column(Integer, default=0)
    slots_unknown: Mapped[int] = mapped_column(Integer, default=0)
