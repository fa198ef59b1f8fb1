from __future__ import annotations

from tests.bot.conftest import people

__all__ = ["people"]
