"""`SubscriptionGrant`: which notices a person has said yes to, as WeChat told us."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String

from store.base import Base, Mapped, UtcDateTime, mapped_column


class SubscriptionGrant(Base):
    """One openid and one 订阅通知 template. `kind`: long (many messages) or once.

    `remaining` counts the messages still allowed (None for a long-term one), `accepted` is false after a refusal. `inbound_id`
    is the event that said so: the proof of the consent.
    """

    __tablename__ = "subscription_grant"

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    template_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    accepted: Mapped[bool]
    remaining: Mapped[int | None]
    inbound_id: Mapped[UUID | None]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
