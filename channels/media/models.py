"""`MediaItem`: one medium of one inbound message; its own queue (leased)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class MediaItem(Base, Leased):
    """`kind`: image, voice, video, shortvideo, file. `state`: waiting, fetched, refused (too large, not what it says, infected),
    lost (the vendor has it no more), discarded (kept no longer than the policy says), forgotten (its person is gone: file and row
    follow at the worker's next look). `path` is the sealed file below the
    media folder; `transcript` what a voice says, once heard."""

    __tablename__ = "media_item"

    id: Mapped[UUID] = uuid_pk()
    inbound_id: Mapped[UUID] = mapped_column(ForeignKey("inbound_message.id"), unique=True)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), index=True)
    account_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(12))
    media_id: Mapped[str] = mapped_column(String(512))
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    content_type: Mapped[str | None] = mapped_column(String(80))
    size: Mapped[int | None] = mapped_column(BigInteger)
    path: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(String(200))
    transcript = EncryptedText()
    transcript_sealed: Mapped[bytes | None] = sealed_column()
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    discard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
