"""Bringing an open response to the patient: its link in WeChat, or the fixed address and six digits by SMS."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient
from care.questionnaires.entrance import codes, links
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.pages.staff import QuestionnaireDesk
from care.reach import talks
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Reply
from store.ids import new_id


async def send_link(
    session: AsyncSession, desk: QuestionnaireDesk, response: QuestionnaireResponse, now: datetime
) -> bool:
    """Queue a new link to the patient's WeChat, their own first. False: nobody follows the account."""
    query = talks.in_order().where(Contact.channel == ChannelName.WECHAT)
    conversation = await talks.the_first(session, query, response.patient_id)
    if conversation is None:
        return False
    path = await links.issue(session, response.id, now=now, lasts=desk.link_lasts)
    await _queue(
        session, conversation, Reply("questionnaire.link", {"url": f"{desk.site}{path}"}), response, now
    )
    return True


async def send_code(
    session: AsyncSession,
    desk: QuestionnaireDesk,
    response: QuestionnaireResponse,
    patient: Patient,
    now: datetime,
) -> bool:
    """Queue a new code to the phone on record; the earlier one ends. False: there is no phone."""
    if patient.phone_hash is None or not desk.sms_account:
        return False
    _, conversation = await contacts.ensure(session, ChannelName.SMS, desk.sms_account, patient.phone, now)
    code = await codes.issue(session, response.id, now=now, lasts=desk.code_lasts)
    await _queue(session, conversation, Reply("questionnaire.code", {"code": code}), response, now)
    return True


async def _queue(
    session: AsyncSession,
    conversation: Conversation,
    reply: Reply,
    response: QuestionnaireResponse,
    now: datetime,
) -> None:
    await outbox.enqueue(
        session,
        conversation,
        reply,
        dedup_key=f"questionnaire-way:{new_id()}",
        purpose="follow_up",
        now=now,
        patient_id=response.patient_id,
        expires_at=response.expires_at,
    )
