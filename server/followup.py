"""Follow-up calls, as the house hands them their parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.followup.calling import Redial
from care.followup.pages import CallDesk, calls_router
from care.followup.worker import FollowUpWorker
from server.house import House


def add_followup(app: FastAPI, house: House) -> None:
    """Routes on `app`, the worker in the house."""
    settings = house.settings
    redial = Redial(settings.follow_up_call_tries, settings.sms_account)
    house.work.workers.append(FollowUpWorker(house.database, house.clock, redial).run)
    app.include_router(calls_router(CallDesk(house.database, house.clock, settings.hospital_name, redial)))
