"""Tables of staff accounts, their sessions and their recovery codes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Integer, String, false

from store.base import Base, EncryptedText, Mapped, mapped_column, sealed_column, uuid_pk


class Role(StrEnum):
    """What a member of staff may do; one person may hold several. `ADMIN` may open every page."""

    EDITOR = "editor"
    CLINICAL_REVIEWER = "clinical_reviewer"
    NURSE = "nurse"
    DOCTOR = "doctor"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


SEES_PATIENTS = frozenset(Role)
"""Roles whose pages show health data or who it belongs to: they need a second factor where it is required.

All of them today: editors and reviewers see through an audience's rule why somebody is in it.
"""


class Stage(StrEnum):
    """What a sign-in still waits for, in this order; only a `FULL` session opens pages."""

    CODE = "code"
    """The second factor's code."""
    PASSWORD = "password"  # noqa: S105  a stage, not a password
    """A password of one's own instead of the start password."""
    ENROL = "enrol"
    """Setting up the second factor."""
    FULL = "full"


class StaffUser(Base):
    """A member of staff.

    `username` is in lower case. `password_hash` is empty for who only comes by the hospital's sign-on
    (`external_id`: its issuer and subject). `locked_until` is set after too many failed tries. The second
    factor counts from `totp_since` on; before that `totp_secret` is one being set up. `totp_last_step` is the
    30-second step of the last code taken: none of that step or an older one is taken again.
    """

    __tablename__ = "staff_user"

    id: Mapped[UUID] = uuid_pk()
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(255))
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    failed_tries: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    external_id: Mapped[str | None] = mapped_column(String(512), unique=True)
    totp_secret_sealed: Mapped[bytes | None] = sealed_column()
    totp_secret = EncryptedText()
    totp_since: Mapped[datetime | None]
    totp_last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    last_sign_in_at: Mapped[datetime | None]


class StaffSession(Base):
    """A signed-in browser, or one on its way. Only its token's SHA-256 is stored: a copy of the table opens nothing.

    `way`: `password` or `oidc`. `address` and `agent` are what the browser came from and called itself.
    """

    __tablename__ = "staff_session"

    id: Mapped[UUID] = uuid_pk()
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    stage: Mapped[str] = mapped_column(String(10), default=Stage.FULL, server_default=Stage.FULL)
    way: Mapped[str] = mapped_column(String(10), default="password", server_default="password")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(200), default="", server_default="")


class RecoveryCode(Base):
    """A code that stands in once for a lost second factor; only its keyed hash is stored, and the row goes when it is used."""

    __tablename__ = "staff_recovery_code"

    id: Mapped[UUID] = uuid_pk()
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
