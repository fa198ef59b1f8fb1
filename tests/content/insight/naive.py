"""The same figures read row by row in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from care.appointments.models import Appointment
from care.consents.models import ConsentNow
from care.desk.models import DeskTask
from care.questionnaires.models import QuestionnaireResponse
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from content.audiences.models import Audience
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant
from content.campaigns.personal import OFF
from content.insight.figures.rows import GrumbleRow, MarkRow, Reached, TalkRow, WaitRow
from content.insight.period import Period
from content.reading.models import ArticleFeedback, ArticleRead, ArticleSent, ArticleTally
from tests.factories.outreach import Town


def inside(period: Period, at: datetime | None) -> bool:
    return at is not None and period.first <= at.astimezone(period.zone).date() < period.after


def month(period: Period, day: date) -> int:
    return (day.year - period.first.year) * 12 + day.month - period.first.month


def month_at(period: Period, at: datetime) -> int:
    return month(period, at.astimezone(period.zone).date())


def reached(town: Town, period: Period, now: datetime) -> list[Reached]:
    people: dict[tuple[UUID, UUID, str], list[CampaignRecipient]] = defaultdict(list)
    for row in town.of(CampaignRecipient):
        if inside(period, row.planned_at) and (row.reason != OFF or row.settled_at):
            people[row.campaign_id, row.patient_id, row.arm].append(row)
    agreed = {one.subject_id for one in town.of(ConsentNow) if one.purpose == "tracking" and one.granted}
    patient_of = {talk.id: patient for patient, talk in town.people.items()}
    counts: dict[tuple[UUID, str, str], Counter[str]] = defaultdict(Counter)
    for (campaign, patient, arm), rows in people.items():
        at = min(row.planned_at for row in rows)
        until = at + period.window
        channel = max((row.channel for row in rows if row.channel), default="")
        sent = any(row.state in ("sent", "delivered") for row in rows)
        reads = [one for one in town.of(ArticleRead) if one.patient_id == patient]
        looked = [
            one
            for one in reads
            if one.campaign_id == campaign and one.opened_at >= period.begins(period.first)
        ]
        delivered = any(row.state == "delivered" for row in rows) or bool(looked)
        booked = any(
            one.patient_id == patient and at < one.created_at <= until for one in town.of(Appointment)
        )
        other = (
            booked
            or any(
                one.patient_id == patient and one.completed_at and at < one.completed_at <= until
                for one in town.of(QuestionnaireResponse)
            )
            or any(
                patient_of[one.conversation_id] == patient
                and at < one.received_at <= until
                and one.kind != "event"
                and not (one.resolved or "").startswith("opt:")
                for one in town.of(InboundMessage)
            )
        )
        read = [one for one in reads if at < one.opened_at <= until]
        fair = other or any(one.campaign_id != campaign for one in read)
        due = [
            one
            for one in town.of(Appointment)
            if one.patient_id == patient
            and one.created_at <= at < one.start <= until
            and one.status in ("arrived", "fulfilled", "noshow")
        ]
        over = until <= now
        counts[campaign, arm, channel].update(
            {
                "planned": 1,
                "sent": sent,
                "delivered": sent and delivered,
                "counted": sent and delivered and (patient in agreed or bool(looked)),
                "opened": sent and bool(looked),
                "finished": sent and any(one.finished_at for one in looked),
                "back": sent and (other or bool(read)),
                "over": over,
                "fair": over and fair,
                "booked": over and booked,
                "due": over and bool(due),
                "noshow": over and any(one.status == "noshow" for one in due),
            }
        )
    names = {one.id: one for one in town.of(Campaign)}
    audiences = {one.id: one.name for one in town.of(Audience)}
    titles = {one.id: one.title for one in town.articles}
    article = {(one.campaign_id, one.arm): titles[one.article_id] for one in town.of(CampaignVariant)}
    return sorted(
        Reached(
            campaign=names[campaign].name,
            audience=audiences[names[campaign].audience_id],
            article=article.get((campaign, arm), ""),
            arm=arm,
            channel=channel,
            **{name: int(found[name]) for name in Reached._fields[5:]},
        )
        for (campaign, arm, channel), found in counts.items()
    )


def articles(town: Town, period: Period) -> dict[str, list[int]]:
    found = {}
    for one in town.articles:
        sent = {
            row.patient_id
            for row in town.of(ArticleSent)
            if row.article_id == one.id and inside(period, row.sent_at)
        }
        reads = [
            row for row in town.of(ArticleRead) if row.article_id == one.id and inside(period, row.opened_at)
        ]
        looks = sum(
            row.opened
            for row in town.of(ArticleTally)
            if row.article_id == one.id and period.first <= row.day < period.after
        )
        said = [
            row.helpful
            for row in town.of(ArticleFeedback)
            if row.article_id == one.id and inside(period, row.at)
        ]
        numbers = [
            len(sent),
            len({row.patient_id for row in reads}),
            len({row.patient_id for row in reads if row.finished_at}),
            looks,
            said.count(True),
            said.count(False),
        ]
        if any(numbers):
            found[one.slug] = numbers
    return found


def visits(town: Town, period: Period) -> Counter[tuple[Any, ...]]:
    names = {one.id: one.name for one in town.departments}
    return Counter(
        (month(period, one.day), names[one.department_id], one.created_via, one.status)
        for one in town.of(Appointment)
        if period.first <= one.day < period.after
    )


def marks(town: Town, period: Period) -> list[MarkRow]:
    found = Counter(
        (month_at(period, one.started_at), one.score)
        for one in town.of(QuestionnaireResponse)
        if one.status == "completed" and inside(period, one.started_at)
    )
    return sorted(MarkRow(place, score or 0, count) for (place, score), count in found.items())


def surveys(town: Town, period: Period) -> Counter[str]:
    return Counter(one.status for one in town.of(QuestionnaireResponse) if inside(period, one.started_at))


def talks(town: Town, period: Period) -> list[TalkRow]:
    def day(at: datetime) -> date:
        return at.astimezone(period.zone).date()

    wrote = {
        (one.conversation_id, day(one.received_at), one.channel)
        for one in town.of(InboundMessage)
        if one.kind != "event" and inside(period, one.received_at)
    }
    people = {
        (one.conversation_id, day(one.created_at))
        for one in town.of(DeskTask)
        if one.kind != "uncertain_send"
    } | {(one.conversation_id, day(one.created_at)) for one in town.of(OutboundMessage)}
    found: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for talk, on, channel in wrote:
        found[month(period, on), channel][0] += 1
        found[month(period, on), channel][1] += (talk, on) in people
    return sorted(TalkRow(*key, *counts) for key, counts in found.items())


def waits(town: Town, period: Period) -> list[WaitRow]:
    by_month: dict[int, list[tuple[int | None, bool]]] = defaultdict(list)
    for task in town.of(DeskTask):
        if task.kind != "human_request" or not inside(period, task.created_at):
            continue
        said = [
            one.created_at
            for one in town.of(OutboundMessage)
            if one.conversation_id == task.conversation_id
            and task.created_at <= one.created_at
            and (task.done_at is None or one.created_at <= task.done_at)
        ]
        first = min(said, default=None)
        wait = round((first - task.created_at) / timedelta(seconds=1)) if first else None
        in_time = first is not None and first <= task.due_at
        for place in (month_at(period, task.created_at), -1):
            by_month[place].append((wait, in_time))
    found = []
    for place, rows in by_month.items():
        spans = sorted(wait for wait, _ in rows if wait is not None)

        def rank(share: float, spans: list[int] = spans) -> int | None:
            """The smallest span with at least so many at or below it."""
            enough = [one for at, one in enumerate(spans, 1) if at >= share * len(spans)]
            return enough[0] if enough else None

        in_time = sum(early for _, early in rows)
        found.append(WaitRow(place, len(rows), len(spans), in_time, rank(0.5), rank(0.9)))
    return sorted(found)


def grumbles(town: Town, period: Period) -> list[GrumbleRow]:
    tasks = Counter(
        month_at(period, one.created_at)
        for one in town.of(DeskTask)
        if one.kind == "complaint" and inside(period, one.created_at)
    )
    said = Counter(
        month_at(period, one.received_at)
        for one in town.of(InboundMessage)
        if one.intent == "complain" and inside(period, one.received_at)
    )
    return sorted(GrumbleRow(place, tasks[place], said[place]) for place in tasks | said)
