"""One patient with a WeChat contact, an article to read, and links to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as ledger
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Condition, Relation
from care.patients.service import PatientData
from channels.contacts.models import Contact, Conversation
from channels.outbox.models import OutboundMessage
from content.articles.models import Article
from content.audiences import service as audiences
from content.audiences.rules import read
from content.campaigns.models import Campaign
from content.reading import links
from content.reading.links import LinkFor
from content.reading.models import ArticleLink
from store.clock import Clock, VirtualClock
from store.database import Database
from tests.factories import articles
from tests.factories.messages import conversation
from web.signin.models import StaffUser

NAME = "欧阳海棠"


@dataclass
class Ground:
    """`patient` has agreed to nothing yet."""

    database: Database
    clock: VirtualClock
    patient: UUID
    contact: Contact
    talk: Conversation
    staff: dict[str, StaffUser]
    articles: dict[str, Article] = field(default_factory=dict)

    async def article(self, slug: str = "t2dm-first", **values: Any) -> Article:
        async with self.database.write("an article") as session:
            made = await articles.published(session, self.staff, self.clock, slug, **values)
        self.articles[slug] = made
        return made

    async def link(self, slug: str = "t2dm-first", key: str = "", **values: Any) -> str:
        """The token of a new link to the live revision."""
        async with self.database.write("a link") as session:
            article = await session.scalar(select(Article).where(Article.slug == slug))
            assert article is not None
            given = {
                "patient_id": self.patient,
                "article_id": article.id,
                "revision": article.live_revision or 1,
                "topic": article.topic,
                "source": "chat",
                "outbound_key": key,
                **values,
            }
            [path] = await links.issue(session, [LinkFor(**given)], self.clock.now())
        return path.removeprefix(links.PATH)

    async def found(self, token: str) -> ArticleLink:
        async with self.database.read("a link") as session:
            link = await links.find(session, token)
        assert link is not None
        return link

    async def agrees(self, *purposes: Purpose, granted: bool = True) -> None:
        async with self.database.write("consents") as session:
            for purpose in purposes:
                await ledger.decide(
                    session,
                    subject="patient",
                    subject_id=self.patient,
                    purpose=purpose,
                    granted=granted,
                    text_version="1",
                    channel="wechat",
                    now=self.clock.now(),
                )

    async def message(self, key: str, status: str, **values: Any) -> OutboundMessage:
        """What carries a link, already on its way."""
        async with self.database.write("a message") as session:
            row = OutboundMessage(
                **{
                    "dedup_key": key,
                    "conversation_id": self.talk.id,
                    "contact_id": self.contact.id,
                    "channel": "wechat",
                    "account_id": "hospital",
                    "patient_id": self.patient,
                    "seq": 1,
                    "purpose": "education",
                    "priority": 9,
                    "reply": {"key": "smalltalk.greet", "params": {}, "options": []},
                    "status": status,
                    "created_at": self.clock.now(),
                    "finished_at": None if status in ("queued", "sending") else self.clock.now(),
                    "attempts": 0,
                    **values,
                }
            )
            session.add(row)
        return row

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read("rows") as session:
            return list(await session.scalars(select(table)))

    def later(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta))


async def make_ground(database: Database, clock: VirtualClock) -> Ground:
    contact, talk = await conversation(database, clock)
    async with database.write("a patient") as session:
        patient_id = await _patient(session, clock)
        await patients.link_contact(session, patient_id, contact.id, Relation.SELF, at=clock.now())
    return Ground(database, clock, patient_id, contact, talk, await articles.people(database))


async def _patient(session: AsyncSession, clock: VirtualClock) -> UUID:
    data = PatientData("R7700042", NAME, "female", date(1960, 5, 1), "19900007742")
    return (await patients.create(session, data, clock.now())).id


async def diabetes_campaign(session: AsyncSession, patient: UUID, clock: Clock, days: int) -> UUID:
    """确诊糖尿病 30 天内、未读过饮食篇, sent to a patient diagnosed so many days ago; its id."""
    now = clock.now()
    rule = read(
        {
            "kind": "all",
            "rules": [
                {"kind": "condition", "codes": ["E11"], "at_most": 30},
                {"kind": "reading", "how": "read", "topics": ["diabetes"], "negate": True},
            ],
        }
    )
    day = clock.local().date() - timedelta(days=days)
    session.add(Condition(patient_id=patient, code="E11.900", display="2型糖尿病", recorded_date=day))
    version = await audiences.create(session, name="新确诊", note="", rule=rule, now=now, staff_id=None)
    made = Campaign(
        name="饮食篇",
        kind="once",
        purpose="education",
        audience_id=version.audience_id,
        audience_version_id=version.id,
        created_at=now,
        changed_at=now,
    )
    session.add(made)
    await session.flush()
    return made.id


RULE = "30天内确诊2型糖尿病，并且没有读过“糖尿病”主题的文章的患者"
"""It in words, without codes."""
