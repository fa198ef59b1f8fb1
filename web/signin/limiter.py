"""How often one address, or one name, may try to sign in."""

from __future__ import annotations

from fastapi import FastAPI

from web.limits import Limits

PER_ADDRESS = "20/minute"
PER_NAME = "10/minute"


class SignInLimiter:
    """Counts in memory, or in Redis where several processes share the counts (`memory://`, `redis://…`)."""

    def __init__(self, storage_url: str = "memory://") -> None:
        self._limits = Limits(storage_url)

    async def allow(self, address: str, username: str) -> bool:
        """Count this try; False when there were too many of them."""
        by_address = await self.allow_address(address)
        by_name = await self._limits.allow(PER_NAME, "sign-in", "name", username)
        return by_address and by_name

    async def allow_address(self, address: str) -> bool:
        """As `allow`, where no name is known yet."""
        return await self._limits.allow(PER_ADDRESS, "sign-in", "ip", address)


def limiter_of(app: FastAPI) -> SignInLimiter:
    """The app's limiter, made on first use from `app.state.rate_storage_url` (default `memory://`)."""
    limiter: SignInLimiter | None = getattr(app.state, "sign_in_limiter", None)
    if limiter is None:
        limiter = SignInLimiter(getattr(app.state, "rate_storage_url", "memory://"))
        app.state.sign_in_limiter = limiter
    return limiter
