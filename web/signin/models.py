"""Tables of staff accounts and their sessions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Boolean, ForeignKey, Integer, String

from store.base import Base, Mapped, mapped_column, uuid_pk


class Role(StrEnum):
    """What a member of staff may do; one person may hold several. `ADMIN` may open every page."""

    EDITOR = "editor"
    CLINICAL_REVIEWER = "clinical_reviewer"
    NURSE = "nurse"
    DOCTOR = "doctor"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


class StaffUser(Base):
    """A member of staff. `username` is in lower case; `locked_until` is set after too many failed tries."""

    __tablename__ = "staff_user"

    id: Mapped[UUID] = uuid_pk()
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(255))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    failed_tries: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]


class StaffSession(Base):
    """A signed-in browser. Only its token's SHA-256 is stored, so that a copy of the table opens nothing."""

    __tablename__ = "staff_session"

    id: Mapped[UUID] = uuid_pk()
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
