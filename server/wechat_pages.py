"""The pages around the WeChat accounts: menu and replies, binding codes, sign-in for patients' pages."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from bot.shortcuts import MENU
from care.binding.pages import qr_router
from channels.reply import Reply
from channels.wechat.console import service
from channels.wechat.console.pages import ConsoleDesk, console_router
from channels.wechat.oauth import JsTickets, oauth_router
from server.house import House
from store.database import Database


def console_desk(house: House) -> ConsoleDesk:
    """The console over the house's accounts; what the bot says by itself is where staff begin."""
    welcome = house.catalogue.render_wechat(Reply("smalltalk.welcome"), None).text
    return ConsoleDesk(
        house.database, house.clock, house.vendors.clients, house.console, frozenset(MENU), welcome
    )


async def menu_put_up(
    database: Database, account_id: str, otherwise: dict[str, Any]
) -> dict[str, Any] | None:
    """The menu staff published last (None: they took it down); `otherwise` where they never did."""
    async with database.read("menu-put-up") as session:
        row = await service.published(session, account_id)
    if row is None:
        return otherwise
    menu = service.content_of(row).menu
    return menu if menu["button"] else None


def add_wechat_pages(app: FastAPI, house: House) -> None:
    """Routes of `/ops/wechat`, `/ops/qr` and of sign-in in WeChat."""
    tickets = JsTickets(house.vendors.clients, house.vendors.tokens, house.clock)
    app.include_router(
        oauth_router(house.database, house.clock, house.vendors.clients, tickets, house.settings.base)
    )
    app.include_router(qr_router(house.database, house.clock, house.vendors.clients))
    app.include_router(console_router(console_desk(house)))
