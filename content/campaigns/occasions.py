"""Campaigns that answer an event or a date in the record: who is due, a statement a day.

A person gets one entry an occasion, and none while a former one of the same campaign is younger than `valid_days`: three diagnoses
in one file are one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Condition, Patient
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from content.audiences import service as audiences
from content.audiences.day import Day
from content.campaigns import launching
from content.campaigns.kinds import Anchor, key_of
from content.campaigns.late import days_late
from content.campaigns.models import Campaign, CampaignRecipient
from content.campaigns.times import at_time
from store import events
from store.base import UtcDateTime
from store.clock import Clock
from store.events import PatientEvent

TERM = timedelta(days=280)
"""From the first day of the last period to the day of birth expected (Naegele's rule)."""
_ROW: Any = CampaignRecipient.__table__


async def by_events(session: AsyncSession, row: Campaign, clock: Clock) -> int:
    """Entries for the events this campaign has not seen yet; how many. The first look begins with its start."""
    unread = await events.unread(session, key_of(row.id))
    if unread is None:
        return 0
    today, now = clock.local().date(), clock.now()
    since = _begins(row, clock) - timedelta(days=days_late(row))
    day = Day.of(clock)
    mine = [
        unread.condition,
        PatientEvent.kind == row.event_kind,
        PatientEvent.at >= day.begins(since - timedelta(days=row.offset_days)),
        *_coded(PatientEvent.data["code"].as_string(), row.codes),
    ]
    found = await session.scalars(select(PatientEvent.at).where(*mine).distinct())
    days = sorted({clock.local(at).date() for at in found})
    made = 0
    for one in days:
        due = one + timedelta(days=row.offset_days)
        if (today - due).days > days_late(row) or _over(row, clock, due):
            continue
        first = (
            select(PatientEvent.patient_id, func.min(PatientEvent.id).label("occurrence"))
            .where(*mine, PatientEvent.at >= day.begins(one), PatientEvent.at < day.ends(one))
            .group_by(PatientEvent.patient_id)
            .subquery()
        )
        when = at_time(clock, due, row.at_time) if row.at_time else now
        chosen, draw = await _audience(session, row, day, now)
        chosen = chosen.join(first, first.c.patient_id == Patient.id)
        columns = draw.columns(first.c.occurrence, literal(max(when, now), UtcDateTime()))
        made += await launching.insert_selected(session, chosen.with_only_columns(*columns))
    await events.advance(session, key_of(row.id), unread.last)
    return made


async def by_dates(session: AsyncSession, row: Campaign, clock: Clock) -> int:
    """Entries for those whose day it is, and by its late rule for those whose day was; how many."""
    assert row.anchor is not None
    today, now = clock.local().date(), clock.now()
    made = 0
    for back in range(days_late(row), -1, -1):
        due = today - timedelta(days=back)
        if _over(row, clock, due) or at_time(clock, due, row.at_time) > now:
            continue
        if due < _begins(row, clock) - timedelta(days=days_late(row)):
            continue
        anchor = due - timedelta(days=row.offset_days)
        chosen, draw = await _audience(session, row, Day.of(clock), now)
        chosen = chosen.where(Patient.id.in_(dated(Anchor(row.anchor), anchor, row.codes)))
        occurrence = literal(int(f"{anchor:%Y%m%d}"), BigInteger)
        columns = draw.columns(occurrence, literal(now, UtcDateTime()))
        made += await launching.insert_selected(session, chosen.with_only_columns(*columns))
    return made


def dated(anchor: Anchor, day: date, codes: Sequence[str] = ()) -> Select[Any]:
    """Ids of patients in whose record `anchor` is that day."""
    match anchor:
        case Anchor.DIAGNOSIS:
            there = or_(Condition.ended_date.is_(None), Condition.ended_date > day)
            where = (Condition.recorded_date == day, there, *_coded(Condition.code, codes))
            return select(Condition.patient_id).where(*where)
        case Anchor.SURGERY | Anchor.PLANNED_SURGERY:
            planned = anchor is Anchor.PLANNED_SURGERY
            status = ProcedureStatus.PLANNED if planned else ProcedureStatus.COMPLETED
            where = (Procedure.status == status, Procedure.performed_date == day)
            return select(Procedure.patient_id).where(*where, *_coded(Procedure.code, codes))
        case Anchor.ADMISSION | Anchor.DISCHARGE:
            of_stay = Encounter.start_date if anchor is Anchor.ADMISSION else Encounter.end_date
            return select(Encounter.patient_id).where(
                Encounter.kind == EncounterKind.INPATIENT, of_stay == day
            )
        case Anchor.VISIT:
            visits = (EncounterKind.OUTPATIENT, EncounterKind.EMERGENCY)
            return select(Encounter.patient_id).where(Encounter.kind.in_(visits), Encounter.start_date == day)
        case Anchor.LMP | Anchor.DUE:
            lmp = day - TERM if anchor is Anchor.DUE else day
            return select(Pregnancy.patient_id).where(
                Pregnancy.lmp_date == lmp, Pregnancy.ended_date.is_(None)
            )
        case Anchor.BIRTH:
            born = (Pregnancy.outcome == Outcome.BIRTH, Pregnancy.ended_date == day)
            return select(Pregnancy.patient_id).where(*born)


async def _audience(
    session: AsyncSession, row: Campaign, day: Day, now: datetime
) -> tuple[Select[Any], launching.Drawing]:
    draw, rule = await launching.drawing(session, row, row.audience_version_id)
    chosen = await audiences.selecting(session, rule, day)
    lately = exists().where(
        _ROW.c.campaign_id == row.id,
        _ROW.c.patient_id == Patient.id,
        _ROW.c.planned_at > now - timedelta(days=row.valid_days),
    )
    return chosen.where(~lately), draw


def _coded(column: Any, codes: Sequence[str]) -> list[ColumnElement[bool]]:
    return [or_(*(column.startswith(code, autoescape=True) for code in codes))] if codes else []


def _begins(row: Campaign, clock: Clock) -> date:
    """The first day that counts."""
    started = row.started_at or clock.now()
    return clock.local(max(started, row.start_at or started)).date()


def _over(row: Campaign, clock: Clock, due: date) -> bool:
    """Whether what is due then lies before its beginning or after its end."""
    moment = at_time(clock, due, row.at_time)
    if row.start_at is not None and due < clock.local(row.start_at).date():
        return True
    return row.end_at is not None and moment >= row.end_at
