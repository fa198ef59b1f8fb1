"""The pages about patients, as the house hands them their parts."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from care.gate.reasons import words as gate_words
from care.patients.pages.desk import PatientDesk
from care.patients.pages.routes import patients_router
from care.plans.pages.patient import patient_router as patient_plans_router
from care.timeline.ports import Said, TimelineSource
from care.timeline.sources.answers import Answers
from care.timeline.sources.events import Events
from care.timeline.sources.messages import Inbound, Outbound
from care.timeline.sources.readings import Readings
from care.timeline.sources.reports import Reports
from care.timeline.sources.work import Alerts, Consents, Tasks
from channels.ops.shown import OpsWords
from channels.ops.words import words_of
from content.reading.timeline import Reads
from server.house import House
from server.ops import ops_house
from store.clock import Clock


def timeline_sources(clock: Clock, said: Said) -> tuple[TimelineSource, ...]:
    """Whoever has something to tell of a patient. A new subject is a line here."""
    ops = OpsWords(gate_words)
    return (
        Inbound(),
        Outbound(said, ops),
        Outbound(said, ops, pushes=True),
        Events(clock, "visit"),
        Events(clock, "record"),
        Answers(),
        Readings(),
        Reports(clock),
        Alerts(clock),
        Tasks(clock),
        Consents(),
        Reads(),
    )


def add_patients(app: FastAPI, house: House) -> None:
    """`/desk/patients`."""
    said = partial(words_of, ops_house(house))
    sources = timeline_sources(house.clock, said)
    desk = PatientDesk(house.database, house.clock, sources, house.outbound.rehearsal)
    app.include_router(patients_router(desk))
    app.include_router(patient_plans_router(desk))
