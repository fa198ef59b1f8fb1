"""What a run left behind in its tables, read as the journal's entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.desk.models import DeskTask
from care.followup.models import FollowUpCall, FollowUpStep, StepKind
from care.gate.reasons import words as gate_words
from care.plans.definition import Plan
from care.plans.errors import words as plan_words
from care.plans.machine.journal import Entry, Journal, Part
from care.plans.machine.words import words
from care.plans.models import LIVE, CarePlan, Touch, TouchStatus
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from channels.ops.shown import OpsWords
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from server.timemachine.acting import Acting
from server.timemachine.beginning import Player
from server.timemachine.handsets import Phones
from store.clock import Clock
from store.database import Database

ARRIVED = ("accepted", "uncertain")
_OPS = OpsWords(gate_words)


async def read_journal(
    database: Database,
    clock: Clock,
    plan: Plan,
    players: Sequence[Player],
    acting: Acting,
    phones: Phones,
    anchor: date,
    days: int,
) -> Journal:
    """The whole run."""
    reader = _Reader(clock, plan, phones)
    parts = []
    async with database.read("journal") as session:
        for number, player in enumerate(players):
            acts = [(at, kind) for at, who, kind in acting.done if who == number]
            parts.append(await reader.part(session, player, acts))
    return Journal(plan, anchor, days, parts)


class _Reader:
    def __init__(self, clock: Clock, plan: Plan, phones: Phones) -> None:
        self._clock, self._plan, self._phones = clock, plan, phones

    async def part(self, session: AsyncSession, player: Player, acts: Sequence[tuple[datetime, str]]) -> Part:
        whose = player.patient_id
        entries = [self._entry(at, "patient", words("acts", kind), tone="stopped") for at, kind in acts]
        touches = (
            await session.scalars(
                select(Touch)
                .where(Touch.patient_id == whose)
                .order_by(Touch.planned_for, Touch.priority, Touch.step)
            )
        ).all()
        entries += self._touches(touches)
        entries += await self._messages(session, whose)
        entries += await self._answers(session, whose)
        entries += await self._calls(session, whose)
        entries += await self._alerts(session, whose)
        row = await session.scalar(
            select(CarePlan).where(CarePlan.patient_id == whose).order_by(CarePlan.id.desc())
        )
        status = reason = ""
        if row is not None:
            entries.append(
                self._entry(
                    row.started_at, "plan", words("plan", "enrolled"), plan_words()("sources", row.source)
                )
            )
            status, reason = plan_words()("plan_status", row.status), _reason(row.reason)
            if row.ended_at is not None and row.status not in LIVE:
                entries.append(
                    self._entry(row.ended_at, "plan", words("plan", "ended"), reason, tone="stopped")
                )
        order = ("patient", "plan", "wechat", "sms", "answers", "call", "alert")
        entries.sort(key=lambda one: (one.at, order.index(one.lane)))
        return Part(player.persona.said, entries, status, reason)

    def _entry(
        self, at: datetime, lane: str, what: str, how: str = "", text: str = "", tone: str = "sent"
    ) -> Entry:
        return Entry(self._clock.local(at), lane, what, how, text, tone)

    def _touches(self, touches: Iterable[Touch]) -> Iterator[Entry]:
        for one in touches:
            step = self._plan.step(one.step)
            title = step.title if step is not None else one.step
            what = words("step", "said", what=plan_words()("kinds", one.kind), title=title)
            if one.status in (TouchStatus.SKIPPED, TouchStatus.CANCELLED):
                how = words("how", one.status, reason=_reason(one.reason))
                yield self._entry(one.sent_at or one.planned_for, "plan", what, how, tone="stopped")
            elif one.sent_at is not None:
                yield self._entry(one.sent_at, "plan", what, plan_words()("status", one.status))

    async def _messages(self, session: AsyncSession, whose: UUID) -> list[Entry]:
        """Every decision about every message; the same wait is said once."""
        rows = await session.execute(
            select(OutboundMessage, DeliveryAttempt)
            .join(DeliveryAttempt, DeliveryAttempt.outbound_id == OutboundMessage.id)
            .where(OutboundMessage.patient_id == whose)
            .order_by(OutboundMessage.created_at, OutboundMessage.id, DeliveryAttempt.n)
        )
        found, waited = [], set[tuple[UUID, str]]()
        for message, attempt in rows:
            if attempt.verdict == "held" and (message.id, attempt.gate or "") in waited:
                continue
            waited.add((message.id, attempt.gate or ""))
            found.append(self._attempt(message, attempt))
        return found

    def _attempt(self, message: OutboundMessage, attempt: DeliveryAttempt) -> Entry:
        what = _OPS("purposes", message.purpose)
        reason = _OPS.reason(attempt.gate)
        if attempt.verdict == "accepted":
            heard = self._phones.heard.get(str(message.id))
            how = words("how", "sent", rung=_OPS("rungs", attempt.rung) or _OPS("channels", message.channel))
            text = heard.text if heard is not None else ""
            return self._entry(attempt.started_at, message.channel, what, how, text)
        known = words.known("how")
        kind = attempt.verdict if attempt.verdict in known else "failed"
        said = reason or _OPS.reason(attempt.code)
        how = words("how", kind, reason=said, rung=_OPS("rungs", attempt.rung))
        tone = "waiting" if kind in ("held", "passed_on") else "stopped"
        return self._entry(attempt.started_at, message.channel, what, how, tone=tone)

    async def _answers(self, session: AsyncSession, whose: UUID) -> list[Entry]:
        rows = await session.execute(
            select(QuestionnaireResponse, Questionnaire.title)
            .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
            .where(QuestionnaireResponse.patient_id == whose)
            .order_by(QuestionnaireResponse.started_at, QuestionnaireResponse.name)
        )
        found = []
        for row, title in rows:
            if row.completed_at is not None:
                how = words("answers", "score", score=row.score) if row.score is not None else ""
                found.append(
                    self._entry(
                        row.completed_at,
                        "answers",
                        words("answers", "done", title=title),
                        how,
                        tone="answered",
                    )
                )
            elif row.status == "stopped":
                kind = "expired" if row.reason == "expired" else "stopped"
                found.append(
                    self._entry(
                        row.updated_at, "answers", words("answers", kind, title=title), tone="stopped"
                    )
                )
            else:
                found.append(
                    self._entry(
                        row.started_at, "answers", words("answers", "open", title=title), tone="waiting"
                    )
                )
        return found

    async def _calls(self, session: AsyncSession, whose: UUID) -> list[Entry]:
        rows = await session.execute(
            select(FollowUpStep, FollowUpCall)
            .join(FollowUpCall, FollowUpCall.id == FollowUpStep.call_id)
            .where(FollowUpCall.patient_id == whose)
            .order_by(FollowUpStep.at, FollowUpStep.id)
        )
        found = []
        for step, call in rows:
            if step.kind == StepKind.OPENED:
                found.append(self._entry(step.at, "call", words("call", "opened"), text=call.script or ""))
            elif step.kind == StepKind.CALLED:
                tone = "answered" if step.outcome == "connected" else "waiting"
                found.append(self._entry(step.at, "call", words("call", step.outcome or ""), tone=tone))
            elif step.kind == StepKind.DROPPED:
                said = words("call", "dropped", reason=_reason(call.reason))
                found.append(self._entry(step.at, "call", said, tone="stopped"))
        return found

    async def _alerts(self, session: AsyncSession, whose: UUID) -> list[Entry]:
        known = words.known("alert")
        alerts = (
            await session.scalars(select(Alert).where(Alert.patient_id == whose).order_by(Alert.opened_at))
        ).all()
        tasks = (
            await session.scalars(
                select(DeskTask).where(DeskTask.patient_id == whose).order_by(DeskTask.created_at)
            )
        ).all()
        return [
            self._entry(
                one.opened_at,
                "alert",
                words("alert", one.kind if one.kind in known else "other"),
                tone="stopped",
            )
            for one in alerts
        ] + [
            self._entry(one.created_at, "alert", words("alert", "task"), _first(one), tone="waiting")
            for one in tasks
        ]


def _first(task: Any) -> str:
    note = str(task.note or "")
    return _OPS.reason(note.partition(" ")[0]) if note.isascii() else note


def _reason(code: str | None) -> str:
    """A plan's word for it, else the gate's."""
    if not code:
        return ""
    return plan_words().known("reasons").get(code) or _OPS.reason(code)
