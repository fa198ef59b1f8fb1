"""Checking the chain while another process seals."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

import pytest

from store import audit
from store.audit import AuditSealer
from store.clock import VirtualClock
from store.database import Database


async def test_sealing_during_the_check_is_no_tampering(
    database: Database, clock: VirtualClock, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(count: int) -> None:
        async with database.write() as session:
            for n in range(count):
                audit.record(session, actor="system", action="read", subject=f"patient:{n}", at=clock.now())

    other = Database(database_url)
    sealer, second = AuditSealer(database, b"k" * 32), AuditSealer(other, b"k" * 32)
    await write(5)
    await sealer.seal_once()
    await write(3)
    original = database.read

    class Between:
        """A session around whose reading of the head others seal."""

        def __init__(self, doing: str) -> None:
            self._inner = original(doing)

        async def __aenter__(self) -> Any:
            session = await self._inner.__aenter__()
            get = session.get

            async def get_then_seal(*args: Any, **values: Any) -> Any:
                await asyncio.create_task(second.seal_once(limit=1), context=Context())
                found = await get(*args, **values)
                await asyncio.create_task(second.seal_once(limit=1), context=Context())
                return found

            monkeypatch.setattr(session, "get", get_then_seal)
            return session

        async def __aexit__(self, *error: Any) -> Any:
            return await self._inner.__aexit__(*error)

    monkeypatch.setattr(database, "read", Between)
    report = await sealer.verify()
    await other.close()
    assert report.broken is None
    assert report.sealed in (5, 6, 7)
