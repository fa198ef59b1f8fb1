"""`run` and `train`."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from server import engine
from server.demo import LOADED, LOADING
from server.settings import ROOT, Settings, SettingsError, load_settings
from server.supervisor import Child, Supervisor


def add_to(app: typer.Typer) -> None:
    app.command(help="Start everything and keep it running; Ctrl-C stops it.\n\nExample: ./banyi run")(run)
    app.command(help="Train the engine if its data changed.\n\nExample: ./banyi train --force")(train)


def train(force: Annotated[bool, typer.Option(help="train even if nothing changed")] = False) -> None:
    engine.train(load_settings(), force=force)


def run() -> None:
    settings = load_settings()
    for name, port in (("BANYI_PORT", settings.port), ("BANYI_INTERNAL_PORT", settings.internal_port)):
        _need_free(name, port)
    if not settings.engine_url:
        _need_free("BANYI_ENGINE_PORT", settings.engine_port)
        if not engine.model_path(settings).exists():
            engine.train(settings)
    if shutil.disk_usage(settings.var_dir).free < 200_000_000:
        raise SettingsError(f"less than 200 MB free under {settings.var_dir}: make room before starting.")
    raise SystemExit(asyncio.run(_run(settings)))


def _need_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError(
                f"port {port} is taken: stop what listens there, or set {name} to another."
            ) from error


def children(settings: Settings, log_dir: Path | None = None) -> list[Child]:
    """The processes of one installation."""
    logs = log_dir or settings.var_dir / "log"
    found = []
    if not settings.engine_url:
        found.append(
            Child(
                "engine (Rasa)",
                engine.serve_command(settings),
                engine.environment(settings),
                ROOT,
                logs / "engine.log",
            )
        )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    found.append(
        Child("application", [sys.executable, "-m", "server.serve"], env, ROOT, logs / "application.log")
    )
    return found


async def _run(settings: Settings) -> int:
    from bot.engine_client import EngineClient

    supervisor = Supervisor(children(settings))
    print("… starting the engine and the application", flush=True)
    await supervisor.start()
    waiting = asyncio.create_task(_announce(settings, EngineClient(settings.engine)))
    await supervisor.run()
    waiting.cancel()
    return 0


async def wait_for_application(settings: Settings, seconds: float = 300) -> bool:
    """Until the public server answers and says it is ready; on the way says what of the demo is being loaded."""
    import aiohttp

    said, note = "", settings.var_dir / LOADING
    deadline = asyncio.get_running_loop().time() + seconds
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http:
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with http.get(f"{settings.loopback}/health/ready") as response:
                    if response.status == 200:
                        return True
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            if (now := _read(note)) and now != said:
                said = now
                print(f"… the demo's past, once: {LOADED.get(said, said)}", flush=True)
            await asyncio.sleep(0.3)
    return False


def _read(note: Path) -> str:
    with suppress(OSError):
        return note.read_text(encoding="utf-8")
    return ""


async def _announce(settings: Settings, client: object) -> None:
    if not await wait_for_application(settings):
        print(f"! not everything is ready yet; see the logs in {settings.var_dir / 'log'}", flush=True)
        return
    base = settings.base
    print(f"\n✓ Banyi 伴医 is running\n\n  {base}/          what runs, and what to try")
    if settings.simulators:
        print(
            f"  {base}/phones    a WeChat phone and an SMS phone: try 周三下午想看眼睛, 停车怎么收费, 转人工"
        )
    print(f"  {base}/sign-in   staff pages")
    admin = settings.var_dir / "first-admin.txt"
    if admin.exists():
        print(f"                             the first administrator's name and password are in {admin}")
    print(f"  {base}/metrics   Prometheus; {base}/health/ready for monitoring")
    print(
        "  ./banyi chat --channel wechat     the same in this terminal's neighbour\n\n  Ctrl-C stops everything.",
        flush=True,
    )
