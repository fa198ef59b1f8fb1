"""One patient with something in as many tables as may be: what is left of it is what the tests ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from actions.account.bind import BindingDraft
from actions.effects import TurnEffect
from care.alerts.models import Alert
from care.consents.models import Purpose
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from care.patients.models import Patient, PatientTag, Relation
from care.privacy import consents
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from care.questionnaires.publishing import publish_shipped
from channels.inbox.models import InboundMessage
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.ports import Inbound
from channels.reply import Reply
from store.base import Base
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import conversation, inbound, say

SECRET = "我住在朝晖路，最近总是头晕"


@dataclass(frozen=True, slots=True)
class Ground:
    contact: UUID
    talk: UUID
    patient: UUID
    message: Inbound
    inbox: Inbox


async def lay(database: Database, clock: VirtualClock, folder: Path, patient: UUID | None) -> Ground:
    """`patient` None: somebody who never was bound."""
    inbox = Inbox(database, clock, Spool(folder / "spool"))
    message = inbound(SECRET, raw={"Content": SECRET})
    await inbox.accept([message])
    contact, talk = await conversation(database, clock)
    now = clock.now()
    await say(database, clock, talk, Reply("privacy.refused", {"answer": SECRET}))
    async with database.write("a person's rows") as session:
        heard = (await session.scalars(select(InboundMessage))).one()
        session.add(BindingDraft(conversation_id=talk.id, step="name", data={"name": SECRET}, updated_at=now))
        session.add(
            TurnEffect(inbound_id=heard.id, action="action_answer", n=0, effect={"replies": [SECRET]}, at=now)
        )
        await desk.open_task(
            session,
            TaskKind.COMPLAINT,
            dedup_key="complaint:1",
            now=now,
            due_at=now,
            note=SECRET,
            conversation_id=talk.id,
            contact_id=contact.id,
        )
        if patient is not None:
            await _bound(session, clock, contact.id, talk.id, patient)
    return Ground(contact.id, talk.id, patient or contact.id, message, inbox)


async def _bound(session: Any, clock: VirtualClock, contact: UUID, talk: UUID, whom: UUID) -> None:
    now = clock.now()
    patient = await session.get_one(Patient, whom)
    await patients.link_contact(session, whom, contact, Relation.SELF, at=now, label=SECRET)
    for purpose in (Purpose.BINDING, Purpose.HEALTH, Purpose.FOLLOW_UP, Purpose.SURVEY, Purpose.EDUCATION):
        await consents.decide(
            session,
            patient,
            purpose,
            True,
            by=contact,
            relation=Relation.SELF,
            channel="wechat",
            inbound_id=whom,
            now=now,
            today=clock.local().date(),
        )
    session.add(PatientTag(patient_id=whom, tag="家庭医生签约", tagged_at=now))
    session.add(
        Alert(
            dedup_key="alert:1",
            kind="emergency",
            severity="urgent",
            source="message",
            level=0,
            attempts=0,
            contact_id=contact,
            patient_id=whom,
            text=SECRET,
            opened_at=now,
        )
    )
    await publish_shipped(session, now)
    forms = (await session.scalars(select(Questionnaire).order_by(Questionnaire.name))).all()
    for form in forms:
        if form.name == "satisfaction":
            session.add(response(form, whom, contact, talk, clock))
            follow_up = response(form, whom, contact, talk, clock)
            follow_up.name = "post_op_day7"
            session.add(follow_up)


def response(
    form: Questionnaire, patient: UUID, contact: UUID, talk: UUID, clock: VirtualClock
) -> QuestionnaireResponse:
    now = clock.now()
    return QuestionnaireResponse(
        questionnaire_id=form.id,
        name=form.name,
        source="self",
        patient_id=patient,
        contact_id=contact,
        conversation_id=talk,
        status="completed",
        revision=1,
        answers={"said": SECRET},
        chased=0,
        attempts=0,
        started_at=now,
        updated_at=now,
    )


async def sealed(database: Database) -> dict[tuple[str, str], set[bytes]]:
    """Every sealed value there is, by table and column."""
    found: dict[tuple[str, str], set[bytes]] = {}
    async with database.read() as session:
        for name, table in Base.metadata.tables.items():
            for column in table.columns:
                if column.name.endswith("_sealed"):
                    values = await session.scalars(select(column).where(column.is_not(None)))
                    found[name, column.name] = {bytes(value) for value in values}
    return found


__all__ = ["SECRET", "Ground", "lay", "response", "sealed"]
