"""`ConsoleVersion`: one version of an account's menu, welcome text and keyword replies."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Integer, String, Text, UniqueConstraint

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class ConsoleVersion(Base):
    """`state`: draft (at most one an account), published (the one in use), replaced.

    `menu` is WeChat's own `{"button": […]}`; `keywords` a list of `{"words": […], "match": "whole"|"part", "text": …}` in the
    order they are tried. A roll-back publishes an older version's content under a new number.
    """

    __tablename__ = "wechat_console_version"
    __table_args__ = (UniqueConstraint("account_id", "number"),)

    id: Mapped[UUID] = uuid_pk()
    account_id: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12))
    menu: Mapped[dict[str, Any]] = mapped_column(JSON)
    welcome: Mapped[str] = mapped_column(Text)
    keywords: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(String(200), default="")
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[UUID | None]
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
