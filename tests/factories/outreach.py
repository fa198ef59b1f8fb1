"""A small town's rows as sending, reading and visiting leave them: campaigns and recipients, reads, appointments, answers, messages.

Every row is kept in `Town.rows`, so that a test can read the same facts in plain Python.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Schedule, Slot
from care.consents.models import ConsentNow
from care.desk.models import DeskTask
from care.hospital.models import HealthcareService, Location, Practitioner
from care.patients.models import PatientContact
from care.patients.service import PatientData, build
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from content.articles.models import Article
from content.audiences.models import Audience, AudienceVersion
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant
from content.campaigns.personal import OFF
from content.reading.models import ArticleFeedback, ArticleRead, ArticleSent, ArticleTally
from store.base import Base
from store.clock import Clock
from store.ids import new_id

_numbers = itertools.count(1)
R = TypeVar("R", bound=Base)


@dataclass
class Town:
    """Who and what there is. `people`: patient → conversation; `departments` have a clinic each; `articles` by slug."""

    session: AsyncSession
    clock: Clock
    rows: list[Base] = field(default_factory=list)
    people: dict[UUID, Conversation] = field(default_factory=dict)
    departments: list[HealthcareService] = field(default_factory=list)
    slots: dict[UUID, Slot] = field(default_factory=dict)
    articles: list[Article] = field(default_factory=list)
    audiences: list[Audience] = field(default_factory=list)
    survey: Questionnaire | None = None

    def add(self, row: R) -> R:
        self.session.add(row)
        self.rows.append(row)
        return row

    def of(self, kind: type[R]) -> list[R]:
        return [row for row in self.rows if isinstance(row, kind)]

    @property
    def patients(self) -> list[UUID]:
        return list(self.people)

    def campaign(self, name: str, arms: str = "ab", audience: int = 0, **values: Any) -> Campaign:
        """A running campaign with a variant an arm, each of another article."""
        now, of = self.clock.now(), self.audiences[audience]
        version = next(one for one in self.of(AudienceVersion) if one.audience_id == of.id)
        made = self.add(
            Campaign(
                **{
                    "name": name,
                    "kind": "once",
                    "state": "running",
                    "purpose": "education",
                    "audience_id": of.id,
                    "audience_version_id": version.id,
                    "created_at": now,
                    "changed_at": now,
                    **values,
                }
            )
        )
        for arm, article in zip(arms, self.articles, strict=False):
            self.add(CampaignVariant(campaign_id=made.id, arm=arm, article_id=article.id, revision=1))
        return made

    def recipient(
        self,
        campaign: Campaign,
        patient: UUID,
        at: datetime,
        state: str = "sent",
        arm: str = "a",
        occurrence: int = 1,
        **values: Any,
    ) -> CampaignRecipient:
        """One person once; a state of `held_out` is of the hold-out."""
        held = state == "held_out"
        return self.add(
            CampaignRecipient(
                **{
                    "campaign_id": campaign.id,
                    "occurrence": occurrence,
                    "patient_id": patient,
                    "arm": "holdout" if held else arm,
                    "state": state,
                    "planned_at": at,
                    "channel": None if held else self.people[patient].channel,
                    **values,
                }
            )
        )

    def read(
        self, patient: UUID, article: Article, at: datetime, campaign: Campaign | None = None, **values: Any
    ) -> ArticleRead:
        """A look at an article, by a campaign's link or from elsewhere."""
        return self.add(
            ArticleRead(
                **{
                    "patient_id": patient,
                    "article_id": article.id,
                    "topic": "diabetes",
                    "opened_at": at,
                    "source": "campaign" if campaign else "chat",
                    "campaign_id": campaign.id if campaign else None,
                    "arm": "a" if campaign else "",
                    **values,
                }
            )
        )

    def sent(self, patient: UUID, article: Article, at: datetime) -> ArticleSent:
        return self.add(ArticleSent(patient_id=patient, article_id=article.id, topic="diabetes", sent_at=at))

    def said(self, article: Article, at: datetime, helpful: bool) -> ArticleFeedback:
        """An answer to 有帮助吗."""
        mark = f"mark-{next(_numbers)}"
        return self.add(ArticleFeedback(mark=mark, article_id=article.id, revision=1, helpful=helpful, at=at))

    def looks(self, article: Article, at: datetime, opened: int) -> ArticleTally:
        day = self.clock.local(at).date()
        return self.add(ArticleTally(article_id=article.id, revision=next(_numbers), day=day, opened=opened))

    def agreed(self, patient: UUID) -> ConsentNow:
        """The patient lets us keep what they read."""
        now = self.clock.now()
        return self.add(
            ConsentNow(subject_id=patient, purpose="tracking", granted=True, consent_id=new_id(), at=now)
        )

    def appointment(
        self, patient: UUID, start: datetime, made: datetime, status: str, department: int = 0, **values: Any
    ) -> Appointment:
        of = self.departments[department]
        slot = self.slots[of.id]
        return self.add(
            Appointment(
                **{
                    "status": status,
                    "patient_id": patient,
                    "slot_id": slot.id,
                    "practitioner_id": slot.practitioner_id,
                    "department_id": of.id,
                    "start": start,
                    "day": self.clock.local(start).date(),
                    "part": f"p{next(_numbers)}",
                    "fee_fen": 0,
                    "created_via": "wechat",
                    "created_at": made,
                    "changed_at": made,
                    **values,
                }
            )
        )

    def answers(
        self, patient: UUID, begun: datetime, status: str, score: int | None
    ) -> QuestionnaireResponse:
        assert self.survey is not None
        done = status == "completed"
        return self.add(
            QuestionnaireResponse(
                questionnaire_id=self.survey.id,
                name=self.survey.name,
                patient_id=patient,
                status=status,
                answers={},
                score=score if done else None,
                started_at=begun,
                updated_at=begun,
                completed_at=begun + timedelta(minutes=3) if done else None,
            )
        )

    def wrote(self, patient: UUID, at: datetime, **values: Any) -> InboundMessage:
        """A message of the patient."""
        talk, number = self.people[patient], next(_numbers)
        return self.add(
            InboundMessage(
                **{
                    "conversation_id": talk.id,
                    "contact_id": talk.contact_id,
                    "seq": number,
                    "channel": talk.channel,
                    "account_id": talk.account_id,
                    "vendor_key": f"town:{number}",
                    "kind": "text",
                    "text": "你好",
                    "received_at": at,
                    "status": "handled",
                    **values,
                }
            )
        )

    def task(self, patient: UUID, at: datetime, kind: str = "human_request", **values: Any) -> DeskTask:
        return self.add(
            DeskTask(
                **{
                    "dedup_key": f"town:{next(_numbers)}",
                    "kind": kind,
                    "conversation_id": self.people[patient].id,
                    "created_at": at,
                    "due_at": at + timedelta(minutes=30),
                    **values,
                }
            )
        )

    def staff_wrote(self, patient: UUID, at: datetime) -> OutboundMessage:
        """Words of a member of staff."""
        talk, number = self.people[patient], next(_numbers)
        return self.add(
            OutboundMessage(
                dedup_key=f"town-staff:{number}",
                conversation_id=talk.id,
                contact_id=talk.contact_id,
                channel=talk.channel,
                account_id=talk.account_id,
                seq=number,
                purpose="staff_reply",
                reply={"key": "desk.reply", "params": {}, "options": []},
                status="accepted",
                created_at=at,
                finished_at=at,
                attempts=1,
            )
        )


