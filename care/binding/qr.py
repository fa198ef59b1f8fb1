"""Binding by a QR code that staff show: a one-time random token, then an identity check, then the link.

The scene in the code is the token and nothing else. Only its hash is stored; it lives half an hour, belongs to the first person
who scans it, and opens nothing by itself: the last four of the identity number (or a code to the phone on record) must fit.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.binding import service as binding
from care.binding.models import BindingQr
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from store import audit, crypto

LIFE = timedelta(minutes=30)
"""Our own; WeChat allows up to 2,592,000 s: https://developers.weixin.qq.com/doc/offiaccount/Account_Management/Generating_a_Parametric_QR_Code.html"""
MAX_TRIES = 5
_SCENE = re.compile(r"bd_[A-Za-z0-9_-]{32}")
OPEN = ("made", "shown", "scanned")


class QrState(StrEnum):
    """What staff see of a code; `EXPIRED` is told by the clock, not stored."""

    MADE = "made"
    SHOWN = "shown"
    SCANNED = "scanned"
    BOUND = "bound"
    LOCKED = "locked"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Scanned:
    """Now the person must prove it. `check`: `last4` of the identity number, or a `code` to the phone on record."""

    qr_id: UUID
    patient_id: UUID
    masked_name: str
    relation: Relation
    check: Literal["last4", "code"]


@dataclass(frozen=True, slots=True)
class Refused:
    """`already`: this contact is bound to this patient by it. `used`: somebody else has scanned it. `expired`, `unknown`."""

    why: Literal["already", "used", "expired", "unknown"]


def is_ours(scene: str) -> bool:
    """Whether a scanned scene is a binding token of our making (others belong to posters and campaigns)."""
    return _SCENE.fullmatch(scene) is not None


def _hash(token: str) -> str:
    return crypto.lookup(token, "binding.qr")


async def make(
    session: AsyncSession,
    patient: Patient,
    *,
    relation: Relation,
    account_id: str,
    staff_id: UUID | None,
    now: datetime,
) -> tuple[BindingQr, str]:
    """A new code and its scene (35 of the 64 characters allowed); the vendor is asked for the picture afterwards."""
    scene = "bd_" + secrets.token_urlsafe(24)
    row = BindingQr(
        token_hash=_hash(scene),
        account_id=account_id,
        patient_id=patient.id,
        relation=relation,
        state=QrState.MADE,
        tries=0,
        created_by=staff_id,
        created_at=now,
        expires_at=now + LIFE,
    )
    session.add(row)
    await session.flush()
    _record(session, row, f"staff:{staff_id}" if staff_id else "system", "qr_made", now)
    return row, scene


async def shown(session: AsyncSession, qr_id: UUID, url: str | None, now: datetime) -> None:
    """WeChat made the picture that says `url`, or (None) did not."""
    row = await session.get_one(BindingQr, qr_id)
    row.state = QrState.SHOWN if url else QrState.FAILED
    if url:
        row.url = url


async def scan(
    session: AsyncSession, scene: str, *, contact_id: UUID, account_id: str, now: datetime
) -> Scanned | Refused:
    """Somebody scanned it. The first contact has it; scanning again is the same as once."""
    row = await session.scalar(
        select(BindingQr).where(BindingQr.token_hash == _hash(scene), BindingQr.account_id == account_id)
    )
    if row is None:
        return Refused("unknown")
    actor = f"contact:{contact_id}"
    if row.state == QrState.BOUND:
        _record(session, row, actor, "qr_scan_refused", now, why="bound")
        return Refused("already" if row.contact_id == contact_id else "used")
    if row.expires_at <= now or row.state not in OPEN:
        _record(session, row, actor, "qr_scan_refused", now, why=state_of(row, now))
        return Refused("expired")
    taken = await session.execute(
        update(BindingQr)
        .where(
            BindingQr.id == row.id, (BindingQr.contact_id.is_(None)) | (BindingQr.contact_id == contact_id)
        )
        .values(contact_id=contact_id, state=QrState.SCANNED, scanned_at=now)
        .returning(BindingQr.id)
        .execution_options(synchronize_session="fetch")
    )
    if taken.first() is None:
        _record(session, row, actor, "qr_scan_refused", now, why="other contact")
        return Refused("used")
    patient = await patients.get(session, row.patient_id)
    if patient is None or patient.status == PatientStatus.DIED:
        return Refused("unknown")
    linked = await patients.patients_of_contact(session, contact_id)
    if any(one.patient.id == patient.id for one in linked):
        row.state, row.bound_at = QrState.BOUND, now
        _record(session, row, actor, "qr_bound", now, new=False)
        return Refused("already")
    _record(session, row, actor, "qr_scanned", now)
    check: Literal["last4", "code"] | None = (
        "last4" if patient.id_last4_hash else "code" if patient.phone_hash else None
    )
    if check is None:
        return Refused("unknown")
    return Scanned(row.id, patient.id, identity.mask_name(patient.name), Relation(row.relation), check)


