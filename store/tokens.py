"""Secrets that are handed out and known again by their hash: links of patients', tokens of devices."""

from __future__ import annotations

from store import crypto
from store.ids import new_secret

LINK_BYTES = 12
"""96 bits, 16 characters: short enough for an SMS, too many to try."""


def link_token() -> str:
    """Phones take an address in an SMS to end before a dash."""
    while True:
        token = new_secret(LINK_BYTES)
        if token[0].isalnum() and token[-1].isalnum():
            return token


def hashes_of(token: str, kind: str) -> list[str]:
    """What may be stored of a token, under every key there is; empty for what cannot be one."""
    if not 8 <= len(token) <= 64 or not token.isascii():
        return []
    return crypto.lookups(token, kind)
