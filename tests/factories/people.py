"""The real people behind the bot."""

from __future__ import annotations

from typing import Any, cast

from actions.services import Services
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from server.people import CarePeople
from store.clock import Clock
from store.database import Database


def care_people(database: Database, clock: Clock) -> CarePeople:
    """They use neither the FAQ's search nor binding codes."""
    return CarePeople(
        Services(
            database=database,
            clock=clock,
            faq=cast("Any", None),
            articles=cast("Any", None),
            gazetteer=GazetteerCache(),
            duty_hours=DutyHours.parse("Mon-Sun 08:00-17:30"),
            codes=cast("Any", None),
            hospital_name="云江市示范医院",
            landline="0571-00000000",
            site="https://h.example",
        )
    )
