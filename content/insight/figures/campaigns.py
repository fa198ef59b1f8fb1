"""Who was sent what, opened it, came back; and the same of those who were held out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, and_, case, func, literal, null, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Status
from care.consents.models import ConsentNow, Purpose
from care.patients.models import PatientContact
from care.questionnaires.models import QuestionnaireResponse
from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from content.articles.models import Article
from content.audiences.models import Audience
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant
from content.campaigns.personal import OFF
from content.insight.figures.rows import Reached
from content.insight.period import Period
from content.insight.sqltime import days_after, hash_joins
from content.reading.models import ArticleRead

HOLDOUT = "holdout"
CAME = (Status.ARRIVED, Status.FULFILLED)


async def reached(session: AsyncSession, period: Period, now: datetime) -> list[Reached]:
    """One pass over the recipients planned in the period, by campaign, arm and channel."""
    await hash_joins(session)
    people = _people(period)
    came = _came_back(session, period, people)
    due = _due(session, period, people)
    reads = _reads(period)
    agreed = (
        select(ConsentNow.subject_id)
        .where(ConsentNow.purpose == Purpose.TRACKING, ConsentNow.granted)
        .subquery()
    )
    opened = reads.c.patient_id.is_not(None)
    sent = people.c.sent == 1
    over = days_after(session, people.c.planned_at, period.days) <= now
    channel = func.coalesce(people.c.channel, "")
    rows = await session.execute(
        select(
            people.c.campaign_id,
            people.c.arm,
            channel,
            func.count(),
            _count(sent),
            _count(and_(sent, or_(people.c.delivered == 1, opened))),
            _count(and_(sent, or_(opened, and_(people.c.delivered == 1, agreed.c.subject_id.is_not(None))))),
            _count(and_(sent, opened)),
            _count(and_(sent, reads.c.finished == 1)),
            _count(and_(sent, came.c.patient_id.is_not(None))),
            _count(over),
            _count(and_(over, came.c.fair == 1)),
            _count(and_(over, came.c.booked == 1)),
            _count(and_(over, due.c.patient_id.is_not(None))),
            _count(and_(over, due.c.missed == 1)),
        )
        .select_from(people)
        .outerjoin(reads, _same_person(people, reads))
        .outerjoin(agreed, agreed.c.subject_id == people.c.patient_id)
        .outerjoin(came, and_(_same_person(people, came), came.c.arm == people.c.arm))
        .outerjoin(due, and_(_same_person(people, due), due.c.arm == people.c.arm))
        .group_by(people.c.campaign_id, people.c.arm, channel)
    )
    found = rows.all()
    named = {
        one.id: (one.name, audience)
        for one, audience in await session.execute(
            select(Campaign, Audience.name)
            .join(Audience, Audience.id == Campaign.audience_id)
            .where(Campaign.id.in_({row[0] for row in found}))
        )
    }
    titles = {
        (campaign, arm): title
        for campaign, arm, title in await session.execute(
            select(CampaignVariant.campaign_id, CampaignVariant.arm, Article.title)
            .join(Article, Article.id == CampaignVariant.article_id)
            .where(CampaignVariant.campaign_id.in_(named))
        )
    }
    made = [
        Reached(*named[row[0]], titles.get((row[0], row[1]), ""), *row[1:])
        for row in found
        if row[0] in named
    ]
    return sorted(made)


def _count(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _same_person(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(other.c.campaign_id == one.c.campaign_id, other.c.patient_id == one.c.patient_id)


def _people(period: Period) -> CTE:
    """A row a patient, campaign and arm: planned first when, ever sent, ever delivered.

    Who had switched personal content off was left out before the draw, so neither arm has them. Who did so later, or turned out
    to have no address, is in both.
    """
    row = CampaignRecipient
    return (
        select(
            row.campaign_id,
            row.patient_id,
            row.arm,
            func.max(row.channel).label("channel"),
            func.min(row.planned_at).label("planned_at"),
            func.max(case((row.state.in_(("sent", "delivered")), 1), else_=0)).label("sent"),
            func.max(case((row.state == "delivered", 1), else_=0)).label("delivered"),
        )
        .where(
            period.holds(row.planned_at),
            or_(func.coalesce(row.reason, "") != OFF, row.settled_at.is_not(None)),
        )
        .group_by(row.campaign_id, row.patient_id, row.arm)
        .cte("people")
    )


def _reads(period: Period) -> Any:
    """Who opened a campaign's link, and who reached the end."""
    return (
        select(
            ArticleRead.campaign_id,
            ArticleRead.patient_id,
            func.max(case((ArticleRead.finished_at.is_not(None), 1), else_=0)).label("finished"),
        )
        .where(ArticleRead.campaign_id.is_not(None), ArticleRead.opened_at >= period.begins(period.first))
        .group_by(ArticleRead.campaign_id, ArticleRead.patient_id)
        .subquery()
    )


def _came_back(session: AsyncSession, period: Period, people: CTE) -> Any:
    """Who did something by themselves within the days: whether that was a booking, and whether it counts for both arms alike."""
    first, last = period.begins(period.first), period.begins(period.after) + period.window

    def acts(patient: Any, at: Any, booked: int, campaign: Any) -> Any:
        return select(
            patient.label("patient_id"),
            at.label("at"),
            literal(booked).label("booked"),
            campaign.label("campaign_id"),
        ).where(at > first, at <= last)

    nothing = null().cast(ArticleRead.campaign_id.type)
    done = union_all(
        acts(ArticleRead.patient_id, ArticleRead.opened_at, 0, ArticleRead.campaign_id),
        acts(QuestionnaireResponse.patient_id, QuestionnaireResponse.completed_at, 0, nothing),
        acts(Appointment.patient_id, Appointment.created_at, 1, nothing),
        acts(PatientContact.patient_id, InboundMessage.received_at, 0, nothing)
        .select_from(InboundMessage)
        .join(Conversation, Conversation.id == InboundMessage.conversation_id)
        .join(PatientContact, PatientContact.contact_id == Conversation.contact_id)
        .where(
            InboundMessage.kind != "event",
            or_(InboundMessage.resolved.is_(None), ~InboundMessage.resolved.startswith("opt:")),
        ),
    ).subquery()
    own = func.coalesce(done.c.campaign_id == people.c.campaign_id, False)
    return (
        select(
            people.c.campaign_id,
            people.c.patient_id,
            people.c.arm,
            func.max(done.c.booked).label("booked"),
            func.max(case((own, 0), else_=1)).label("fair"),
        )
        .join(done, done.c.patient_id == people.c.patient_id)
        .where(
            done.c.at > people.c.planned_at,
            done.c.at <= days_after(session, people.c.planned_at, period.days),
        )
        .group_by(people.c.campaign_id, people.c.patient_id, people.c.arm)
        .subquery()
    )


def _due(session: AsyncSession, period: Period, people: CTE) -> Any:
    """Who had an appointment, made before, whose time came within the days and whose outcome is known; who missed one."""
    return (
        select(
            people.c.campaign_id,
            people.c.patient_id,
            people.c.arm,
            func.max(case((Appointment.status == Status.NOSHOW, 1), else_=0)).label("missed"),
        )
        .join(Appointment, Appointment.patient_id == people.c.patient_id)
        .where(
            Appointment.status.in_((*CAME, Status.NOSHOW)),
            Appointment.created_at <= people.c.planned_at,
            Appointment.start > people.c.planned_at,
            Appointment.start <= days_after(session, people.c.planned_at, period.days),
        )
        .group_by(people.c.campaign_id, people.c.patient_id, people.c.arm)
        .subquery()
    )
