"""Everything one process works with, built from the settings: what is wired with what.

Each subject builds its own parts (`vendors`, `templates`, `outbound`, `inbound`, `upkeep`, …). A new one is a module of its own that
takes what it needs, and a line in `build`; its background work goes into `work`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from actions.base import BanyiAction
from actions.catalogue import all_actions
from actions.services import Services
from bot.engine_client import EngineClient
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from channels.wechat.console.live import LiveConsole
from channels.wording.catalogue import Catalogue
from content.articles import search as article_search
from content.articles.search import ArticleIndex
from content.faq.questions.grouper import QuestionGrouper
from content.faq.search import FaqIndex
from language.embed import Embedder, embed_one
from language.retrieve import HybridIndex
from language.sentiment import judge
from server.alerts import alert_jobs
from server.campaigns import campaign_jobs
from server.clinics import clinic_jobs
from server.codes import SmsCodes
from server.coming import coming_jobs
from server.inbound import Inbound, make_inbound
from server.outbound import Outbound, make_outbound
from server.people import CareDesk, CarePeople
from server.plans import plan_jobs
from server.settings import Settings
from server.systems import Systems
from server.templates import Templates
from server.upkeep import audit_sealer, upkeep
from server.vendors import Vendors, connect_sms, make_vendors
from server.wording import WORDING, facts
from server.work import Work
from store import crypto
from store.audit import AuditSealer
from store.clock import Clock, VirtualClock
from store.database import Database


@dataclass(slots=True)
class House:
    """One process's working parts. `start` runs its background work, `close` ends it."""

    settings: Settings
    clock: Clock
    database: Database
    catalogue: Catalogue
    embedder: Embedder
    faq: FaqIndex
    articles: ArticleIndex
    questions: QuestionGrouper
    services: Services
    actions: list[BanyiAction]
    engine: EngineClient
    console: LiveConsole
    vendors: Vendors
    templates: Templates
    outbound: Outbound
    inbound: Inbound
    systems: Systems
    sealer: AuditSealer
    work: Work

    async def prepare(self) -> None:
        """Index FAQ and articles, register their templates, read what is approved."""
        await self.console.refresh()
        await self.articles.refresh()
        if not await self.faq.refresh():
            await self.templates.sync()

    async def start(self) -> None:
        """Start the background work of this process."""
        self.work.start(with_workers=self.settings.workers)

    async def close(self) -> None:
        await self.work.stop()
        await self.inbound.worker.drain()
        await self.outbound.delivery.drain()
        await self.engine.close()
        await self.inbound.media.close()
        await self.vendors.close()
        await self.systems.close()
        await self.database.close()


def build(settings: Settings, clock: Clock | None = None) -> House:
    """Wire one process. Opens no connection yet."""
    crypto.install(settings.secrets.keyring)
    clock = clock or (
        VirtualClock(zone=settings.time_zone) if settings.simulators else Clock(settings.time_zone)
    )
    database = Database(settings.database, durable=settings.database_durable)
    catalogue = Catalogue(WORDING, facts(settings))
    vendors = make_vendors(settings, clock)
    templates = Templates(database, clock, catalogue, vendors, simulators=settings.simulators)
    embedder = Embedder(settings.models / "sentence-onnx")
    faq = FaqIndex(database, HybridIndex(embedder), templates.sync)
    articles = ArticleIndex(database, clock, HybridIndex(embedder, article_search.settings()))
    keep = timedelta(days=settings.questions_keep_days)
    questions = QuestionGrouper(database, clock, embedder, faq, keep)
    services = Services(
        database=database,
        clock=clock,
        faq=faq,
        articles=articles,
        gazetteer=GazetteerCache(),
        duty_hours=DutyHours.parse(settings.duty_hours),
        codes=SmsCodes(settings.sms_account, clock),
        hospital_name=settings.hospital_name,
        landline=settings.landline,
        slot_days=settings.slot_days_ahead,
        site=settings.base,
        questionnaire_link=timedelta(days=settings.questionnaire_link_days),
        questionnaire_code=timedelta(hours=settings.questionnaire_code_hours),
        mood=partial(judge, embed=partial(embed_one, embedder)),
        ear=embedder,
    )
    people, desk = CarePeople(services), CareDesk(services.due_at)
    engine, console = EngineClient(settings.engine), LiveConsole(database)
    outbound = make_outbound(settings, database, clock, catalogue, vendors, desk)
    inbound = make_inbound(settings, database, clock, engine, people, console, vendors, outbound, embedder)
    connect_sms(vendors, settings, clock, catalogue, inbound.inbox, outbound.receipts)
    systems = Systems(settings, services, outbound)
    sealer = audit_sealer(settings, database)
    work = Work(
        everywhere=[faq.run, articles.run, console.run],
        workers=[
            *inbound.jobs(),
            *outbound.jobs(),
            *vendors.jobs(),
            *upkeep(database, clock, sealer, settings.slot_days_ahead),
            *campaign_jobs(settings, database, clock, outbound, templates),
            *alert_jobs(settings, database, clock, services.duty_hours, catalogue, outbound),
            *clinic_jobs(settings, services, outbound),
            *plan_jobs(settings, services, outbound),
            *systems.jobs(),
            *coming_jobs(settings, services, outbound),
            templates.run,
            questions.run,
        ],
    )
    return House(
        settings=settings,
        clock=clock,
        database=database,
        catalogue=catalogue,
        embedder=embedder,
        faq=faq,
        articles=articles,
        questions=questions,
        services=services,
        actions=all_actions(services),
        engine=engine,
        console=console,
        vendors=vendors,
        templates=templates,
        outbound=outbound,
        inbound=inbound,
        systems=systems,
        sealer=sealer,
        work=work,
    )
