"""`SubscriptionGrant`: which notices a person has said yes to, as WeChat told us. `OAuthState`: one sign-in under way."""

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


class OAuthState(Base):
    """One visit to WeChat's authorize page. Written when it is answered, so that a state is good for
    one answer; only its hash is kept, until it would have expired anyway."""

    __tablename__ = "wechat_oauth_state"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64))
    next_path: Mapped[str] = mapped_column(String(500))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
