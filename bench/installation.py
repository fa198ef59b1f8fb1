"""A whole installation for a measurement: its own ports and state, the checkout's models."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server import setup
from server.cli.running import children, wait_for_application
from server.settings import ROOT, Settings, load_settings
from server.supervisor import Supervisor, free_ports


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Settings, Supervisor]]:
    """The embedded default, as `make run` starts it."""
    setup.run(load_settings())
    with tempfile.TemporaryDirectory(prefix="banyi-bench-") as folder:
        (Path(folder) / "models").symlink_to(ROOT / "var" / "models")
        ports = free_ports(3)
        names = ("BANYI_PORT", "BANYI_INTERNAL_PORT", "BANYI_ENGINE_PORT")
        os.environ.update({name: str(port) for name, port in zip(names, ports, strict=True)})
        os.environ.update(
            {"BANYI_VAR_DIR": folder, "BANYI_LOG_LEVEL": "warning", "BANYI_DEMO_HISTORY": "false"}
        )
        settings = load_settings()
        supervisor = Supervisor(children(settings))
        await supervisor.start()
        try:
            if not await wait_for_application(settings):
                logs = "\n".join(
                    path.read_text(errors="replace")[-2000:] for path in Path(folder).glob("log/*.log")
                )
                raise RuntimeError(f"the installation did not start:\n{logs}")
            await asyncio.sleep(2)
            yield settings, supervisor
        finally:
            await supervisor.stop()
