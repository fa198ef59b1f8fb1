"""What actions work with: handed in once by the composition root, the same for every turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.rules import DAYS_AHEAD
from care.desk.due import due_at
from care.desk.hours import DutyHours
from care.desk.models import TaskKind
from care.hospital.gazetteer import GazetteerCache
from care.reports.ports import ReportSystem
from care.reports.service import StoredReports
from content.articles.search import ArticleHit
from content.articles.texts import PublishedText
from content.faq.search import FaqHit
from language.screen import Ear
from language.sentiment import Judged, judge
from store.clock import Clock
from store.database import Database


class FaqSearch(Protocol):
    """The FAQ's search. `answer_from` and `offer_from` are the scores from which an entry is said, or offered."""

    answer_from: float
    offer_from: float

    async def search(self, text: str, k: int = 4) -> Sequence[FaqHit]: ...

    def entry(self, entry_id: str) -> FaqHit | None: ...


class ArticleSearch(Protocol):
    """The published articles: what answers a question, and all of them."""

    answer_from: float
    offer_from: float

    async def search(self, text: str, k: int = 4) -> Sequence[ArticleHit]: ...

    async def ready(self) -> None: ...

    def article(self, slug: str) -> PublishedText | None: ...

    def published(self) -> Collection[PublishedText]: ...


class PhoneCodes(Protocol):
    """Sends a binding code to a phone, in the caller's transaction (an SMS row)."""

    async def send(self, session: AsyncSession, phone: str, code: str, dedup_key: str) -> None: ...


@dataclass(slots=True)
class Services:
    """`site`: where patients reach our pages, without the last slash. `answer_within`: how soon people promise to answer while on duty.
    `slot_days`: so many days ahead can be booked.
    `questionnaire_link`, `questionnaire_code`: how long these are good.
    `mood` judges a comment (without an embedder a little worse)."""

    database: Database
    clock: Clock
    faq: FaqSearch
    articles: ArticleSearch
    gazetteer: GazetteerCache
    duty_hours: DutyHours
    codes: PhoneCodes
    hospital_name: str
    landline: str
    site: str
    answer_within: timedelta = timedelta(minutes=30)
    slot_days: int = DAYS_AHEAD
    questionnaire_link: timedelta = timedelta(days=14)
    questionnaire_code: timedelta = timedelta(hours=72)
    mood: Callable[[str], Judged] = judge
    reports: ReportSystem = field(default_factory=StoredReports)
    """Where the hospital's reports are."""
    ear: Ear | None = None
    """The sentence model, for advice by meaning."""

    def due_at(self, kind: TaskKind, now: datetime) -> datetime:
        """By when people see to a task of this kind (`care.desk.due`)."""
        return due_at(kind, now, clock=self.clock, hours=self.duty_hours, answer_within=self.answer_within)
