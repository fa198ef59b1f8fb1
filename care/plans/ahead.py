"""What lies ahead of patients in a plan, written as rows: by sets, the same way when somebody joins, a day is corrected or a plan edited.

A step has one row a patient. What has left, or a person pinned, stays as it is; what has not is moved, added or dropped. A worker that
has a row in hand loses its lease by that, and applies nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.workdays import workdays
from care.plans.definition import Plan
from care.plans.models import AHEAD, CarePlan, Touch, TouchStatus
from care.plans.planning import Days, Due, due_dates
from channels.chinatime import CHINA
from store import sets

FREE = """t.status IN ('planned', 'sending')
 OR (t.status = 'cancelled' AND t.outbound_key IS NULL)
 OR (t.status = 'skipped' AND t.reason IN ('late', 'burden') AND d.status = 'planned')"""
"""Rows planning may change: not left yet, dropped by an earlier plan, or missed by a day that is another one now."""
_GIVEN = {
    True: "(SELECT key AS id, value AS g FROM json_each(:given)) AS p",
    False: "(SELECT CAST(key AS uuid) AS id, value AS g FROM json_each_text(CAST(:given AS json))) AS p",
}
_DUES = {
    True: "(SELECT json_extract(value, '$.g') AS g, json_extract(value, '$.step') AS step, json_extract(value, '$.kind') AS kind,"
    " json_extract(value, '$.priority') AS priority, json_extract(value, '$.at') AS at, json_extract(value, '$.due') AS due,"
    " json_extract(value, '$.status') AS status, json_extract(value, '$.reason') AS reason FROM json_each(:dues)) AS d",
    False: "json_to_recordset(CAST(:dues AS json)) AS d"
    "(g text, step text, kind text, priority int, at timestamptz, due timestamptz, status text, reason text)",
}
_NEW_ID = {
    True: "substr(c.id, 1, 20) || lower(hex(randomblob(6)))",
    False: "CAST(left(CAST(c.id AS text), 24) || left(md5(CAST(c.id AS text) || d.step || random()), 12) AS uuid)",
}
"""Bulk rows are known by their natural key. Their id is the database's own and begins as their care plan's, so that rows written
together lie together in the index."""


@cache
def _insert(sqlite: bool) -> TextClause:
    return text(
        "INSERT INTO plan_touch (id, care_plan_id, patient_id, step, version, kind, priority, planned_for, due_at, status, reason,"  # noqa: S608
        f" attempts) SELECT {_NEW_ID[sqlite]}, c.id, c.patient_id, d.step, :version, d.kind, d.priority, d.at,"
        " CASE WHEN c.status = 'active' THEN d.due END, d.status, d.reason, 0"
        f" FROM {_GIVEN[sqlite]} JOIN care_plan c ON c.id = p.id JOIN {_DUES[sqlite]} ON d.g = p.g"
        " WHERE NOT EXISTS (SELECT 1 FROM plan_touch t WHERE t.care_plan_id = c.id AND t.step = d.step)"
        " ON CONFLICT DO NOTHING"
    )


@cache
def _move(sqlite: bool) -> TextClause:
    return text(
        "UPDATE plan_touch AS t SET planned_for = d.at, due_at = CASE WHEN c.status = 'active' THEN d.due END, status = d.status,"  # noqa: S608
        " reason = d.reason, version = :version, kind = d.kind, priority = d.priority, attempts = 0, lease_token = NULL,"
        f" lease_until = NULL, dead_reason = NULL FROM {_GIVEN[sqlite]}, {_DUES[sqlite]}, care_plan AS c"
        " WHERE t.care_plan_id = p.id AND c.id = p.id AND d.g = p.g AND d.step = t.step AND NOT t.pinned"
        f" AND ({FREE})"
    )


@cache
def _drop(sqlite: bool) -> TextClause:
    return text(
        "UPDATE plan_touch AS t SET status = 'cancelled', reason = :why, due_at = NULL, lease_token = NULL, lease_until = NULL"  # noqa: S608
        f" FROM {_GIVEN[sqlite]} WHERE t.care_plan_id = p.id AND t.status IN ('planned', 'sending')"
        f" AND NOT EXISTS (SELECT 1 FROM {_DUES[sqlite]} WHERE d.g = p.g AND d.step = t.step)"
    )


async def plan_ahead(
    session: AsyncSession,
    plan: Plan,
    care_plan_ids: Sequence[UUID],
    now: datetime,
    *,
    zone: tzinfo = CHINA,
    fresh: bool = False,
) -> None:
    """Bring what lies ahead of these care plans in line with `plan`, their day and the calendar. `fresh`: they have no rows yet."""
    if not care_plan_ids:
        return
    rows = (
        await session.execute(
            select(CarePlan.id, CarePlan.anchor_date, CarePlan.anchors).where(sets.among(CarePlan.id, "ids")),
            {"ids": list(care_plan_ids)},
        )
    ).all()
    groups: dict[tuple[date, str], str] = {}
    given: dict[str, str] = {}
    sqlite = session.get_bind().dialect.name == "sqlite"
    for care_plan_id, anchor_date, anchors in rows:
        group = (anchor_date, json.dumps(anchors or {}, sort_keys=True))
        given[care_plan_id.hex if sqlite else str(care_plan_id)] = groups.setdefault(group, str(len(groups)))
    days = await calendar(session, plan, [day for day, _ in groups])
    dues: list[dict[str, Any]] = []
    for (day, others), number in groups.items():
        for due in due_dates(plan, day, days, now, anchors=dates(json.loads(others)), zone=zone):
            dues.append(_due_row(number, due, sqlite))
    values = {
        "given": json.dumps(given),
        "dues": json.dumps(dues),
        "version": plan.version,
    }
    if not fresh:
        await session.execute(_drop(sqlite), {**_only(values, "given", "dues"), "why": "replanned"})
        await session.execute(_move(sqlite), values)
        await _keep_pinned(session, plan, care_plan_ids)
    await session.execute(_insert(sqlite), values)


def _only(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


async def _keep_pinned(session: AsyncSession, plan: Plan, care_plan_ids: Sequence[UUID]) -> None:
    """What a person moved stays where it is, under the new version."""
    await session.execute(
        update(Touch)
        .where(
            sets.among(Touch.care_plan_id, "ids"),
            Touch.pinned.is_(True),
            Touch.status.in_(AHEAD),
            Touch.version != plan.version,
        )
        .values(version=plan.version)
        .execution_options(synchronize_session=False),
        {"ids": list(care_plan_ids)},
    )


def _due_row(group: str, due: Due, sqlite: bool) -> dict[str, Any]:
    at = _written(due.at, sqlite)
    return {
        "g": group,
        "step": due.step.id,
        "kind": due.step.kind,
        "priority": due.step.priority,
        "at": at,
        "due": None if due.skip else at,
        "status": TouchStatus.SKIPPED.value if due.skip else TouchStatus.PLANNED.value,
        "reason": due.skip,
    }


def _written(moment: datetime, sqlite: bool) -> str:
    """As `UtcDateTime` keeps it."""
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else utc.isoformat()


async def calendar(session: AsyncSession, plan: Plan, anchors: Sequence[date]) -> Days:
    """The working days around every step of these anchors."""
    first, last = min(anchors), max(anchors)
    reach = [one.days for one in plan.steps]
    return await workdays(
        session, first + timedelta(days=min(0, *reach)), last + timedelta(days=max(0, *reach))
    )


def dates(anchors: Mapping[str, str]) -> dict[str, date]:
    return {name: date.fromisoformat(day) for name, day in anchors.items()}
