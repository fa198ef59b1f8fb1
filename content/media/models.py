"""Tables of the media library: a picture, where it is used, and what WeChat calls it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class MediaAsset(Base):
    """A picture as it is served. `digest` (SHA-256 of the kept bytes) names its file; the same picture is kept once.

    `alt` is read aloud to who cannot see it. `licence` is a code of `licences` in `data/seed/article_words.yml`; `source` says where
    it comes from. `size` in bytes, `width` and `height` in pixels.
    """

    __tablename__ = "media_asset"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[UUID] = uuid_pk()
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    content_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(Integer)
    width: Mapped[int]
    height: Mapped[int]
    name: Mapped[str] = mapped_column(String(120), default="")
    alt: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(200))
    licence: Mapped[str] = mapped_column(String(24))
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MediaUse(Base):
    """`owner` (`article:<slug>`) shows the picture in revision `number`; 0 is its draft."""

    __tablename__ = "media_use"
    __table_args__ = (UniqueConstraint("owner", "number", "media_id"), Index(None, "media_id"))

    id: Mapped[UUID] = uuid_pk()
    owner: Mapped[str] = mapped_column(String(120))
    number: Mapped[int] = mapped_column(Integer, default=0)
    media_id: Mapped[UUID] = mapped_column(ForeignKey("media_asset.id"))


class MediaAtWeChat(Base):
    """What an account calls a picture. `kind`: image (then `value` is its URL) or cover (a permanent media_id)."""

    __tablename__ = "media_at_wechat"
    __table_args__ = (UniqueConstraint("media_id", "account_id", "kind"),)

    id: Mapped[UUID] = uuid_pk()
    media_id: Mapped[UUID] = mapped_column(ForeignKey("media_asset.id", ondelete="CASCADE"))
    account_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    value: Mapped[str] = mapped_column(String(600))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
