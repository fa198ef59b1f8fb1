"""Identifiers. Entities get a UUIDv7 made here, so that it exists before the row does (encryption binds to it)."""

from __future__ import annotations

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered UUIDv7 (RFC 9562)."""
    return uuid7()


def new_secret(length: int = 32) -> str:
    """A URL-safe random string of `length` bytes of entropy."""
    return secrets.token_urlsafe(length)