async def confirm(
    session: AsyncSession, qr_id: UUID, last4: str, *, contact_id: UUID, now: datetime
) -> binding.Bound | binding.Wrong | binding.Expired | binding.Locked:
    """Try the last four of the identity number. Counted before it is compared, so that parallel guesses count too."""
    counted = await session.execute(
        update(BindingQr)
        .where(
            BindingQr.id == qr_id,
            BindingQr.contact_id == contact_id,
            BindingQr.state == QrState.SCANNED,
            BindingQr.expires_at > now,
            BindingQr.tries < MAX_TRIES,
        )
        .values(tries=BindingQr.tries + 1)
        .returning(BindingQr.id)
        .execution_options(synchronize_session=False)
    )
    if counted.first() is None:
        row = await session.get(BindingQr, qr_id, populate_existing=True)
        ours = row is not None and row.contact_id == contact_id and row.state == QrState.LOCKED
        return binding.Locked() if ours else binding.Expired()
    row = await session.get_one(BindingQr, qr_id, populate_existing=True)
    patient = await patients.get(session, row.patient_id)
    actor = f"contact:{contact_id}"
    fits = patient is not None and hmac.compare_digest(
        patient.id_last4_hash or "", identity.id_last4_hash(last4)
    )
    if not fits:
        _record(session, row, actor, "qr_check_failed", now)
        if row.tries >= MAX_TRIES:
            row.state = QrState.LOCKED
            return binding.Locked()
        return binding.Wrong(MAX_TRIES - row.tries)
    return await _bind(session, row, contact_id, now)


async def bound_by_code(session: AsyncSession, qr_id: UUID, *, contact_id: UUID, now: datetime) -> None:
    """The code to the phone on record was right; the link is made already (`care.binding.service.confirm`)."""
    row = await session.get(BindingQr, qr_id)
    if row is not None and row.contact_id == contact_id and row.state == QrState.SCANNED:
        row.state, row.bound_at = QrState.BOUND, now
        _record(session, row, f"contact:{contact_id}", "qr_bound", now)


async def declined(session: AsyncSession, qr_id: UUID, *, contact_id: UUID, now: datetime) -> None:
    """The person who scanned says that this is not whom they came for."""
    row = await session.get(BindingQr, qr_id)
    if row is not None and row.contact_id == contact_id and row.state == QrState.SCANNED:
        row.state = QrState.DECLINED
        _record(session, row, f"contact:{contact_id}", "qr_declined", now)


async def _bind(session: AsyncSession, row: BindingQr, contact_id: UUID, now: datetime) -> binding.Bound:
    relation = Relation(row.relation)
    new = await patients.link_contact(session, row.patient_id, contact_id, relation, at=now)
    row.state, row.bound_at = QrState.BOUND, now
    _record(session, row, f"contact:{contact_id}", "qr_bound", now, new=new)
    subject = audit.subject_of("patient", row.patient_id)
    audit.record(session, actor=f"contact:{contact_id}", action="bind", subject=subject, at=now)
    return binding.Bound(row.patient_id, relation, new)


def state_of(row: BindingQr, now: datetime) -> QrState:
    """What staff see."""
    state = QrState(row.state)
    return QrState.EXPIRED if state in OPEN and row.expires_at <= now else state


async def recent(
    session: AsyncSession, staff_id: UUID, since: datetime, limit: int = 10
) -> Sequence[BindingQr]:
    """The codes a member of staff made, the newest first."""
    return (
        await session.scalars(
            select(BindingQr)
            .where(BindingQr.created_by == staff_id, BindingQr.created_at >= since)
            .order_by(BindingQr.created_at.desc(), BindingQr.id.desc())
            .limit(limit)
        )
    ).all()


def _record(
    session: AsyncSession, row: BindingQr, actor: str, action: str, now: datetime, **detail: object
) -> None:
    subject = audit.subject_of("patient", row.patient_id)
    audit.record(
        session, actor=actor, action=action, subject=subject, at=now, detail={"qr": str(row.id), **detail}
    )
