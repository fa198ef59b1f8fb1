"""Taking messages out of the queue: lease, ask the gate, write down what it said and what is about to leave.

All in one transaction: what it returns may be handed to vendors, its attempts stand as `started`. Statements are built once
and run for the whole batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    exists,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from channels.contacts.models import Contact
from channels.outbox import lanes, passing
from channels.outbox.holds import Held, held, is_held
from channels.outbox.jobs import LEASE, History, Job, histories, own_rung
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Candidate, Rung, SendPolicy, TroubleDesk, Verdict
from channels.outbox.rendering import Renderer
from channels.ports import Rendered
from channels.questions import service as questions
from store import leases, sets
from store.ids import new_id

_EARLIER = aliased(OutboundMessage)
_QUEUED: ColumnElement[str] = literal_column("'queued'")
"""Said in words, not as a parameter: both databases then know that the index of what waits will do."""


def _may_go(held_too: bool) -> Any:
    """Not behind an earlier message of its conversation that is on its way, or goes first and could."""
    earlier = and_(
        _EARLIER.conversation_id == OutboundMessage.conversation_id, _EARLIER.seq < OutboundMessage.seq
    )
    on_its_way = exists().where(earlier, _EARLIER.status == "sending")
    goes_first = exists().where(
        earlier,
        _EARLIER.status == _QUEUED,
        # An answer does not wait for bulk. (A difference, so that SQLite does not look for it in the queue's index.)
        _EARLIER.priority - OutboundMessage.priority <= 0,
        or_(_EARLIER.due_at <= leases.NOW, _EARLIER.attempts > 0),
    )
    if not held_too:
        return (OutboundMessage.status == _QUEUED, ~on_its_way, ~goes_first)
    goes_first = goes_first.where(not_(is_held(_EARLIER)))
    return (OutboundMessage.status == _QUEUED, ~on_its_way, ~goes_first, not_(is_held(OutboundMessage)))


_ACCOUNT = OutboundMessage.channel + "/" + OutboundMessage.account_id
_CONVERSATION = OutboundMessage.priority <= 0
_BULK = OutboundMessage.priority > 0
_ONLY = bindparam("only_account") == _ACCOUNT
_BUT = _ACCOUNT.not_in(bindparam("but_accounts", expanding=True))
_LANE = (*_may_go(held_too=True)[1:-1], *lanes.IN_LANE)
"""What leaves in a lane that is not held."""
_FREE, _WITH_HOLDS = _may_go(held_too=False), _may_go(held_too=True)
_WHERE = {
    (bulk, one_account, holds): (
        *(_WITH_HOLDS if holds else _FREE),
        _BULK if bulk else _CONVERSATION,
        _ONLY if one_account else _BUT,
    )
    for bulk in (False, True)
    for one_account in (False, True)
    for holds in (False, True)
}
_FIRST = (OutboundMessage.priority, OutboundMessage.due_at, OutboundMessage.id)
_SENDING = {"status": "sending"}

_MESSAGE: Any = OutboundMessage.__table__
_ATTEMPT: Any = DeliveryAttempt.__table__
_SETTLE = (
    update(_MESSAGE)
    .where(_MESSAGE.c.id == bindparam("message"))
    .values(
        status=bindparam("becomes"),
        reason=bindparam("why"),
        due_at=bindparam("due"),
        finished_at=bindparam("at"),
        attempts=bindparam("tries"),
        plan=bindparam("rungs"),
        lease_token=None,
        lease_until=None,
    )
)
_HELD_AGAIN = (
    update(_ATTEMPT).where(_ATTEMPT.c.id == bindparam("attempt")).values(finished_at=bindparam("at"))
)
_CONTACTS = select(Contact).where(sets.among(Contact.id, "ids"))


@cache
def _begin(sqlite: bool) -> Any:
    """Attempts that are alike; by attempt, its message."""
    attempt, message = sets.pairs(sqlite, of_ids=True)
    others = ("n", "rung", "verdict", "gate", "parts", "started_at", "finished_at")
    return insert(_ATTEMPT).from_select(
        ["id", "outbound_id", *others],
        select(attempt, message, *(bindparam(name, type_=_ATTEMPT.c[name].type) for name in others)),
        include_defaults=False,
    )


DUE = select(OutboundMessage.id).where(
    OutboundMessage.status == _QUEUED, OutboundMessage.due_at <= leases.NOW
)


@dataclass(slots=True)
class Places:
    """How many may be claimed at all, how many of them bulk; and of accounts whose vendor limits them (`channel/account`) how
    many of conversation and of bulk."""

    all: int
    bulk: int
    limited: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    message: OutboundMessage
    contact: Contact
    token: UUID
    history: History
    words: Rendered | None = None
    """In the words of a customer message, where it may become one: the gate must know how many of the window it takes."""
    weight: int = 1


class Claimer:
    """Claims in the session it is given."""

    def __init__(self, policy: SendPolicy, renderer: Renderer, desk: TroubleDesk) -> None:
        self._policy = policy
        self._renderer = renderer
        self._desk = desk

    async def claim(self, session: AsyncSession, now: datetime, places: Places) -> tuple[int, list[Job]]:
        """How many were leased, and those that may go out now."""
        rows = await self._lease(session, now, places)
        if not rows:
            return 0, []
        book = _Book(now)
        for row in rows:
            row.words = words = self._renderer.words(row.message, row.contact)
            row.weight = 1 if words is None else self._renderer.parts(words, row.contact)
        candidates = [Candidate(row.message, row.contact, row.history.refused, row.weight) for row in rows]
        verdicts = await self._policy.check(session, candidates, now)
        leaving = [row.message for row, verdict in zip(rows, verdicts, strict=True) if verdict.send]
        waits = await questions.on_sending(session, leaving, now)
        jobs: list[Job] = []
        for row, verdict in zip(rows, verdicts, strict=True):
            if (until := waits.get(row.message.id)) is not None:
                verdict = Verdict(False, questions.WAITS, until=until)
            job = await self._decide(session, book, row, verdict, now)
            if job is not None:
                jobs.append(job)
        await book.write(session)
        return len(rows), jobs

    async def _lease(self, session: AsyncSession, now: datetime, places: Places) -> list[_Row]:
        holds = await held(session)
        found: list[tuple[UUID, OutboundMessage]] = []
        others = list(places.limited)
        running = await lanes.free(session, holds) if holds.any and places.bulk > 0 else []
        for bulk in (False, True):
            room = min(places.bulk, places.all - len(found)) if bulk else places.all
            shares = [(one, min(limits[bulk], room)) for one, limits in places.limited.items()]
            for account, share in [*shares, (None, room)]:
                left = min(share, room)
                if left <= 0:
                    continue
                for where, params in _ways(bulk, account, others, holds, running):
                    token, taken = await leases.claim(
                        session,
                        OutboundMessage,
                        now=now,
                        limit=left,
                        lease=LEASE,
                        where=where,
                        order_by=_FIRST,
                        values=_SENDING,
                        params=params,
                    )
                    found += [(token, message) for message in taken]
                    room -= len(taken)
                    left -= len(taken)
                    if left <= 0:
                        break
        if not found:
            return []
        ids = list({message.contact_id for _, message in found})
        contacts = {one.id: one for one in await session.scalars(_CONTACTS, {"ids": ids})}
        before = await histories(session, [message for _, message in found])
        return [
            _Row(message, contacts[message.contact_id], token, before.get(message.id) or History())
            for token, message in found
        ]

    async def _decide(
        self, session: AsyncSession, book: _Book, row: _Row, verdict: Verdict, now: datetime
    ) -> Job | None:
        """Follow the gate. A job when the message leaves now."""
        if not verdict.send:
            await self._refused(session, book, row, verdict, now)
            return None
        rung = verdict.rung or own_rung(row.contact)
        if rung in row.history.refused:  # the gate knows of no other way
            await self._nowhere(session, book, row, verdict, now, "no_rung_left")
            return None
        rendered = row.words if verdict.notice is None else None
        rendered = rendered or await self._renderer.render(
            session, row.message, row.contact, verdict.notice, rung, now
        )
        if rendered is None:
            book.refuse(row, verdict, "failed", why="no_wording", rung=rung)
            return None
        job = Job(
            row.message,
            row.contact,
            new_id(),
            rendered,
            row.token,
            rung,
            verdict.plan,
            row.history,
            self._renderer.parts(rendered, row.contact),
        )
        book.start(job)
        return job

    async def _refused(
        self, session: AsyncSession, book: _Book, row: _Row, verdict: Verdict, now: datetime
    ) -> None:
        if verdict.pass_to is not None:
            await questions.not_seen(session, [row.message], now)
            if await passing.on_to(session, row.message, verdict.pass_to, now):
                book.refuse(row, verdict, "passed_on", rung=Rung.SMS)
            else:
                await self._nowhere(session, book, row, verdict, now, "no_phone_conversation")
        elif verdict.call:
            await self._nowhere(session, book, row, verdict, now, verdict.reason or "call")
        elif verdict.until is not None:
            book.hold(row, verdict)
        else:
            book.refuse(row, verdict, "suppressed")

    async def _nowhere(
        self, session: AsyncSession, book: _Book, row: _Row, verdict: Verdict, now: datetime, why: str
    ) -> None:
        """Nothing reaches the person: somebody rings up."""
        await questions.not_seen(session, [row.message], now)
        last = row.message.reason or why
        await self._desk.undeliverable(session, row.message, last, now)
        book.refuse(row, verdict, "failed", why=why, rung=Rung.CALL)


def _ways(
    bulk: bool, account: str | None, others: list[str], holds: Held, running: Sequence[lanes.Lane]
) -> list[tuple[Any, dict[str, Any]]]:
    """Conditions to claim by, one after the other: of `account` (None: of all but `others`); bulk that is partly held goes by
    its `running` lanes."""
    stopped = holds.params if holds.any else {}
    if bulk and holds.any:
        mine = [
            one
            for one in running
            if (one.account not in others if account is None else one.account == account)
        ]
        return [(_LANE, {"of_lane": one.name, **stopped}) for one in mine]
    whose = {"but_accounts": others} if account is None else {"only_account": account}
    return [(_WHERE[bulk, account is not None, holds.any], {**whose, **stopped})]


_Alike = tuple[int, str, str, str | None, int | None]
"""What attempts of one claim may have in common: number, rung, verdict, the gate's reason, parts."""


