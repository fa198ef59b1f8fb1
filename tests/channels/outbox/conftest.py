from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import DeskTask
from care.gate.policy import Gate as Policy
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from channels.outbox.delivery import Delivery
from channels.outbox.jobs import Job
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Candidate, Verdict
from channels.wording.catalogue import Catalogue
from server.people import CareDesk
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import ACCOUNTS, SMS, WECHAT
from tests.factories.vendor import Vendor

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}


class Gate:
    """The real policy, unless `say` is set: then that is asked for each message."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.say: Callable[[OutboundMessage], Verdict] | None = None
        self._real = Policy(GateRules(), CatalogueWords(catalogue))

    async def check(self, session: AsyncSession, batch: Sequence[Candidate], now: datetime) -> list[Verdict]:
        if self.say is None:
            return await self._real.check(session, batch, now)
        return [self.say(one.message) for one in batch]


@pytest.fixture
def wechat() -> Vendor:
    return Vendor()


@pytest.fixture
def sms() -> Vendor:
    return Vendor()


@pytest.fixture
def gate(catalogue: Catalogue) -> Gate:
    return Gate(catalogue)


@pytest.fixture
def catalogue() -> Catalogue:
    """The shipped wording, all its templates approved."""
    catalogue = Catalogue(WORDING, FACTS)
    catalogue.use_templates(catalogue.sms_templates())
    return catalogue


@pytest.fixture
def worker(
    database: Database, clock: VirtualClock, catalogue: Catalogue, wechat: Vendor, sms: Vendor, gate: Gate
) -> Callable[..., Delivery]:
    """Make a delivery worker; several may work on one database."""

    def make(on: Database | None = None, **values: Any) -> Delivery:
        senders = {("wechat", ACCOUNTS[WECHAT]): wechat, ("sms", ACCOUNTS[SMS]): sms}
        return Delivery(on or database, clock, catalogue, senders, gate, CareDesk(), **values)

    return make


@pytest.fixture
def delivery(worker: Callable[..., Delivery]) -> Delivery:
    return worker()


async def claim(delivery: Delivery, limit: int) -> list[Job]:
    """What a worker has claimed and not yet sent: it may die now."""
    return list((await delivery._claim(limit)).items)


async def tasks(database: Database) -> list[str]:
    """The kinds of the tasks people got."""
    async with database.read() as session:
        return [str(task.kind) for task in await session.scalars(select(DeskTask).order_by(DeskTask.id))]


async def attempts(database: Database) -> list[DeliveryAttempt]:
    async with database.read() as session:
        return list(await session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.id)))
