"""Answering a response one item at a time, from whatever channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import watching
from care.alerts.watching import Raised
from care.questionnaires.coded import keep_coded
from care.questionnaires.definition import Definition, Item, asked
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.outcomes import (
    Accepted,
    By,
    Doubted,
    Invalid,
    NotOpen,
    Outcome,
    Overtaken,
    Position,
    Value,
)
from care.questionnaires.reading import Doubt, Read, Unread, read, rest_of
from care.questionnaires.responses import definition_of, emit, expire, is_open
from care.questionnaires.scoring import TOTAL, scores
from care.questionnaires.values import plausible, refused
from channels.chinatime import CHINA
from store import audit


async def position(session: AsyncSession, response: QuestionnaireResponse) -> Position:
    """What is asked now, and how far the response has come."""
    return _position(await definition_of(session, response), response)


def _position(definition: Definition, response: QuestionnaireResponse) -> Position:
    answers: dict[str, Any] = response.answers
    items = asked(definition, answers)
    item = None
    if is_open(response):
        item = next((one for one in items if one.link_id == response.asking), None)
        item = item or next((one for one in items if one.link_id not in answers), None)
    number = items.index(item) + 1 if item is not None else len(items)
    return Position(definition, item, number, len(items), answers)


async def answer(
    session: AsyncSession,
    response: QuestionnaireResponse,
    link_id: str,
    said: str | Value,
    *,
    now: datetime,
    by: By,
    revision: int | None = None,
) -> Outcome:
    """Take the answer to the item `link_id`: words as they were typed, or a `Value`.

    `revision`: the response's, as who answers saw it; where it has moved on meanwhile, nothing is stored. The last answer completes
    the response and emits `questionnaire.completed`. Red flags are raised in the caller's transaction.
    """
    await session.flush()  # what this transaction changed itself stays
    await session.refresh(response, with_for_update=True)
    if not is_open(response):
        return NotOpen(response.reason or response.status)
    if response.expires_at is not None and response.expires_at <= now:
        await expire(session, response, now=now)
        return NotOpen("expired")
    here = await position(session, response)
    item = next((one for one in asked(here.definition, here.answers) if one.link_id == link_id), None)
    if item is None or (revision is not None and revision != response.revision):
        return Overtaken(here)
    outcome = _understood(here, item, said, now)
    if not isinstance(outcome, Value):
        return outcome
    given = {item.link_id: outcome.value}
    if item.pair is not None and outcome.second is not None:
        given[item.pair] = outcome.second
    return await _store(session, response, here.definition, given, now, by)


async def answer_rest(
    session: AsyncSession,
    response: QuestionnaireResponse,
    values: dict[str, Any],
    *,
    now: datetime,
    by: By,
    revision: int | None = None,
) -> Outcome:
    """Take the answers of a confirmed "nothing of all that" (`Doubted.rest`), as `answer` does one."""
    outcome: Outcome | None = None
    raised: tuple[Raised, ...] = ()
    for link_id, value in values.items():
        outcome = await answer(
            session, response, link_id, Value(value, sure=True), now=now, by=by, revision=revision
        )
        if not isinstance(outcome, Accepted):
            return outcome
        revision, raised = None, (*raised, *outcome.raised)
    if not isinstance(outcome, Accepted):
        raise ValueError("nothing to answer")
    return Accepted(outcome.next, raised, outcome.finished)


def _understood(here: Position, item: Item, said: str | Value, now: datetime) -> Value | Doubted | Invalid:
    """The value to store, or what is to be said instead."""
    if isinstance(said, str):
        today = now.astimezone(CHINA).date()
        understood = read(item, said, today=today, pair=_pair(here, item))
        if isinstance(understood, Unread):
            if rest := rest_of(asked(here.definition, here.answers), item, here.answers, said):
                return Doubted(item, rest[item.link_id], "rest", rest=rest)
            return Invalid(understood.why, item)
        if isinstance(understood, Doubt):
            return Doubted(item, understood.value, "unclear", understood.second)
        assert isinstance(understood, Read)
        value = Value(understood.value, second=understood.second)
        if value.value is False and (
            rest := rest_of(asked(here.definition, here.answers), item, here.answers, said)
        ):
            return Doubted(item, False, "rest", rest=rest)
    else:
        value = said
    pair = _pair(here, item)
    if (why := refused(item, value.value)) is not None:
        return Invalid(why, item)
    if pair is not None and value.second is not None and (why := refused(pair, value.second)) is not None:
        return Invalid(why, item)
    likely = plausible(item, value.value) and (pair is None or plausible(pair, value.second))
    if not value.sure and not likely:
        return Doubted(item, value.value, "implausible", value.second)
    return value


def _pair(here: Position, item: Item) -> Item | None:
    return here.definition.item(item.pair) if item.pair is not None else None


async def _store(
    session: AsyncSession,
    response: QuestionnaireResponse,
    definition: Definition,
    given: dict[str, Any],
    now: datetime,
    by: By,
) -> Accepted:
    if not response.answers:
        emit(session, response, "questionnaire.started", now)
    response.answers = {**response.answers, **given}
    response.asking = response.paused_at = response.doubt = None
    response.revision += 1
    response.updated_at, response.channel = now, by.channel
    if by.staff_id is not None:
        subject = audit.subject_of("questionnaire_response", response.id)
        audit.record(
            session, actor=f"staff:{by.staff_id}", action="questionnaire.answer", subject=subject, at=now
        )
    raised: list[Raised] = []
    for link_id in given:
        raised += await watching.answered(session, response, definition, link_id=link_id, by=by, now=now)
    following = _position(definition, response).item
    if following is not None:
        return Accepted(following, tuple(raised))
    await _complete(session, response, definition, now)
    raised += await watching.answered(session, response, definition, link_id=None, by=by, now=now)
    return Accepted(None, tuple(raised), finished=True)


async def _complete(
    session: AsyncSession, response: QuestionnaireResponse, definition: Definition, now: datetime
) -> None:
    items = asked(definition, response.answers)
    # What a corrected answer made superfluous is no part of the response (FHIR: a disabled item has no answer).
    response.answers = {one.link_id: response.answers[one.link_id] for one in items}
    response.status, response.completed_at = ResponseStatus.COMPLETED, now
    response.due_at = None
    found = scores(definition, response.answers)
    response.scores = {
        code: {"title": one.title, "value": one.value, "band": one.band, "says": one.says}
        for code, one in found.items()
    }
    total = found.get(TOTAL)
    response.score = None if total is None else round(total.value)
    if response.patient_id is not None:
        await keep_coded(session, response, response.patient_id, items)
    emit(session, response, "questionnaire.completed", now)


async def back(session: AsyncSession, response: QuestionnaireResponse, *, now: datetime) -> Item | None:
    """One item back: the one to ask again, its answer kept until then. At the first it stays there; None: not open."""
    here = await position(session, response)
    if here.item is None:
        return None
    items = asked(here.definition, here.answers)
    before = items[max(0, here.number - 2)]
    response.asking, response.doubt, response.updated_at = before.link_id, None, now
    response.revision += 1
    return before


async def skip(
    session: AsyncSession,
    response: QuestionnaireResponse,
    link_id: str,
    *,
    now: datetime,
    by: By,
    revision: int | None = None,
) -> Outcome:
    """Leave an item out; `Invalid("required")` where it must be answered."""
    return await answer(session, response, link_id, Value(None), now=now, by=by, revision=revision)
