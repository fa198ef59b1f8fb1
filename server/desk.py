"""The staff desk, as the house hands it its parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.desk.live import Live
from care.desk.looks import LOOKS
from care.desk.pages.desk import Desk
from care.desk.pages.routes import desk_router
from server.house import House


def add_desk(app: FastAPI, house: House) -> None:
    """Its routes on `app`, and the look at the database its open pages share."""
    live = Live(house.database, LOOKS)
    house.work.everywhere.append(live.run)
    app.include_router(desk_router(Desk(house.database, house.clock), live))