async def town(session: AsyncSession, clock: Clock, people: int = 40, articles: int = 3) -> Town:
    """People with a conversation each (every fifth by SMS), two clinics, articles, two audiences, a survey."""
    made, now = Town(session, clock), clock.now()
    place = made.add(Location(building="门诊楼", floor=3, place="门诊楼3层"))
    await session.flush()
    for code, name in (("endo", "内分泌科"), ("cardio", "心血管内科")):
        made.departments.append(
            made.add(
                HealthcareService(code=code, name=name, standard=name, location_id=place.id, place="3层")
            )
        )
    await session.flush()
    for number, of in enumerate(made.departments):
        doctor = made.add(
            Practitioner(code=f"D{number}", name="张医生", title="主任医师", department_id=of.id)
        )
        await session.flush()
        plan = made.add(
            Schedule(
                practitioner_id=doctor.id, department_id=of.id, weekday=0, part="morning",
                starts=now.time(), ends=now.time(), slot_minutes=30, capacity=9, fee_fen=0,
            )
        )  # fmt: skip
        await session.flush()
        made.slots[of.id] = made.add(
            Slot(
                schedule_id=plan.id, practitioner_id=doctor.id, department_id=of.id, start=now, end=now,
                day=now.date(), part="morning", capacity=9, fee_fen=0,
            )
        )  # fmt: skip
    for number in range(people):
        patient = made.add(build(PatientData(f"T{number:05d}", "测试", "female"), now))
        channel = "sms" if number % 5 == 0 else "wechat"
        contact = made.add(
            Contact(
                channel=channel, account_id="a", address=f"{number}", address_hash=f"{number}", created_at=now
            )
        )
        await session.flush()
        talk = made.add(Conversation(contact_id=contact.id, channel=channel, account_id="a"))
        made.add(
            PatientContact(patient_id=patient.id, contact_id=contact.id, relation="self", confirmed_at=now)
        )
        made.people[patient.id] = talk
    for number in range(articles):
        made.articles.append(
            made.add(
                Article(
                    slug=f"article-{number}", title=f"文章{number}", topic="diabetes", live_revision=1,
                    created_at=now, changed_at=now,
                )
            )
        )  # fmt: skip
    for name in ("新确诊糖友", "术后一月"):
        of = made.add(Audience(name=name, created_at=now, changed_at=now))
        made.audiences.append(of)
        await session.flush()
        made.add(AudienceVersion(audience_id=of.id, number=1, rule={}, created_at=now))
    made.survey = made.add(
        Questionnaire(name="satisfaction", version="1", title="就诊满意度", definition={}, published_at=now)
    )
    await session.flush()
    return made


