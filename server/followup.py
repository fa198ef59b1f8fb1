"""Follow-up calls, losses and reminders, as the house hands them their parts."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from actions.followup import inviting
from actions.reminders.offering import offer
from care.desk.pages.desk import Desk
from care.followup.calling import Redial
from care.followup.lost import Sweep
from care.followup.overdue_pages import overdue_router
from care.followup.pages import CallDesk, calls_router
from care.followup.word import DailyWord
from care.followup.worker import FollowUpWorker, Nightly
from care.patients.pages.desk import PatientDesk
from care.reminders.pages import reminders_router
from care.reminders.worker import ReminderWorker
from server.house import House


def add_followup(app: FastAPI, house: House) -> None:
    """Routes on `app`, the worker in the house."""
    settings = house.settings
    redial = Redial(settings.follow_up_call_tries, settings.sms_account)
    house.work.workers.append(FollowUpWorker(house.database, house.clock, redial).run)
    sweep = Sweep(house.database, house.clock, partial(inviting.invite, house.services, settings.sms_account))
    house.work.workers += [
        Nightly(house.clock, sweep).run,
        DailyWord(house.database, house.clock, settings.follow_up_word_hour).run,
        ReminderWorker(house.database, house.clock).run,
    ]
    pages = PatientDesk(house.database, house.clock, (), house.outbound.rehearsal)
    app.include_router(reminders_router(pages, offer))
    app.include_router(overdue_router(Desk(house.database, house.clock)))
    app.include_router(calls_router(CallDesk(house.database, house.clock, settings.hospital_name, redial)))
