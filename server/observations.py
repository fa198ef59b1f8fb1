"""The way in for devices' readings, as the house hands it its parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.observations.api import ObservationDesk, observations_router
from server.house import House
from web.limits import Limits


def add_observations(app: FastAPI, house: House) -> None:
    """Its route on `app`."""
    limits = Limits(house.settings.redis_url or "memory://")
    app.include_router(observations_router(ObservationDesk(house.database, house.clock, limits)))
