"""Care plans: the job that ticks, and the sweep of what came without events."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.plans.ways import PlanWays
from actions.services import Services
from care.plans.joining import service as enrolments
from care.plans.joining.ports import Choice
from care.plans.ports import Ports
from care.plans.sweep import sweep
from care.plans.tick import tick
from content.audiences import service as audiences
from content.audiences.day import Day
from content.audiences.rules import read
from content.audiences.sentence import sentence
from content.audiences.vocabulary import vocabulary
from server.outbound import Outbound
from server.settings import Settings
from server.work import Job
from store.clock import Clock
from store.rounds import rounds

EVERY, SWEEP_EVERY = 5.0, 3600.0
"""Seconds between two ticks, and between two looks through the whole record."""


class PlanAudiences:
    """Implements `care.plans.ports.Audiences`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def members(self, session: AsyncSession, name: str) -> Select[Any] | None:
        """The newest version of the audience of this name."""
        rule = await audiences.rule_named(session, name)
        return None if rule is None else await audiences.selecting(session, rule, Day.of(self._clock))


class AudienceOffers:
    """Implements `care.plans.joining.ports.AudienceBook`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def offered(self, session: AsyncSession) -> Sequence[Choice]:
        words = await vocabulary(session)
        rows = await audiences.listed(session)
        return [Choice(newest.id, one.name, sentence(read(newest.rule), words)) for one, newest in rows]

    async def of(self, session: AsyncSession, version_id: UUID) -> Select[Any] | None:
        rule, day = await audiences.rule_of(session, version_id), Day.of(self._clock)
        return None if rule is None else await audiences.holding(session, rule, day)


def make_ports(settings: Settings, services: Services) -> Ports:
    """What the tick works with."""
    return Ports(PlanWays(services, settings.sms_account), settings.gate, PlanAudiences(services.clock))


def plan_jobs(settings: Settings, services: Services, outbound: Outbound) -> list[Job]:
    """Jobs for processes with workers."""
    database, clock = services.database, services.clock
    ports = make_ports(settings, services)

    async def ticking() -> None:
        if (await tick(database, clock, ports)).touches:
            outbound.delivery.wake()

    book = AudienceOffers(clock)
    return [
        partial(rounds, "plans.enrolment_failed", EVERY, partial(enrolments.work, database, clock, book)),
        partial(rounds, "plans.tick_failed", EVERY, ticking),
        partial(rounds, "plans.sweep_failed", SWEEP_EVERY, partial(sweep, database, clock, ports)),
    ]
