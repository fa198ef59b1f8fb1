"""Patients' pages of articles, and the jobs behind them, as the house hands them their parts."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from content.reading.desk import ReadingDesk
from content.reading.keeping import Keeper
from content.reading.pages import reading_router
from content.reading.sent import SentWriter
from content.reading.visitors import Pace
from server.house import House


def add_reading(app: FastAPI, house: House) -> None:
    """Routes of `/r` and `/read` on `app`, their background work in the house."""
    settings = house.settings
    desk = ReadingDesk(
        database=house.database,
        clock=house.clock,
        pace=Pace(settings.redis_url or "memory://"),
        lasts=timedelta(days=settings.reading_link_days),
        hospital=settings.hospital_name,
        landline=settings.landline,
        account_id=house.vendors.wechat.account_id,
    )
    app.include_router(reading_router(desk))
    house.work.workers += [
        SentWriter(house.database, house.clock).run,
        Keeper(house.database, house.clock, timedelta(days=settings.reading_keep_days)).run,
    ]
