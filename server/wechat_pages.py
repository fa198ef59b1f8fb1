"""The pages around the WeChat accounts: sign-in for patients' pages."""

from __future__ import annotations

from fastapi import FastAPI

from channels.wechat.oauth import JsTickets, oauth_router
from server.house import House


def add_wechat_pages(app: FastAPI, house: House) -> None:
    """Routes of sign-in in WeChat."""
    tickets = JsTickets(house.clients, house.tokens, house.clock)
    app.include_router(oauth_router(house.database, house.clock, house.clients, tickets, house.settings.base))
