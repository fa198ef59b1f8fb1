"""People's own data, as the house hands the subject its parts: pages, the worker, the nightly retention."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI

from care.desk.pages.desk import Desk
from care.privacy.pages.patient import Shelf, my_data_router
from care.privacy.pages.staff import privacy_router
from care.privacy.retention import Retention
from care.privacy.worker import PrivacyWorker
from channels.reply import Reply
from server.house import House
from store.rounds import rounds

LOOK_FOR_NIGHT = 600.0
"""Seconds between two looks whether it is night."""


def add_privacy(app: FastAPI, house: House) -> None:
    """Routes on `app`, background work in the house."""
    settings = house.settings

    def render(content: dict[str, Any]) -> bytes:
        from care.privacy.document import document  # a second of imports that only a file needs

        return document(content, hospital=settings.hospital_name, zone=house.clock.zone)

    def speak(stored: Any) -> str:
        return house.catalogue.render_wechat(Reply.from_json(stored), None).text

    worker = PrivacyWorker(house.database, house.clock, speak=speak, render=render, site=settings.base)
    retention = Retention(house.database, house.clock)
    house.work.workers += [
        worker.run,
        partial(rounds, "retention.failed", LOOK_FOR_NIGHT, retention.tonight),
    ]
    app.include_router(privacy_router(Desk(house.database, house.clock)))
    app.include_router(my_data_router(Shelf(house.database, house.clock)))
