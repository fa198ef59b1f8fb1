"""Links and codes that lead to a response's page, and how often somebody failed to prove whom it is for. No token is stored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk

_RESPONSE = "questionnaire_response.id"


class ResponseLink(Base):
    """`/q/<token>`. `token_hash` is all that is kept of the token; `code_id`: made where that code was typed."""

    __tablename__ = "response_link"
    __table_args__ = (Index(None, "response_id", "issued_at"),)

    id: Mapped[UUID] = uuid_pk()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    response_id: Mapped[UUID] = mapped_column(ForeignKey(_RESPONSE, ondelete="CASCADE"))
    code_id: Mapped[UUID | None]
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ResponseCode(Base):
    """Six digits, sent by SMS or read out. `status`: `open`, `used` (who typed it proved who they are), `replaced` by a newer one.

    `open_hash` is the hash while it can be typed, empty afterwards: no two codes that can be typed are the same.
    """

    __tablename__ = "response_code"
    __table_args__ = (Index(None, "response_id", "status"),)

    id: Mapped[UUID] = uuid_pk()
    open_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    response_id: Mapped[UUID] = mapped_column(ForeignKey(_RESPONSE, ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(10), default="open")
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ResponseDoor(Base):
    """Failed proofs of one response, by whatever link. `locked_at`: no more are taken until a nurse lets them."""

    __tablename__ = "response_door"

    response_id: Mapped[UUID] = mapped_column(ForeignKey(_RESPONSE, ondelete="CASCADE"), primary_key=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    locked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ResponseCall(Base):
    """A nurse rang about a response. `outcome`: `completed`, `no_answer`, `later`, `refused`, `wrong_number`, `elsewhere`.

    `elsewhere`: the patient goes on in the chat or on the page.
    """

    __tablename__ = "response_call"
    __table_args__ = (Index(None, "response_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    response_id: Mapped[UUID] = mapped_column(ForeignKey(_RESPONSE, ondelete="CASCADE"))
    staff_id: Mapped[UUID]
    outcome: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
