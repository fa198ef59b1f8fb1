"""`wechat-menu`: put every account's published menu up at WeChat again (after a change of account or of the developer mode)."""

from __future__ import annotations

import asyncio

import typer

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        "wechat-menu",
        help="Put the menus published on the page /ops/wechat up at WeChat again, the first time the one we begin with."
        "\n\nExample: ./banyi wechat-menu",
    )(menu)


def menu() -> None:
    from channels.wechat.console import service
    from server.house import build
    from server.migrate import upgrade
    from server.wechat_pages import console_desk

    settings = load_settings()
    upgrade(settings.database)
    house = build(settings)

    async def put_up() -> None:
        desk = console_desk(house)
        try:
            for account_id in house.vendors.clients:
                async with house.database.read("wechat-menu") as session:
                    row = await service.published(session, account_id)
                content = service.content_of(row) if row is not None else desk.default
                trouble = await desk.put_up(account_id, content)
                if trouble is not None:
                    raise SettingsError(f"{account_id}: {trouble}")
                print(f"✓ {account_id}: the menu is up; WeChat shows it within minutes")
        finally:
            await house.close()

    asyncio.run(put_up())
