"""The pages around the WeChat accounts: binding codes for staff, sign-in for patients' pages."""

from __future__ import annotations

from fastapi import FastAPI

from care.binding.pages import qr_router
from channels.wechat.oauth import JsTickets, oauth_router
from server.house import House


def add_wechat_pages(app: FastAPI, house: House) -> None:
    """Routes of `/ops/qr` and of sign-in in WeChat."""
    tickets = JsTickets(house.clients, house.tokens, house.clock)
    app.include_router(oauth_router(house.database, house.clock, house.clients, tickets, house.settings.base))
    app.include_router(qr_router(house.database, house.clock, house.clients))
