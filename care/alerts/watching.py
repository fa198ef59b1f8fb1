"""Watching answers: what a rule of the questionnaire or the safety screen rings at opens an alert, in the answer's transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import chain
from care.alerts.models import Alert, AlertKind, Severity, Source
from care.alerts.service import open_alert
from care.appointments.models import Appointment
from care.duty.service import called_for
from care.questionnaires import flags, scoring
from care.questionnaires.definition import Answers, Definition, Item
from care.questionnaires.flags import Flag
from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from care.questionnaires.showing import in_words
from channels.wording.labels import label
from language.screen import screen

if TYPE_CHECKING:  # it tells what was raised here
    from care.questionnaires.outcomes import By

CRISIS_WORDS = "safety.crisis"
"""What somebody in a crisis hears, whatever rang: the conversation's own words."""
_BY_HAND = ("page", "phone")
"""Where the conversation's own screen has not seen a free text."""
_GRAVE: Sequence[Severity] = ("emergency", "urgent", "soon")


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert, and the wording key and params of what the patient hears at once."""

    alert_id: UUID
    severity: Severity
    says: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """What an alert is about beside the patient, as far as it is known."""

    conversation_id: UUID | None = None
    contact_id: UUID | None = None
    inbound_id: UUID | None = None
    response_id: UUID | None = None
    department_id: UUID | None = None


async def answered(
    session: AsyncSession,
    response: QuestionnaireResponse,
    definition: Definition,
    *,
    link_id: str | None,
    by: By,
    now: datetime,
) -> tuple[Raised, ...]:
    """After an answer (`link_id`), and once more at the end (None: totals, change since the response before).

    One alert a rule and response, whatever is answered anew. A free text on a page or read to a nurse is screened here; in chat
    it was before it came. What is returned is to be said at once: most pressing first, each wording once, and beside an
    emergency nothing less.
    """
    raised: list[Raised] = []
    where = Where(
        response.conversation_id,
        response.contact_id,
        by.inbound_id,
        response.id,
        await _department(session, response),
    )
    if link_id is not None and by.channel in _BY_HAND:
        raised += await _screened(session, response, definition, link_id, where, now)
    found = await _flags(session, response, definition, link_id)
    raised += await flagged(
        session,
        response.patient_id,
        found,
        source="total" if link_id is None else "answer",
        dedup_key=f"response:{response.id}",
        text=_said(definition, response.answers, link_id),
        now=now,
        where=where,
        only_new=link_id is None,
    )
    return _to_say(raised)


async def flagged(
    session: AsyncSession,
    patient_id: UUID | None,
    flags: Sequence[Flag],
    *,
    source: Source,
    dedup_key: str,
    text: str,
    now: datetime,
    where: Where | None = None,
    only_new: bool = False,
) -> tuple[Raised, ...]:
    """An alert for each flag, once per `dedup_key` and rule; a crisis goes the crisis' way whatever its severity.

    `only_new`: what has rung before is not said again.
    """
    at = where or Where()
    raised = []
    for flag in flags:
        severity: Severity = "emergency" if flag.crisis else flag.severity
        alert, new = await open_alert(
            session,
            AlertKind.CRISIS if flag.crisis else _kind(severity),
            text=text,
            now=now,
            dedup_key=f"{dedup_key}:{flag.rule}",
            patient_id=patient_id,
            severity=severity,
            source=source,
            rule=flag.rule[:80],
            title=flag.title,
            conversation_id=at.conversation_id,
            contact_id=at.contact_id,
            inbound_id=at.inbound_id,
            response_id=at.response_id,
            department_id=at.department_id,
        )
        if new or not only_new:
            says = CRISIS_WORDS if flag.crisis else flag.says
            raised.append(Raised(alert.id, severity, says, await _params(session, alert, now)))
    return _to_say(raised)


def _kind(severity: Severity) -> AlertKind:
    return AlertKind.EMERGENCY if severity == "emergency" else AlertKind.RED_FLAG


async def _params(session: AsyncSession, alert: Alert, now: datetime) -> dict[str, Any]:
    """`until`: by when a nurse rings up, in words (今天15:30); nothing for an emergency, where nobody is to wait for her."""
    if alert.severity == "emergency":
        return {}
    rules = chain.current()
    called = await called_for(session, chain.LEVELS[0], now, alert.department_id)
    due = rules.promised(alert.severity, now, rostered=called.rostered)
    return {"until": _moment(rules, due, now)}


def _moment(rules: chain.Chain, due: datetime, now: datetime) -> str:
    local, today = rules.clock.local(due), rules.clock.local(now).date()
    days = (local.date() - today).days
    which = {0: "until_today", 1: "until_tomorrow"}.get(days, "until_day")
    return label(which, time=f"{local:%H:%M}", month=local.month, day=local.day)


def _to_say(raised: Sequence[Raised]) -> tuple[Raised, ...]:
    ordered = sorted(raised, key=lambda one: _GRAVE.index(one.severity))
    if ordered and ordered[0].severity == "emergency":
        ordered = [one for one in ordered if one.severity == "emergency"]
    first = {one.says: one for one in reversed(ordered)}
    return tuple(one for one in ordered if first[one.says] is one)


async def _screened(
    session: AsyncSession,
    response: QuestionnaireResponse,
    definition: Definition,
    link_id: str,
    where: Where,
    now: datetime,
) -> list[Raised]:
    text = _free_text(response.answers.get(link_id))
    item = _item(definition, link_id)
    if not text or item is None or item.type not in ("text", "open-choice"):
        return []
    found = await asyncio.to_thread(screen, text)
    if found.verdict == "none":
        return []
    alert, _ = await open_alert(
        session,
        AlertKind(found.verdict),
        text=text,
        now=now,
        dedup_key=f"response:{response.id}:text:{link_id}:{response.revision}",
        patient_id=response.patient_id,
        source="free_text",
        rule=found.rule or None,
        title=item.text,
        conversation_id=where.conversation_id,
        contact_id=where.contact_id,
        inbound_id=where.inbound_id,
        response_id=where.response_id,
        department_id=where.department_id,
    )
    says = "flag.violence" if found.by_somebody else "flag.emergency"
    return [Raised(alert.id, "emergency", CRISIS_WORDS if found.verdict == "crisis" else says, {})]


def _free_text(value: Any) -> str:
    """What was written by hand in an answer, be it a text, 其他 of an open choice, or one of several."""
    if isinstance(value, list):
        return " ".join(filter(None, map(_free_text, value)))
    if isinstance(value, Mapping):
        return str(value.get("other") or "")
    return value if isinstance(value, str) else ""


def _item(definition: Definition, link_id: str) -> Item | None:
    return next((one for one in definition.items if one.link_id == link_id), None)


async def _department(session: AsyncSession, response: QuestionnaireResponse) -> UUID | None:
    """Of the visit the response is about."""
    if response.appointment_id is None:
        return None
    query = select(Appointment.department_id).where(Appointment.id == response.appointment_id)
    return await session.scalar(query)


async def _before(session: AsyncSession, response: QuestionnaireResponse) -> dict[str, Any] | None:
    """Answers and totals of the patient's response before to the same questionnaire, whatever its version."""
    if response.patient_id is None:
        return None
    name = select(Questionnaire.name).where(Questionnaire.id == response.questionnaire_id).scalar_subquery()
    query = (
        select(QuestionnaireResponse)
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(
            QuestionnaireResponse.patient_id == response.patient_id,
            QuestionnaireResponse.status == ResponseStatus.COMPLETED,
            QuestionnaireResponse.id != response.id,
            Questionnaire.name == name,
        )
        .order_by(QuestionnaireResponse.completed_at.desc())
        .limit(1)
    )
    last = (await session.scalars(query)).first()
    return dict(last.answers) if last is not None else None


async def _flags(
    session: AsyncSession, response: QuestionnaireResponse, definition: Definition, link_id: str | None
) -> list[Flag]:
    """What this answer raises, or, at the end, everything: what rang on the way is known by its key."""
    if not definition.flags:
        return []
    before = await _before(session, response)
    found = flags.raised(definition, response.answers, before=before, finished=link_id is None)
    return [one for one in found if link_id is None or one.link_id == link_id]


def _said(definition: Definition, answers: Answers, link_id: str | None) -> str:
    """What staff read: the question and the answer in words; at the end the scores."""
    if link_id is None:
        found = scoring.scores(definition, answers).values()
        return "\n".join(
            f"{one.title} {one.value:g}" + (f"（{one.band}）" if one.band else "") for one in found
        )
    item = _item(definition, link_id)
    return f"{item.text}\n{in_words(item, answers.get(link_id))}" if item is not None else ""
