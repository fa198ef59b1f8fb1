"""Publishing plans: a version is a meaning, a revision its wording, and a stored row never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.definition import Plan, Step, read_plan
from care.plans.difference import Replan, difference
from care.plans.errors import PlanError
from care.plans.models import PlanDefinition
from care.plans.paths import FOLDER
from care.rows import add_new

__all__ = [
    "Published", "Replan", "all_current", "current", "difference", "history", "meaning", "newest", "plan_of", "publish",
    "publish_shipped", "retire", "running", "standing", "wording",
]  # fmt: skip

KEPT = 500
"""Plans that are kept as they were read; each is looked at several times a tick."""
_READ: dict[UUID, Plan] = {}
WORDS_OF_CONTENT = frozenset({"text", "sms", "script"})
"""What of a step's content may be reworded without another meaning."""


@dataclass(frozen=True, slots=True)
class Published:
    """A stored state: the plan as it runs, and what is known about it."""

    plan: Plan
    row: PlanDefinition


def plan_of(row: PlanDefinition) -> Plan:
    """What a stored row says; its numbers and signature are the row's. Read once a process: a stored row never changes."""
    found = _READ.get(row.id)
    if found is None:
        read = read_plan(row.definition)
        found = replace(read, version=row.version, revision=row.revision, signed_by=row.signed_by)
        if len(_READ) >= KEPT:
            _READ.clear()
        _READ[row.id] = found
    return found


async def current(session: AsyncSession, name: str) -> Plan | None:
    """The newest published state of a plan; None when there is none, or it is retired."""
    row = await newest(session, name)
    return plan_of(row) if row is not None and row.retired_at is None else None


async def newest(session: AsyncSession, name: str) -> PlanDefinition | None:
    """The row last published under this name, retired or not."""
    rows = await history(session, name)
    return rows[0] if rows else None


async def history(session: AsyncSession, name: str) -> Sequence[PlanDefinition]:
    """Every published version and revision, newest first."""
    query = select(PlanDefinition).where(PlanDefinition.name == name)
    order = (PlanDefinition.version.desc(), PlanDefinition.revision.desc())
    return (await session.scalars(query.order_by(*order))).all()


async def all_current(session: AsyncSession) -> list[Published]:
    """The newest state of every plan, retired ones too, by title."""
    return await _newest(session)


async def _newest(session: AsyncSession, *where: ColumnElement[bool]) -> list[Published]:
    rows = await session.scalars(
        select(PlanDefinition).where(*where).order_by(PlanDefinition.version, PlanDefinition.revision)
    )
    found = {row.name: row for row in rows}
    return sorted((Published(plan_of(row), row) for row in found.values()), key=lambda one: one.plan.title)


async def running(session: AsyncSession) -> dict[str, Plan]:
    """The plans that may take patients: newest, signed, not retired. By name."""
    found = await all_current(session)
    return {one.plan.name: one.plan for one in found if one.row.retired_at is None and one.plan.signed_by}


async def standing(session: AsyncSession, names: Iterable[str]) -> dict[str, Plan]:
    """By name the newest state, retired or not: what patients who are in it go on by."""
    found = await _newest(session, PlanDefinition.name.in_(sorted(set(names))))
    return {one.plan.name: one.plan for one in found}


async def publish(session: AsyncSession, plan: Plan, by: UUID | None, now: datetime) -> PlanDefinition:
    """Store a plan: another meaning is the next version by itself, other words the next revision, nothing new the row there is.

    Whoever is in the plan is planned anew by the tick (`replanning`), a batch at a time. Raises `PlanError` when somebody
    published the same meanwhile.
    """
    before = await newest(session, plan.name)
    version, revision = plan.version, plan.revision
    if before is not None:
        stored = plan_of(before)
        if meaning(stored) != meaning(plan):
            version, revision = max(version, before.version + 1), 1
        elif wording(stored) != wording(plan):
            version, revision = before.version, before.revision + 1
        else:
            if before.retired_at is not None:
                before.retired_at, before.published_at, before.published_by = None, now, by
                await session.flush()
            return before
    return await _store(session, replace(plan, version=version, revision=revision), by, now)


async def _store(session: AsyncSession, plan: Plan, by: UUID | None, now: datetime) -> PlanDefinition:
    row = PlanDefinition(
        name=plan.name,
        version=plan.version,
        revision=plan.revision,
        title=plan.title,
        definition=_written(plan),
        signed_by=plan.signed_by,
        published_at=now,
        published_by=by,
    )
    if not await add_new(session, row):
        raise PlanError("published_meanwhile")
    return await session.get_one(PlanDefinition, row.id)


async def publish_shipped(session: AsyncSession, now: datetime) -> int:
    """Publish every plan in `data/seed/plans/` that is not stored in its version and revision or a later one.

    Idempotent; returns how many files there are.
    """
    files = sorted(FOLDER.glob("*.yml"))
    stored = await session.execute(
        select(PlanDefinition.name, PlanDefinition.version, PlanDefinition.revision)
    )
    known: dict[str, tuple[int, int]] = {}
    for name, version, revision in stored:
        known[name] = max(known.get(name, (0, 0)), (version, revision))
    for file in files:
        plan = read_plan(yaml.safe_load(file.read_text(encoding="utf-8")))
        if known.get(plan.name, (0, 0)) < (plan.version, plan.revision):
            await _store(session, plan, None, now)
    return len(files)


async def retire(session: AsyncSession, name: str, now: datetime) -> bool:
    """Nobody is enrolled any more; who is in it goes on. False when it was not live."""
    done = await session.execute(
        update(PlanDefinition)
        .where(PlanDefinition.name == name, PlanDefinition.retired_at.is_(None))
        .values(retired_at=now)
        .returning(PlanDefinition.id)
    )
    return bool(done.all())


def meaning(plan: Plan) -> tuple[Any, ...]:
    """What patients get and when: another one is another version."""
    steps = tuple(sorted((_step_meaning(one) for one in plan.steps), key=lambda one: str(one[0])))
    return (
        plan.anchor, plan.codes, plan.departments, plan.audience, plan.closes_after_days, plan.stops, steps,
    )  # fmt: skip


def wording(plan: Plan) -> tuple[Any, ...]:
    """What else a reader sees."""
    steps = tuple((one.id, one.title, tuple(sorted(one.content.items()))) for one in plan.steps)
    return plan.title, plan.description, plan.source, plan.signed_by, plan.patients_join, steps


def _step_meaning(step: Step) -> tuple[Any, ...]:
    content = tuple(sorted((k, v) for k, v in step.content.items() if k not in WORDS_OF_CONTENT))
    return (
        step.id, step.kind, step.days, step.at, step.anchor, step.when, step.channel, step.workday, step.late,
        step.stale_days, step.priority, content,
    )  # fmt: skip


def _written(plan: Plan) -> dict[str, Any]:
    """The plan as JSON: what it was read from."""
    return {
        **_plain(plan.raw),
        "version": plan.version,
        "revision": plan.revision,
        "signed_by": plan.signed_by,
    }


def _plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Without YAML's own types."""

    def one(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): one(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [one(item) for item in value]
        return value if isinstance(value, str | int | float | bool) or value is None else str(value)

    return {str(k): one(v) for k, v in raw.items()}
