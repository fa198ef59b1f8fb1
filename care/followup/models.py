"""The calls of the day with each step of theirs, and who is lost to follow-up."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class CallStatus(StrEnum):
    """`DROPPED`: nobody need ring any more (died, refused, moved, withdrawn with its plan); the reason says which."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    DROPPED = "dropped"


LIVE = (CallStatus.OPEN, CallStatus.TAKEN)


class CallOutcome(StrEnum):
    """接通、未接、错号、拒访. A call nobody answered is open again until the tries are used up."""

    CONNECTED = "connected"
    NO_ANSWER = "no_answer"
    WRONG_NUMBER = "wrong_number"
    REFUSED = "refused"


class FollowUpCall(Base):
    """Somebody is to be rung on `due_on` (the hospital's day). `key` makes a replay open it once.

    `script` names a template of `data/seed/followup_words.yml`, or is the words themselves (a plan's step writes its own);
    `questionnaire` is filled while speaking, `response_id` the answers. `source`: `plan`, `lost`, `staff`, `chase`. `plan`: the
    plan's name, `touch_id` its touch. `attempts`: how often nobody answered, `next_at`: not before (the redial rule).
    `owner_id`: who has it. `reason`: why it was dropped, or what ended it (`unreachable`). `undo_until`: so long its last outcome can
    be taken back.
    """

    __tablename__ = "follow_up_call"
    __table_args__ = (Index(None, "status", "due_on"), Index(None, "done_at"))

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    due_on: Mapped[date] = mapped_column(Date)
    script = EncryptedText()
    script_sealed: Mapped[bytes | None] = sealed_column()
    questionnaire: Mapped[str | None] = mapped_column(String(80))
    response_id: Mapped[UUID | None]
    source: Mapped[str] = mapped_column(String(12))
    plan: Mapped[str | None] = mapped_column(String(120))
    touch_id: Mapped[UUID | None] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(String(10), default=CallStatus.OPEN)
    outcome: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner_id: Mapped[UUID | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undo_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StepKind(StrEnum):
    OPENED = "opened"
    TAKEN = "taken"
    PASSED = "passed"
    BACK = "back"
    CALLED = "called"
    UNDONE = "undone"
    DROPPED = "dropped"


class FollowUpStep(Base):
    """One step of a call's life, never changed. `by`: the member of staff, empty: the house itself. `to`: whom it was passed on to."""

    __tablename__ = "follow_up_step"
    __table_args__ = (Index(None, "call_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    call_id: Mapped[UUID] = mapped_column(ForeignKey("follow_up_call.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(10))
    by: Mapped[UUID | None]
    to: Mapped[UUID | None]
    outcome: Mapped[str | None] = mapped_column(String(12))
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()


class Stage(StrEnum):
    """How far it has gone. `DOCTOR`: the responsible doctor was told; `PATIENT`: the patient was written to; `CALL`: somebody
    rings; `LOST`: all of it was in vain, or the reason rules more out; `RECOVERED`: a visit, an answer or a reply came."""

    DOCTOR = "doctor"
    PATIENT = "patient"
    CALL = "call"
    LOST = "lost"
    RECOVERED = "recovered"


class LossReason(StrEnum):
    """Why nobody comes or answers. `OVERDUE`: nothing is known yet."""

    OVERDUE = "overdue"
    UNREACHABLE = "unreachable"
    UNFOLLOWED = "unfollowed"
    WRONG_NUMBER = "wrong_number"
    REFUSED = "refused"
    MOVED = "moved"
    TRANSFERRED = "transferred"
    DIED = "died"


RUNNING = (Stage.DOCTOR, Stage.PATIENT, Stage.CALL)
_RUNNING_SQL = text("stage IN ('doctor', 'patient', 'call')")


class Loss(Base):
    """One patient who is overdue, from the day it is noticed to how it ended.

    `rule`: of `data/seed/followup_rules.yml`. `since`: the due revisit, or the last visit or sign of life, that the days are counted from.
    `next_at`: when the next stage begins. `told`: the stage's word has left (task, message or call written). `word_at`: when the day's
    gathered word to the responsible doctor was written, `word_id` that word (empty: there was nobody it could reach).
    `recovered_by`: `visit`, `answer`, `reply`, `staff` (somebody has spoken with them).
    """

    __tablename__ = "loss_to_follow_up"
    __table_args__ = (
        Index("uq_loss_key", "patient_id", "rule", "since", unique=True),
        Index(
            "uq_loss_running",
            "patient_id",
            unique=True,
            sqlite_where=_RUNNING_SQL,
            postgresql_where=_RUNNING_SQL,
        ),
        Index(None, "stage", "next_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    rule: Mapped[str] = mapped_column(String(40))
    since: Mapped[date] = mapped_column(Date)
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("healthcare_service.id"))
    stage: Mapped[str] = mapped_column(String(10), default=Stage.DOCTOR)
    reason: Mapped[str] = mapped_column(String(12), default=LossReason.OVERDUE)
    told: Mapped[bool] = mapped_column(default=False)
    word_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    word_id: Mapped[UUID | None]
    noticed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stage_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recovered_by: Mapped[str | None] = mapped_column(String(10))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
