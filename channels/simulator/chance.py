"""Ids, tickets and nonces of a simulator: unguessable by default, the same in every run when a seed is given."""

from __future__ import annotations

import base64
import random
import secrets


class Chance:
    """`seed` None draws from the system."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = secrets.SystemRandom() if seed is None else random.Random(seed)

    def token(self, size: int) -> str:
        """URL-safe text of `size` random bytes."""
        return base64.urlsafe_b64encode(self._random.randbytes(size)).rstrip(b"=").decode()

    def hexadecimal(self, size: int) -> str:
        return self._random.randbytes(size).hex()

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)
