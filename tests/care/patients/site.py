"""The pages about patients over a test's database, and a day of one patient's life to look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import service as alerts
from care.alerts.models import AlertKind
from care.consents import service as consents
from care.consents.models import Purpose
from care.desk import service as desk
from care.desk.models import TaskKind
from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from care.observations.models import Observation
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.pages.desk import PatientDesk
from care.patients.pages.routes import patients_router
from care.plans.pages.patient import patient_router as patient_plans_router
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from channels.ops.words import words_of
from server.patients import timeline_sources
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.channels.ops.site import catalogue, ops_house
from tests.factories import deliveries
from web.build import build
from web.shell import install_shell
from web.signin.pages import signin_router

FEVER = "伤口有点红，昨晚烧到三十八度五"
ANSWERED = "我们马上给您回电话"
HELD = "muted"


def patients_app(database: Database, clock: VirtualClock) -> FastAPI:
    """The pages alone, with the real gate and all of the house's sources."""
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    words = catalogue()
    sources = timeline_sources(clock, partial(words_of, ops_house(clock, database, words=words)))
    gate = Gate(GateRules(), CatalogueWords(words))
    desk = PatientDesk(database, clock, sources, gate)
    app.include_router(patients_router(desk))
    app.include_router(patient_plans_router(desk))
    return app


async def a_life(database: Database, clock: VirtualClock, world: World) -> UUID:
    """王秀兰 on WeChat: a message, its answer, a push that waits, an alert, a task, a consent, a visit. Her contact's id."""
    now = clock.now()
    async with database.write("a life") as session:
        contact, talk = await deliveries.contact(session, now)
        await patients.link_contact(
            session, world.wang, contact.id, Relation.SELF, at=now - timedelta(days=9)
        )
        await deliveries.inbound(session, now - timedelta(minutes=50), text=FEVER)
        reply = {"key": "desk.reply", "params": {"text": ANSWERED}, "options": []}
        await deliveries.message(
            session, now - timedelta(minutes=40), "delivered", purpose="staff_reply", reply=reply
        )
        push = await deliveries.message(
            session,
            now - timedelta(minutes=30),
            "queued",
            purpose="follow_up",
            patient_id=world.wang,
            reason=HELD,
        )
        await deliveries.attempt(session, push, "held", gate=HELD)
        await alerts.open_alert(
            session,
            AlertKind.RED_FLAG,
            text=FEVER,
            now=now - timedelta(minutes=20),
            dedup_key=f"x:{new_id()}",
            conversation_id=talk.id,
            contact_id=contact.id,
        )
        await desk.open_task(
            session, TaskKind.CALL, dedup_key=f"c:{new_id()}", now=now - timedelta(minutes=10), due_at=now,
            patient_id=world.wang, note="请回电话",
        )  # fmt: skip
        await consents.decide(
            session, subject="patient", subject_id=world.wang, purpose=Purpose.FOLLOW_UP, granted=True,
            text_version="v1", channel="wechat", now=now - timedelta(days=8),
        )  # fmt: skip
        patients.record_event(
            session, world.wang, "encounter.discharged", now - timedelta(days=7), department="eye"
        )
        await patients.add_condition(session, world.wang, "I10.x00", "原发性高血压", None, at=now)
        await _numbers(session, world.wang, now)
        return contact.id


async def _numbers(session: AsyncSession, patient_id: UUID, now: datetime) -> None:
    """A questionnaire answered twice, and her blood pressure of six days."""
    definition = {
        "item": [
            {
                "linkId": "pain",
                "text": "伤口有多痛",
                "type": "choice",
                "answerOption": [{"valueCoding": {"code": "3", "display": "有点痛"}}],
            }
        ]
    }
    asked = Questionnaire(name="pain", version="1", title="疼痛评分", definition=definition, published_at=now)
    session.add(asked)
    await session.flush()
    for days, score in ((6, 7), (3, 3)):
        at = now - timedelta(days=days)
        session.add(
            QuestionnaireResponse(
                questionnaire_id=asked.id, name="pain", patient_id=patient_id, status="completed", channel="wechat",
                answers={"pain": "3"}, score=score, started_at=at, updated_at=at, completed_at=at,
            )
        )  # fmt: skip
    for days in range(6):
        panel, at = new_id(), now - timedelta(days=days, hours=2)
        for code, value in (("8480-6", 150 - days * 4), ("8462-4", 92 - days)):
            session.add(
                Observation(
                    patient_id=patient_id, panel_id=panel, code=code, value=value, unit="mm[Hg]", effective_at=at,
                    recorded_at=at, source="device", key=f"{days}",
                )
            )  # fmt: skip
    await session.flush()
