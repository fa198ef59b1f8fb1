"""What a person and a number have had lately, and what is just leaving: the counts behind burden and SMS caps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.case import Case
from care.gate.rules import CAPPED, PUSHED, RANK, WEEK
from channels.outbox.models import OutboundMessage
from store import sets

_LEFT = ("accepted", "delivered", "uncertain")
_ROW: Any = OutboundMessage.__table__.c


@dataclass(slots=True)
class Sent:
    """What was pushed, as (moment, rank), by patient and by conversation. Answers are nobody's burden and not counted."""

    to_patient: defaultdict[UUID, list[tuple[datetime, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    pushed: defaultdict[UUID, list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: Case, now: datetime) -> None:
        """`case` leaves now, in this very batch."""
        if case.purpose in RANK and case.message.inbound_id is None:
            self._push(case.conversation_id, case.patient_id, case.purpose, now)

    def _push(self, conversation_id: UUID, patient_id: UUID | None, purpose: str, at: datetime) -> None:
        entry = (at, RANK[purpose])
        self.pushed[conversation_id].append(entry)
        if patient_id is not None:
            self.to_patient[patient_id].append(entry)

    def pushed_to(self, case: Case) -> list[datetime]:
        """What was pushed to the patient (else: to the contact) of `case` by its own or a higher purpose."""
        found = (
            self.pushed[case.conversation_id] if case.patient_id is None else self.to_patient[case.patient_id]
        )
        own = RANK[case.purpose]
        return sorted(at for at, rank in found if rank <= own)


_OF_PATIENT = select(_ROW.patient_id, _ROW.purpose, _ROW.finished_at).where(
    sets.among(_ROW.patient_id, "patients"),
    _ROW.finished_at > bindparam("since"),
    # Not the bare column: SQLite would go through all that ever left by the index on the status.
    func.coalesce(_ROW.status, "").in_(_LEFT),
    _ROW.purpose.in_(PUSHED),
    _ROW.inbound_id.is_(None),
)
_IN_CONVERSATION = select(_ROW.conversation_id, _ROW.purpose, _ROW.finished_at).where(
    sets.among(_ROW.conversation_id, "conversations"),
    _ROW.status.in_(_LEFT),
    _ROW.finished_at > bindparam("since"),
    _ROW.purpose.in_(PUSHED),
    _ROW.inbound_id.is_(None),
)
_LEAVING = select(_ROW.id, _ROW.conversation_id, _ROW.patient_id, _ROW.purpose).where(
    _ROW.status == "sending",
    _ROW.purpose.in_(PUSHED),
    _ROW.inbound_id.is_(None),
    or_(
        sets.among(_ROW.conversation_id, "conversations"),
        sets.among(_ROW.patient_id, "patients"),
    ),
    or_(_ROW.lease_token.is_(None), _ROW.lease_token != bindparam("token")),
)


_LOCK = text(
    "SELECT pg_advisory_xact_lock(key)"
    " FROM (SELECT DISTINCT unnest(CAST(:keys AS bigint[])) AS key ORDER BY 1) AS wanted"
)


async def _one_after_the_other(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Two workers that push to one person at the same moment would not see each other. On PostgreSQL the second waits until
    the first has written down what it sends; SQLite has one writer anyway. In the order of the keys: nobody waits in a ring."""
    if session.get_bind().dialect.name != "sqlite":
        keys = [int.from_bytes(one.bytes[8:], "big", signed=True) for one in ids]
        await session.execute(_LOCK, {"keys": keys})


async def read_sent(session: AsyncSession, cases: Sequence[Case], now: datetime) -> Sent:
    """The counts for those of `cases` that are capped at all. Nobody else counts for the same people until this transaction
    ends."""
    sent = Sent()
    capped = [case for case in cases if case.purpose in CAPPED and not case.emergency]
    patients = list({case.patient_id for case in capped if case.patient_id is not None})
    numbers = [case for case in cases if not case.on_wechat and not case.emergency]
    talks = list({c.conversation_id for c in [*numbers, *(c for c in capped if c.patient_id is None)]})
    if not patients and not talks:
        return sent
    await _one_after_the_other(session, [*patients, *talks])
    since = now - WEEK
    if patients:
        of_patient = {"patients": patients, "since": since}
        for patient_id, purpose, at in await session.execute(_OF_PATIENT, of_patient):
            sent.to_patient[patient_id].append((at, RANK[purpose]))
    if talks:
        in_talk = {"conversations": talks, "since": since}
        for talk_id, purpose, at in await session.execute(_IN_CONVERSATION, in_talk):
            sent.pushed[talk_id].append((at, RANK[purpose]))
    await _read_leaving(session, sent, cases, patients, talks, now)
    return sent


async def _read_leaving(
    session: AsyncSession,
    sent: Sent,
    cases: Sequence[Case],
    patients: Sequence[UUID],
    talks: Sequence[UUID],
    now: datetime,
) -> None:
    """In flight with another worker, or claimed before. This claim's own rows (one token) are decided one by one."""
    seen = {case.id for case in cases}
    token = cases[0].message.lease_token or cases[0].id
    wanted_patients, wanted_talks = set(patients), set(talks)
    values = {"conversations": talks, "patients": patients, "token": token}
    for row_id, talk_id, patient_id, purpose in await session.execute(_LEAVING, values):
        if row_id in seen:
            continue
        if talk_id in wanted_talks:
            sent.pushed[talk_id].append((now, RANK[purpose]))
        if patient_id in wanted_patients:
            sent.to_patient[patient_id].append((now, RANK[purpose]))
