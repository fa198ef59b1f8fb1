"""A crowd with a little of everything, as plain values and as rows; small vocabularies, so that rules meet."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow
from care.hospital.models import HealthcareService, Location
from care.patients.models import Condition, Patient, PatientContact, PatientTag
from care.patients.service import PatientData, build
from care.questionnaires.models import AnswerNow
from care.records.models import Encounter, Pregnancy, Procedure
from channels.contacts.models import Contact
from content.articles.models import Article
from content.audiences.day import Day
from content.reading.models import ArticleRead, ArticleSent
from store.ids import new_id

CODES = ["E11.900", "E11.200", "E10.900", "E1", "I10.x00", "I25.103", "N18.3", "Z34.900", "E110", "E12"]
SURGERIES = ["80.6x00", "81.5400", "51.2300"]
DEPARTMENTS = ["endocrinology", "cardiology", "obgyn"]
TOPICS = ["diabetes", "heart"]
ARTICLES = {f"article-{n}": UUID(int=n + 1) for n in range(4)}
"""Slug → id."""
TAGS = ["家庭医生", "随访中"]
REGIONS = [None, "330106", "330110", "310104", "33"]
LANGUAGES = [None, "zh", "en", "bo"]
PURPOSES = ["education", "follow_up"]


@dataclass
class Person:
    """Dates are the hospital's own."""

    id: UUID
    sex: str
    birth_year: int | None
    status: str
    region: str | None
    language: str | None
    conditions: list[tuple[str, date, date | None]] = field(default_factory=list)
    encounters: list[tuple[str, str, date, date | None]] = field(default_factory=list)
    procedures: list[tuple[str, str, date]] = field(default_factory=list)
    pregnancies: list[tuple[date, date | None, str | None]] = field(default_factory=list)
    answers: list[tuple[str, str, str | None, float | None, date]] = field(default_factory=list)
    sent: list[tuple[str, str, datetime]] = field(default_factory=list)
    reads: list[tuple[str, str, datetime, datetime | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    contacts: list[tuple[str, str]] = field(default_factory=list)
    consents: dict[str, bool] = field(default_factory=dict)


def crowd(chance: random.Random, day: Day, number: int = 80) -> list[Person]:
    return [_person(chance, day) for _ in range(number)]


def _person(chance: random.Random, day: Day) -> Person:
    def ago(most: int = 120, ahead: int = 3) -> date:
        return day.today - timedelta(days=chance.choice((-ahead, 0, 1, 7, 30, 31, chance.randint(0, most))))

    def some(most: int = 3) -> range:
        return range(chance.choice((0, 0, 1, 1, 2, most)))

    def moment() -> datetime:
        return day.begins(ago(40, 0)) + timedelta(
            seconds=chance.choice((0, 1, 86_399, chance.randint(0, 86_399)))
        )

    def ended() -> date | None:
        return chance.choice((None, None, ago(60, 5)))

    def article() -> tuple[str, str]:
        number = chance.randrange(len(ARTICLES))
        return list(ARTICLES)[number], TOPICS[number % 2]

    codes, surgeries = chance.sample(CODES, len(some(4))), [chance.choice(SURGERIES) for _ in some()]
    return Person(
        id=new_id(),
        sex=chance.choice(("male", "female", "female", "unknown")),
        birth_year=chance.choice((None, *range(day.today.year - 90, day.today.year))),
        status=chance.choice(("active",) * 8 + ("died", "moved")),
        region=chance.choice(REGIONS),
        language=chance.choice(LANGUAGES),
        conditions=[(code, ago(), ended()) for code in codes],
        encounters=list(
            {
                (kind, place, start): (kind, place, start, chance.choice((None, ago(20))))
                for kind, place, start in (
                    (
                        chance.choice(("outpatient", "inpatient", "emergency")),
                        chance.choice(DEPARTMENTS),
                        ago(),
                    )
                    for _ in some(5)
                )
            }.values()
        ),
        procedures=list(
            {
                (code, when): (code, chance.choice(("planned", "completed", "cancelled")), when)
                for code, when in ((code, ago(60, chance.randint(0, 40))) for code in surgeries)
            }.values()
        ),
        pregnancies=list(
            {
                lmp: (lmp, when, chance.choice(("birth", "loss")) if when else None)
                for lmp, when in ((ago(320), ended()) for _ in some(1))
            }.values()
        ),
        answers=[
            (name, item, code, number, ago(60, 0))
            for name, item, code, number in (
                ("satisfaction", "overall", chance.choice("12345"), None),
                ("satisfaction", "", None, float(chance.randint(0, 10))),
                ("phq", "", None, float(chance.randint(0, 27))),
            )
            if chance.random() < 0.5
        ],
        sent=[(*article(), moment()) for _ in some()],
        reads=[(*article(), opened, chance.choice((None, opened))) for opened in (moment() for _ in some())],
        tags=[tag for tag in TAGS if chance.random() < 0.3],
        contacts=[
            (channel, chance.choice(("active", "active", "stopped")))
            for channel in ("wechat", "sms")
            if chance.random() < 0.6
        ],
        consents={one: chance.random() < 0.6 for one in PURPOSES if chance.random() < 0.7},
    )


async def store(session: AsyncSession, people: list[Person], now: datetime) -> None:
    """The crowd as rows, with the departments they went to."""
    place = Location(building="门诊楼", floor=3, place="门诊楼3层", campus="", area="")
    session.add(place)
    await session.flush()
    departments = {
        code: HealthcareService(
            code=code, name=code, standard="内分泌科", aliases=[], location_id=place.id, place=place.place
        )
        for code in DEPARTMENTS
    }
    session.add_all(departments.values())
    session.add_all(
        Article(id=key, slug=slug, title=f"文章{slug}", topic="diabetes", created_at=now, changed_at=now)
        for slug, key in ARTICLES.items()
    )
    contacts = []
    for number, one in enumerate(people):
        row: Patient = build(PatientData(f"T{number:05d}", "测试", one.sex), now, one.id)
        row.birth_year, row.status = one.birth_year, one.status
        row.residence_code, row.language = one.region, one.language
        session.add(row)
        for channel, status in one.contacts:
            contact = Contact(
                channel=channel, account_id="a", address=f"{number}", address_hash=f"{channel}-{one.id}",
                status=status, created_at=now,
            )  # fmt: skip
            contacts.append((one.id, contact))
            session.add(contact)
    await session.flush()
    for patient_id, contact in contacts:
        session.add(
            PatientContact(patient_id=patient_id, contact_id=contact.id, relation="self", confirmed_at=now)
        )
    for one in people:
        session.add_all(_facts(one, {code: row.id for code, row in departments.items()}, now))
    await session.flush()


def _facts(one: Person, departments: dict[str, UUID], now: datetime) -> list[object]:
    mine = {"patient_id": one.id}
    return [
        *(Condition(**mine, code=c, display=c, recorded_date=r, ended_date=e) for c, r, e in one.conditions),
        *(
            Encounter(**mine, kind=k, department_id=departments[d], start_date=s, end_date=e)
            for k, d, s, e in one.encounters
        ),
        *(Procedure(**mine, code=c, display=c, status=s, performed_date=d) for c, s, d in one.procedures),
        *(Pregnancy(**mine, lmp_date=lmp, ended_date=e, outcome=o) for lmp, e, o in one.pregnancies),
        *(
            AnswerNow(
                **mine, questionnaire=q, link_id=i, code=c, number=n, answered_date=d, response_id=new_id()
            )
            for q, i, c, n, d in one.answers
        ),
        *(ArticleSent(**mine, article_id=ARTICLES[a], topic=t, sent_at=at) for a, t, at in one.sent),
        *(
            ArticleRead(**mine, article_id=ARTICLES[a], topic=t, opened_at=o, finished_at=f, source="chat")
            for a, t, o, f in one.reads
        ),
        *(PatientTag(**mine, tag=tag, tagged_at=now) for tag in one.tags),
        *(
            ConsentNow(subject_id=one.id, purpose=p, granted=g, consent_id=new_id(), at=now)
            for p, g in one.consents.items()
        ),
    ]
