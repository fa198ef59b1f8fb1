"""One application process: the public server and, on loopback, the action webhook, in one event loop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from actions.webhook import create_webhook
from care.seed import seed_into
from channels.inbox.spool import Spool
from channels.ports import StorageUnavailable
from content.audiences.seed import seed_samples
from content.campaigns.seed import seed_campaign
from content.faq import service as faq
from server import logs, migrate
from server.app import create_app
from server.articles import first_library
from server.demo.history import load_history
from server.demo.people import contact_maker
from server.house import House, build
from server.settings import ROOT, Settings, SettingsError, load_settings
from store.ids import new_secret
from web.signin.service import ensure_admin

ADMIN_FILE = "first-admin.txt"


async def seed(house: House) -> None:
    """The demo's hospital, patients, FAQ and first administrator. Idempotent."""
    async with house.database.write("seed") as session:
        await seed_into(session, house.clock, contact_maker(house))
        await faq.load(session, faq.read_folder(ROOT / "data" / "seed" / "faq"), house.clock.now())
        await seed_samples(session, house.clock.now())
    await first_admin(house)


async def first_admin(house: House) -> None:
    """Make the first administrator; a generated password is written to a file only its owner reads."""
    settings = house.settings
    password = settings.admin_password or new_secret(9)

    async def work(session: AsyncSession) -> bool:
        made_up = settings.environment == "production" and not settings.admin_password
        return await ensure_admin(session, settings.admin_user, password, must_change=made_up)

    if await house.database.transact(work, "first-admin") and not settings.admin_password:
        path = settings.var_dir / ADMIN_FILE
        path.touch(mode=0o600)
        path.write_text(f"{settings.admin_user} {password}\n")


async def prepare(settings: Settings) -> House:
    """Migrate, seed (in the demo) and index. What every process does before it serves."""
    try:
        Spool(settings.spool).check()
    except StorageUnavailable as error:
        raise SettingsError(
            f"BANYI_SPOOL_DIR: {error}. Without a lasting volume set it to nothing."
        ) from error
    await migrate.upgrade_async(settings.database)
    house = build(settings)
    if settings.environment == "demo":
        await seed(house)
    else:
        await first_admin(house)
    await first_library(settings, house.database, house.clock)
    if settings.environment == "demo":
        with suppress(IntegrityError):  # another process, starting at the same moment, was quicker
            async with house.database.write("seed-campaign") as session:
                await seed_campaign(session, house.clock.now())
        if settings.demo_history:
            await load_history(house)
    return house


async def serve(settings: Settings) -> None:
    house = await prepare(settings)
    app = create_app(house)
    await house.prepare()
    spare_the_collector()
    public = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    )
    webhook = create_webhook(house.actions, settings.secrets.action_token)
    internal = _Server(
        uvicorn.Config(
            webhook,
            host="127.0.0.1",
            port=settings.internal_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    )
    app.state.stopping = lambda: public.should_exit  # open streams end themselves
    servers = (public, internal)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve() for server in servers))


def spare_the_collector() -> None:
    """What was loaded at start stays: the garbage collector need not walk it again and again while messages are handled."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


class _Server(uvicorn.Server):
    """uvicorn would install its own signal handlers, one server hiding the other's."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main() -> int:
    try:
        settings = load_settings()
        logs.set_up(settings.log_level)
        import uvloop

        uvloop.run(serve(settings))
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
