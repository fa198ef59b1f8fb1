"""The hospital's booking system in the house: which driver, what it is told, what is read from it, and who tells the patients."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.services import Services
from actions.systems.telling import tell_decisions
from actions.systems.waiting import tell_waiting
from care.appointments import outside
from care.appointments import service as appointments
from care.desk import service as desk
from care.desk.models import TaskKind
from care.merging.service import bring_over
from care.systems.mapped.reading import M, MappingError, read_mapping
from care.systems.models import SystemMessage
from care.systems.outward import Outward
from care.systems.pages import SystemsDesk, systems_router
from care.systems.port import HospitalSystem
from care.systems.slots import mirror
from care.systems.telling import Teller
from care.systems.watching import watch
from channels.wording.labels import label
from server.hl7 import codes_of, hl7_system
from server.settings import Settings, SettingsError
from server.work import Job
from store.clock import Clock
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House
    from server.outbound import Outbound

TELL_EVERY = 1.0
"""Seconds between two looks for what is to be told, to the system and to patients."""


def hospital_system(settings: Settings, clock: Clock) -> HospitalSystem | None:
    """The configured driver; None: our rows are the truth. Raises `SettingsError` for a mapping that cannot be."""
    zone = ZoneInfo(settings.time_zone)
    match settings.his:
        case "fhir":
            from care.systems.fhir.client import FhirClient
            from care.systems.fhir.system import FhirSystem

            client = FhirClient(settings.his_url, token=settings.his_token, timeout=settings.his_timeout)
            return FhirSystem(client, record_system=settings.his_record_system, zone=zone)
        case "hl7":
            return hl7_system(settings, clock)
        case "views":
            from care.systems.mapped.tables import ViewsMapping
            from care.systems.mapped.views import ViewsSystem

            views = _mapping(settings, ViewsMapping)
            return ViewsSystem.at(settings.his_url, views, zone, settings.his_timeout)
        case "http":
            from care.systems.mapped.http import HttpSystem
            from care.systems.mapped.messages import MessagesMapping

            messages = _mapping(settings, MessagesMapping)
            return HttpSystem(
                settings.his_url,
                messages,
                clock,
                zone,
                token=settings.his_token,
                timeout=settings.his_timeout,
            )
    return None


def _mapping(settings: Settings, model: type[M]) -> M:
    try:
        return read_mapping(settings.his_mapping, model)
    except MappingError as error:
        raise SettingsError(str(error)) from error


STILL_EVERY = 20.0
"""Seconds between two looks for who waits for the system's word for long."""
BRING_OVER_EVERY = 60.0
"""Seconds between two looks for what still came under merged records."""


class Systems:
    """One process's side of the hospital's system. Making it decides whether a booking here waits for another's word."""

    def __init__(self, settings: Settings, services: Services, outbound: Outbound) -> None:
        self._settings, self._services, self._outbound = settings, services, outbound
        self.his = hospital_system(settings, services.clock)
        self.codes = codes_of(settings)
        outside.install(
            None if self.his is None else Outward(self.his.name, lists_times=settings.his != "hl7")
        )

    def jobs(self) -> list[Job]:
        """For processes with workers. Decisions are told whatever brought them, an HL7 message as well."""
        database, clock, settings = self._services.database, self._services.clock, self._settings
        jobs: list[Job] = [
            partial(rounds, "systems.news_failed", TELL_EVERY, self._tell_patients),
            partial(
                rounds, "systems.bringing_over_failed", BRING_OVER_EVERY, partial(bring_over, database, clock)
            ),
        ]
        if self.his is None:
            return jobs
        patience = timedelta(seconds=3 * settings.his_timeout)  # finding the patient, then the appointment
        teller = Teller(database, clock, self.his, self._alarm, patience)
        return [
            *jobs,
            partial(rounds, "systems.telling_failed", TELL_EVERY, teller.round),
            partial(rounds, "systems.still_waiting_failed", STILL_EVERY, self._tell_waiting),
            partial(
                rounds,
                "systems.watching_failed",
                settings.his_changes_every,
                partial(watch, database, clock, self.his, settings.slot_days_ahead),
            ),
            partial(
                rounds,
                "systems.slots_failed",
                settings.his_slots_every,
                partial(mirror, database, clock, self.his, settings.slot_days_ahead),
            ),
        ]

    async def close(self) -> None:
        if self.his is not None:
            await self.his.close()

    async def _tell_patients(self) -> None:
        async def batch(session: AsyncSession) -> int:
            return await tell_decisions(session, self._services, self._settings.sms_account)

        if await self._services.database.transact(batch, "tell-decisions"):
            self._outbound.delivery.wake()

    async def _tell_waiting(self) -> None:
        async def batch(session: AsyncSession) -> int:
            return await tell_waiting(session, self._services, self._settings.sms_account)

        if await self._services.database.transact(batch, "tell-waiting"):
            self._outbound.delivery.wake()

    async def _alarm(self, session: AsyncSession, message: SystemMessage, now: datetime) -> None:
        """A task for people, in the transaction in which the message dies."""
        view = await appointments.get(session, message.subject_id) if message.subject_id else None
        if view is None:
            return
        at = say.moment(self._services.clock.local_naive(view.start))
        await desk.open_task(
            session,
            TaskKind.CALL,
            dedup_key=f"system:{message.id}",
            now=now,
            due_at=self._services.due_at(TaskKind.CALL, now),
            note=label("system_stuck", when=at, doctor=view.practitioner),
            patient_id=message.patient_id,
        )


def add_systems(app: FastAPI, house: House) -> None:
    """`/ops/systems` on `app`."""
    app.include_router(
        systems_router(SystemsDesk(house.database, house.clock, house.systems.his, house.systems.codes))
    )