class _Book:
    """What a claim decided, written at its end in a few statements."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._attempts: defaultdict[_Alike, dict[UUID, UUID]] = defaultdict(dict)
        self._settled: list[dict[str, Any]] = []
        self._held_again: list[dict[str, Any]] = []

    def start(self, job: Job) -> None:
        self._attempt(job.attempt_id, job.message, job.history.next_n, job.rung, "started", parts=job.parts)

    def hold(self, row: _Row, verdict: Verdict) -> None:
        """Asked again later. It was not tried now, and must not hold up what follows it."""
        reason = verdict.reason or "held"
        if row.history.held is not None and row.history.held[1] == reason[:80]:
            self._held_again.append({"attempt": row.history.held[0], "at": self._now})
        else:
            rung = verdict.rung or own_rung(row.contact)
            self._attempt(new_id(), row.message, row.history.next_n, rung, "held", gate=reason)
        self._settle(row, "queued", reason, verdict, due=verdict.until, tries=0)

    def refuse(self, row: _Row, verdict: Verdict, status: str, *, why: str = "", rung: str = "") -> None:
        """It ends here (or goes on elsewhere), without a vendor."""
        reason = why or verdict.reason or status
        rung = rung or verdict.rung or own_rung(row.contact)
        was = "passed_on" if rung == Rung.CALL or status == "passed_on" else "suppressed"
        self._attempt(new_id(), row.message, row.history.next_n, rung, was, gate=reason)
        self._settle(row, status, reason, verdict, at=self._now, tries=row.message.attempts)

    def _attempt(
        self,
        attempt_id: UUID,
        message: OutboundMessage,
        n: int,
        rung: str,
        verdict: str,
        *,
        gate: str | None = None,
        parts: int | None = None,
    ) -> None:
        alike = (n, str(rung), verdict, gate[:80] if gate else None, parts)
        self._attempts[alike][attempt_id] = message.id

    def _settle(
        self,
        row: _Row,
        status: str,
        reason: str,
        verdict: Verdict,
        *,
        tries: int,
        due: datetime | None = None,
        at: datetime | None = None,
    ) -> None:
        self._settled.append(
            {
                "message": row.message.id,
                "becomes": status,
                "why": reason[:200],
                "due": due,
                "at": at,
                "tries": tries,
                "rungs": list(verdict.plan) or row.message.plan,
            }
        )

    async def write(self, session: AsyncSession) -> None:
        begin = _begin(session.get_bind().dialect.name == "sqlite")
        for (n, rung, verdict, gate, parts), attempts in self._attempts.items():
            same = {"n": n, "rung": rung, "verdict": verdict, "gate": gate, "parts": parts}
            ended = None if verdict == "started" else self._now
            at = {"started_at": self._now, "finished_at": ended}
            await session.execute(begin, {sets.PAIRS: attempts, **same, **at})
        for statement, rows in ((_HELD_AGAIN, self._held_again), (_SETTLE, self._settled)):
            if rows:
                await session.execute(statement, rows)


async def waiting(session: AsyncSession, now: datetime) -> bool:
    """The cheap question: is anything due at all?"""
    return await session.scalar(select(DUE.exists()), {"lease_now": now}) is True
