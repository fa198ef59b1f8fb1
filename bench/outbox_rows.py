"""A queue to drain: reminders by SMS, one to each patient's own phone, written in a stream so that a million costs no memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import insert

from care.patients.models import Patient
from channels.contacts.models import Contact, Conversation
from channels.contacts.service import address_hash
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.database import Database
from store.ids import new_id

ACCOUNT = "bench"
CHUNK = 2_000
REPLY = Reply("smalltalk.greet")

Rows = tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]


def _rows(count: int, first: int, campaign: str, now: datetime) -> Iterator[Rows]:
    """Patient, contact, conversation and message of each."""
    for n in range(first, first + count):
        number = f"+8613{n:09d}"
        patient = Patient(
            record_number=f"D{n:09d}",
            record_number_hash=f"bench-{n}",
            name="测试",
            name_hash="bench",
            sex="female",
            status="active",
            created_at=now,
        )
        contact = Contact(
            channel="sms",
            account_id=ACCOUNT,
            address=number,
            address_hash=address_hash("sms", ACCOUNT, number),
            status="active",
            holder="self",
            created_at=now,
        )
        talk, message_id = new_id(), new_id()
        message = OutboundMessage(id=message_id, reply=REPLY.to_json())
        yield (
            {
                "id": patient.id,
                "record_number_sealed": patient.record_number_sealed,
                "record_number_hash": patient.record_number_hash,
                "name_sealed": patient.name_sealed,
                "name_hash": "bench",
                "sex": "female",
                "status": "active",
                "confidential": False,
                "created_at": now,
            },
            {
                "id": contact.id,
                "channel": "sms",
                "account_id": ACCOUNT,
                "address_sealed": contact.address_sealed,
                "address_hash": contact.address_hash,
                "status": "active",
                "holder": "self",
                "created_at": now,
            },
            {
                "id": talk,
                "contact_id": contact.id,
                "channel": "sms",
                "account_id": ACCOUNT,
                "engine_id": uuid.uuid4(),
                "inbound_seq": 0,
                "handled_seq": 0,
                "outbound_seq": 1,
                "attempts": 0,
            },
            {
                "id": message_id,
                "dedup_key": f"bench:{campaign}:{n}",
                "conversation_id": talk,
                "contact_id": contact.id,
                "channel": "sms",
                "account_id": ACCOUNT,
                "patient_id": patient.id,
                "seq": 1,
                "purpose": "service_notice",
                "priority": 9,
                "campaign": campaign,
                "reply_sealed": message.reply_sealed,
                "status": "queued",
                "created_at": now,
                "due_at": now,
                "attempts": 0,
            },
        )


async def fill(database: Database, count: int, *, campaign: str, now: datetime, first: int = 0) -> None:
    """Queue `count` messages of `campaign`, due now; `first` is the first patient's number."""
    rows = _rows(count, first, campaign, now)
    models = (Patient, Contact, Conversation, OutboundMessage)
    while chunk := list(islice(rows, CHUNK)):
        async with database.write("bench-fill") as session:
            for place, model in enumerate(models):
                table: Any = model.__table__
                await session.execute(insert(table), [row[place] for row in chunk])
