"""The gate's lasting rules over a whole audience in one statement: how many would be reached by which way, how many not and why.

What only puts a message off (hours, burden, mute) and what WeChat's notices could do is not counted here: `dryrun` asks the gate
itself about a sample. The order of the reasons is the gate's (`care.gate.policy`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.consents.models import ConsentNow, OptOut, Purpose
from care.consents.service import STOPPED_BY, WITHOUT_GRANT
from care.gate.reasons import Reason
from care.gate.recipient import CONFIRMED
from care.gate.rules import GateRules
from care.patients.models import PatientContact
from channels.contacts.models import Contact, SendingWindow
from channels.outbox.ports import Rung
from channels.ports import ChannelName
from content.campaigns import addresses
from content.campaigns.dispatch import NO_CONTACT
from content.reading.models import TopicStop


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for everybody. `accounts`: SMS accounts that have approved words for it; `passive_only`: WeChat accounts that
    may not send by themselves; `topics`: the articles'."""

    purpose: Purpose
    rules: GateRules
    accounts: Collection[str]
    passive_only: Collection[str]
    topics: Collection[str]
    now: datetime


def verdicts(patients: Select[Any], frame: Frame) -> Select[Any]:
    """`patient_id` and `verdict` (a rung, or the reason why not) of everybody in `patients` (a select of ids)."""
    whom = patients.subquery("whom")
    best = addresses.best(PatientContact.patient_id.in_(select(whom.c.id)))
    window = aliased(SendingWindow)
    kept = frame.rules.kept_for_clinicians + frame.rules.kept_for_emergency
    open_ = or_(
        window.contact_id.is_(None), and_(window.expires_at > frame.now, window.remaining > kept)
    ) & best.c.account_id.not_in(list(frame.passive_only))
    on_wechat = best.c.channel == ChannelName.WECHAT.value
    consents = _consents(frame.purpose, best.c.contact_id, whom.c.id)
    verdict = case(
        (best.c.contact_id.is_(None), literal(NO_CONTACT)),
        (best.c.status == "unfollowed", literal(Reason.UNFOLLOWED.value)),
        (best.c.status == "wrong_number", literal(Reason.WRONG_NUMBER.value)),
        (best.c.status != "active", literal(Reason.STOPPED.value)),
        *consents,
        (_topic_stopped(frame, whom.c.id), literal(Reason.TOPIC_STOPPED.value)),
        (
            and_(~on_wechat, best.c.account_id.not_in(list(frame.accounts))),
            literal(Reason.NO_TEMPLATE.value),
        ),
        (and_(~on_wechat, best.c.holder.not_in(CONFIRMED)), literal(Reason.HOLDER_UNKNOWN.value)),
        (~on_wechat, literal(Rung.SMS.value)),
        (open_, literal(Rung.CUSTOM.value)),
        (_phone(frame, whom.c.id), literal(Rung.SMS.value)),
        else_=literal(Reason.NO_WAY_LEFT.value),
    )
    return (
        select(whom.c.id.label("patient_id"), verdict.label("verdict"))
        .select_from(whom)
        .outerjoin(best, best.c.patient_id == whom.c.id)
        .outerjoin(window, window.contact_id == best.c.contact_id)
    )


async def count(session: AsyncSession, patients: Select[Any], frame: Frame) -> dict[str, int]:
    """How many of `patients` by verdict."""
    each = verdicts(patients, frame).subquery("each")
    rows = await session.execute(select(each.c.verdict, func.count()).group_by(each.c.verdict))
    return {str(row[0]): int(row[1]) for row in rows}


def _consents(purpose: Purpose, contact: Any, patient: Any) -> list[tuple[ColumnElement[bool], Any]]:
    """As `care.consents.service.Standing.verdict` says of one."""
    stops = [level.value for level, stopped in STOPPED_BY.items() if purpose in stopped]
    said = and_(ConsentNow.subject_id.in_((contact, patient)), ConsentNow.purpose == purpose.value)
    found: list[tuple[ColumnElement[bool], Any]] = [
        (
            exists().where(OptOut.contact_id == contact, OptOut.level.in_(stops)),
            literal(Reason.OPTED_OUT.value),
        ),
        (exists().where(said, ConsentNow.granted == false()), literal(Reason.WITHDRAWN.value)),
    ]
    if purpose not in WITHOUT_GRANT:
        found.append((~exists().where(said), literal(Reason.NEVER_GRANTED.value)))
    return found


def _topic_stopped(frame: Frame, patient: Any) -> ColumnElement[bool]:
    if frame.purpose is not Purpose.EDUCATION:
        return false()
    return exists().where(TopicStop.patient_id == patient, TopicStop.topic.in_(list(frame.topics)))


def _phone(frame: Frame, patient: Any) -> ColumnElement[bool]:
    """Whether a phone of the patient takes what WeChat does not (`care.gate.ways.Ways`)."""
    if frame.purpose is Purpose.MARKETING:
        return false()
    phone, link = aliased(Contact), aliased(PatientContact)
    consents = [condition for condition, _ in _consents(frame.purpose, phone.id, patient)]
    return exists().where(
        link.patient_id == patient,
        phone.id == link.contact_id,
        phone.channel == ChannelName.SMS.value,
        phone.status == "active",
        phone.holder.in_(CONFIRMED),
        phone.account_id.in_(list(frame.accounts)),
        or_(phone.muted_until.is_(None), phone.muted_until <= frame.now),
        ~or_(*consents),
    )
