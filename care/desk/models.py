"""Work for people, and who is in charge of a conversation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class TaskKind(StrEnum):
    HUMAN_REQUEST = "human_request"
    UNCERTAIN_SEND = "uncertain_send"
    DEAD_LETTER = "dead_letter"
    CALL = "call"
    ALERT = "alert"
    CORRECTION = "correction"
    COMPLAINT = "complaint"
    PRIVACY = "privacy"
    MEDIA = "media"
    VOICE = "voice"
    FOLLOW_UP = "follow_up"


class DeskTask(Base):
    """Something a person must do. `dedup_key` makes a replay open it once.

    `status`: `open`, `taken`, `done`. `note` is what it is about, `remark` what staff wrote about doing it; `outcome` how a call
    ended, `tries` how often nobody answered it.
    """

    __tablename__ = "desk_task"
    __table_args__ = (Index(None, "status", "due_at"), Index(None, "kind", "created_at"))

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    conversation_id: Mapped[UUID | None] = mapped_column(index=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    status: Mapped[str] = mapped_column(String(10), default="open")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    assigned_to: Mapped[UUID | None]
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by: Mapped[UUID | None]
    remark = EncryptedText()
    remark_sealed: Mapped[bytes | None] = sealed_column()
    outcome: Mapped[str | None] = mapped_column(String(12))
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class CallOutcome(StrEnum):
    """How a call ended. `NO_ANSWER` and `LATER` leave the task open, due again."""

    REACHED = "reached"
    FAMILY = "family"
    NO_ANSWER = "no_answer"
    LATER = "later"
    WRONG = "wrong"


class Handoff(Base):
    """Who answers a conversation now. One row a conversation; `state`: `waiting`, `taken`, `back`.

    `taken` without `staff_id`: passed on to a colleague (`for_staff`) or a position or department (`for_group`) who has not taken
    it yet; the bot stays silent. `due_at`: by when an answer was promised. `answered_at`: the first answer by a person since it
    was asked for, `last_staff_at` the last sign of one. `owner_id`: who answered first and answers for it (首问负责), whoever has it
    now. `summary` is what the nurse leaves for the bot and for whoever comes next.
    """

    __tablename__ = "handoff"

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(unique=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(String(10), index=True)
    staff_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None] = mapped_column(index=True)
    for_staff: Mapped[UUID | None]
    for_group: Mapped[str | None] = mapped_column(String(40))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_staff_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    summary = EncryptedText()
    summary_sealed: Mapped[bytes | None] = sealed_column()


class EntryKind(StrEnum):
    """What people did with a conversation, or wrote beside it."""

    ASKED = "asked"
    TAKEN = "taken"
    PASSED = "passed"
    BACK = "back"
    STALE = "stale"
    NOTE = "note"


class DeskEntry(Base):
    """One step of a conversation at the desk, for staff only. `text`: a private note, the reason it was passed on, or the
    summary it was handed back with."""

    __tablename__ = "desk_entry"
    __table_args__ = (Index(None, "conversation_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(10))
    staff_id: Mapped[UUID | None]
    to_staff: Mapped[UUID | None]
    to_group: Mapped[str | None] = mapped_column(String(40))
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column()


class DeskSeen(Base):
    """Until when a member of staff has seen a conversation."""

    __tablename__ = "desk_seen"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CannedReply(Base):
    """Words to answer with, by a short title; nothing about a patient. `owner_id` None: everybody's."""

    __tablename__ = "canned_reply"

    id: Mapped[UUID] = uuid_pk()
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(600))
    changed_by: Mapped[UUID | None]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
