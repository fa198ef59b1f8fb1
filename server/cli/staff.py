"""`staff-reset`: the way in from the server's own terminal when no administrator can sign in."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        "staff-reset",
        help="Give a local account a new start password; it loses its second factor and its lock, and is switched on."
        "\n\nExample: ./banyi staff-reset admin",
    )(reset)


def reset(username: Annotated[str, typer.Argument(help="the account's user name")]) -> None:
    from store import crypto
    from store.clock import real_now
    from store.database import Database
    from web.signin import service, staffing

    password = staffing.start_password()

    async def work() -> None:
        settings = load_settings()
        crypto.install(settings.secrets.keyring)
        database = Database(settings.database)
        try:
            async with database.write("staff-reset") as session:
                user = await service.find_user(session, username)
                if user is None or user.external_id is not None:
                    raise SettingsError(f"there is no local account {username!r}.")
                hashed, now = service.hash_password(password, user.username), real_now()
                await staffing.switch(session, user.id, True, by=None, now=now)
                await staffing.reset_totp(session, user.id, by=None, now=now)
                await staffing.set_password(session, user.id, hashed, by=None, now=now, must_change=True)
        finally:
            await database.close()

    asyncio.run(work())
    print(f"✓ {username} signs in with {password} and is then asked for a password of their own")
