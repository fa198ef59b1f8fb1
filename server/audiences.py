"""The pages of audiences, as the house hands them their parts."""

from __future__ import annotations

from fastapi import FastAPI

from content.audiences.counting import Counter
from content.audiences.pages import AudienceDesk, audience_router
from server.house import House


def add_audiences(app: FastAPI, house: House) -> None:
    """Their routes on `app`, their background work in the house."""
    counter = Counter(house.database, house.clock)
    house.work.everywhere.append(counter.run)
    app.include_router(audience_router(AudienceDesk(house.database, house.clock, counter)))