def some_months(made: Town, chance: random.Random, campaigns: int = 3) -> None:
    """Three months of a little of everything, borders of days and months included."""
    now = made.clock.now()
    first = made.clock.local(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    borders = [first, first - timedelta(seconds=1), (first - timedelta(days=1)).replace(day=1)]

    def when() -> datetime:
        back = now - timedelta(seconds=chance.randrange(90 * 86400))
        return chance.choice((back, back, back, back, *borders)).astimezone(now.tzinfo)

    def after(at: datetime) -> datetime:
        """Soon after, sometimes to the very end of the fourteen days."""
        span = chance.choice((timedelta(days=14), timedelta(days=14, seconds=1), None))
        return at + (span or timedelta(seconds=chance.randrange(20 * 86400)))

    patients = made.patients
    for patient in patients:
        if chance.random() < 0.6:
            made.agreed(patient)
    for number in range(campaigns):
        of = made.campaign(f"推送{number}", audience=number % 2, holdout_percent=30)
        for occurrence in (1, 2):
            for patient in chance.sample(patients, len(patients) * 3 // 4):
                held = (hash_of(patient) + number) % 3 == 0
                states = ("sent", "delivered", "delivered", "failed", "suppressed", "skipped", "uncertain")
                state = "held_out" if held else chance.choice(states)
                at = when()
                why = chance.choice((OFF, "no_contact")) if state == "skipped" else None
                later = at if chance.random() < 0.5 else None
                arm = "" if why == OFF and later is None else chance.choice("ab")
                made.recipient(of, patient, at, state, arm, occurrence, reason=why, settled_at=later)
                if state in ("sent", "delivered") and chance.random() < 0.5:
                    opened = after(at)
                    ends = opened + timedelta(minutes=2) if chance.random() < 0.5 else None
                    made.read(patient, made.articles[0], opened, of, finished_at=ends)
                if chance.random() < 0.2:
                    made.appointment(
                        patient, after(at), at - timedelta(days=chance.choice((-1, 0, 2))),
                        chance.choice(("arrived", "fulfilled", "noshow", "noshow", "cancelled", "booked")),
                        chance.randrange(2), created_via=chance.choice(("wechat", "sms", "staff")),
                    )  # fmt: skip
                if chance.random() < 0.1:
                    made.wrote(patient, after(at), resolved=chance.choice((None, "opt:content", "desk")))
    for _ in range(len(patients) * 3):
        patient = chance.choice(patients)
        made.sent(patient, chance.choice(made.articles), when())
        made.answers(
            patient, when(), chance.choice(("completed", "stopped", "in-progress")), chance.randint(1, 5)
        )
        made.said(chance.choice(made.articles), when(), chance.random() < 0.6)
        at = when()
        kind = chance.choice(("text", "text", "voice", "event"))
        made.wrote(patient, at, kind=kind, intent=chance.choice((None, "greet", "complain")))
        if chance.random() < 0.5:
            done = chance.choice((None, at + timedelta(hours=1)))
            kind = chance.choice(("human_request", "human_request", "complaint", "uncertain_send"))
            made.task(patient, at, kind, done_at=done)
        if chance.random() < 0.5:
            made.staff_wrote(patient, at + timedelta(seconds=chance.randrange(5000)))
    for article in made.articles:
        made.looks(article, when(), chance.randint(1, 30))


def hash_of(patient: UUID) -> int:
    """The arm of a person is the same in every occurrence."""
    return patient.int % 1009
