"""Questionnaires' definitions and files, as the house hands them their parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.desk.pages.desk import Desk
from care.questionnaires.download import download_router
from server.house import House


def add_questionnaires(app: FastAPI, house: House) -> None:
    """Their routes on `app`."""
    app.include_router(download_router(Desk(house.database, house.clock)))
