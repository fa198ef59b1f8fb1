"""`wechat-menu`: put the account's menu up at WeChat (developer mode switches the console's own off)."""

from __future__ import annotations

import asyncio

import typer

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        "wechat-menu", help="Create the official account's menu at WeChat.\n\nExample: ./banyi wechat-menu"
    )(menu)


def menu() -> None:
    from channels.simulator.pages import PhoneLook
    from channels.wechat.client import WeChatClient
    from server.accounts import wechat_account
    from store.clock import Clock

    settings = load_settings()

    async def create() -> None:
        client = WeChatClient(wechat_account(settings), Clock(settings.time_zone))
        try:
            answer = await client.create_menu(PhoneLook().menu_payload())
        finally:
            await client.close()
        if not isinstance(answer, dict):
            raise SettingsError(f"WeChat did not take the menu: {answer}")

    asyncio.run(create())
    print("✓ the menu is up; WeChat shows it within minutes, at once after following anew")
