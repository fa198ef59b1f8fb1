"""A hospital small enough to look at: staff, articles, audiences, patients with their contacts, a runner and the real gate."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from care.consents.models import ConsentNow
from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from care.patients import service as patients
from care.patients.models import Condition, PatientContact
from care.patients.service import PatientData
from channels.contacts import service as contacts
from channels.outbox.delivery import Delivery
from channels.outbox.models import OutboundMessage
from channels.wording.catalogue import Catalogue, make_template
from content.articles.models import Article
from content.articles.sendable import ArticleContents
from content.audiences import rules
from content.audiences import service as audiences
from content.campaigns import service, workflow
from content.campaigns.kinds import Kind
from content.campaigns.models import Campaign, CampaignRecipient
from content.campaigns.plan import Plan, Variant
from content.campaigns.runner import Runner
from content.reading.stops import StoppedTopics
from server.people import CareDesk
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories import articles
from tests.factories.vendor import Vendor
from web.signin.models import StaffUser

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
ACCOUNT = {"wechat": "hospital", "sms": "aliyun"}
SMS_TEXT = "您关注的健康知识已更新。更多请致电0571-00000000，拒收请回复R"
E11: dict[str, Any] = {"kind": "all", "rules": [{"kind": "condition", "codes": ["E11"], "at_most": 30}]}
EVERYONE: dict[str, Any] = {"kind": "all", "rules": [{"kind": "everyone"}]}
BASE = "https://banyi.example"
_numbers = itertools.count(1)


@dataclass
class Ward:
    """Times are the frozen clock's: Sunday, 09:00 in Shanghai."""

    database: Database
    clock: VirtualClock
    staff: dict[str, StaffUser] = field(default_factory=dict)
    articles: dict[str, Article] = field(default_factory=dict)
    wechat: Vendor = field(default_factory=Vendor)
    sms: Vendor = field(default_factory=Vendor)

    @property
    def contents(self) -> ArticleContents:
        return ArticleContents(self.clock)

    def at(self, text: str) -> None:
        """It is now `2026-11-24 20:59` in Shanghai."""
        self.clock.freeze(self.clock.to_utc(datetime.fromisoformat(text)))

    def runner(self, **values: Any) -> Runner:
        return Runner(self.database, self.clock, BASE, **values)

    def gate(self) -> Gate:
        return Gate(
            GateRules(), CatalogueWords(self.catalogue()), contents=self.contents, stops=StoppedTopics()
        )

    @staticmethod
    def catalogue() -> Catalogue:
        catalogue = Catalogue(WORDING, FACTS)
        mine = make_template("article:t2dm-first", 0, SMS_TEXT)
        catalogue.use_templates([*catalogue.sms_templates(), mine])
        return catalogue

    async def deliver(self) -> None:
        """Send what is due."""
        senders = {("wechat", "hospital"): self.wechat, ("sms", "aliyun"): self.sms}
        catalogue, gate = self.catalogue(), self.gate()
        delivery = Delivery(self.database, self.clock, catalogue, senders, gate, CareDesk())
        while await delivery.run_once():
            pass

    async def article(self, slug: str, **values: Any) -> Article:
        async with self.database.write("an article") as session:
            made = await articles.published(session, self.staff, self.clock, slug, **values)
        self.articles[slug] = made
        return made

    async def patient(
        self,
        code: str = "E11.900",
        days: int = 3,
        *,
        channel: str | None = "wechat",
        purposes: Sequence[str] = ("education", "personal", "tracking"),
    ) -> UUID:
        """Somebody with a diagnosis `days` ago, a contact and consents."""
        number, now = next(_numbers), self.clock.now()
        async with self.database.write("a patient") as session:
            row = await patients.create(session, PatientData(f"C{number:07d}", "王秀兰", "female"), now)
            day = self.clock.local().date() - timedelta(days=days)
            session.add(Condition(patient_id=row.id, code=code, display=code, recorded_date=day))
            session.add_all(
                ConsentNow(subject_id=row.id, purpose=one, granted=True, consent_id=new_id(), at=now)
                for one in purposes
            )
            if channel is not None:
                address = f"oCampaign_{number:016d}" if channel == "wechat" else f"+8619{number:09d}"
                made, _ = await contacts.ensure(session, channel, ACCOUNT[channel], address, now)
                made.holder = "self"
                link = PatientContact(
                    patient_id=row.id, contact_id=made.id, relation="self", confirmed_at=now
                )
                session.add(link)
        return row.id

    async def patients(self, count: int, **values: Any) -> list[UUID]:
        return [await self.patient(**values) for _ in range(count)]

    async def audience(self, rule: dict[str, Any] = E11) -> UUID:
        """Its first version."""
        async with self.database.write("an audience") as session:
            made = await audiences.create(
                session,
                name=f"人群{next(_numbers)}",
                note="",
                rule=rules.read(rule),
                now=self.clock.now(),
                staff_id=None,
            )
        return made.id

    async def plan(self, rule: dict[str, Any] = E11, **values: Any) -> Plan:
        """A campaign with nothing to object to; `values` change it."""
        slugs = values.pop("slugs", ("t2dm-first",))
        for slug in slugs:
            if slug not in self.articles:
                await self.article(slug)
        texts = tuple(Variant(self.articles[slug].id, 1) for slug in slugs)
        plan = Plan(f"活动{next(_numbers)}", Kind.ONCE, await self.audience(rule), texts)
        return replace(plan, **values)

    async def approved(self, plan: Plan) -> UUID:
        """Written by `editor`, approved by `reviewer`."""
        now = self.clock.now()
        async with self.database.write("a campaign") as session:
            row = await service.create(session, plan, staff=self.staff["editor"], now=now)
            await workflow.submit(session, row.id, self.contents, staff=self.staff["editor"], now=now)
            reviewer = self.staff["reviewer"]
            await workflow.approve(session, row.id, self.contents, staff=reviewer, now=now, seen=row.version)
        return row.id

    async def launched(self, plan: Plan) -> UUID:
        campaign_id = await self.approved(plan)
        await self.act(workflow.launch, campaign_id, contents=self.contents)
        return campaign_id

    async def act(self, what: Any, campaign_id: UUID, who: str = "editor", **values: Any) -> Campaign:
        """A step of the workflow by `who`."""
        async with self.database.write("a step") as session:
            now = self.clock.now()
            done: Campaign = await what(session, campaign_id, staff=self.staff[who], now=now, **values)
        return done

    async def run(self, runner: Runner | None = None, seconds: float = 16, times: int = 2) -> None:
        """The worker's rounds, with time between them."""
        runner = runner or self.runner()
        for _ in range(times):
            await runner.round()
            self.clock.advance(timedelta(seconds=seconds))
        await runner.round()

    async def campaign(self, campaign_id: UUID) -> Campaign:
        async with self.database.read() as session:
            return await session.get_one(Campaign, campaign_id)

    async def recipients(self, campaign_id: UUID) -> list[CampaignRecipient]:
        async with self.database.read() as session:
            rows = select(CampaignRecipient).where(CampaignRecipient.campaign_id == campaign_id)
            ordered = rows.order_by(CampaignRecipient.occurrence, CampaignRecipient.patient_id)
            return list(await session.scalars(ordered))

    async def states(self, campaign_id: UUID) -> dict[str, int]:
        return dict(Counter(one.state for one in await self.recipients(campaign_id)))

    async def messages(self, campaign_id: UUID) -> list[OutboundMessage]:
        async with self.database.read() as session:
            rows = select(OutboundMessage).where(OutboundMessage.campaign == f"campaign:{campaign_id}")
            return list(await session.scalars(rows.order_by(OutboundMessage.dedup_key)))
