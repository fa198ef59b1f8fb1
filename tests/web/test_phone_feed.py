"""The steps behind the phones, from rows as the channels write them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from channels.contacts import service as contacts
from channels.inbox.models import InboundMessage
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.simulator.feed import database_feed
from channels.simulator.pages import FeedStep
from store import crypto
from store.database import Database
from tests.web.site import PEOPLE
from web.shell import environment

WANG = PEOPLE[0]
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ring = crypto.Keyring({"t": os.urandom(32)}, "t", {"1": os.urandom(32)}, "1")
    monkeypatch.setattr(crypto, "_current", ring)
    yield


async def test_a_turn_is_told_from_its_rows(database: Database) -> None:
    async with database.write() as session:
        contact, conversation = await contacts.ensure(session, "wechat", "main", WANG.openid, NOW)
        message = InboundMessage(
            conversation_id=conversation.id,
            contact_id=contact.id,
            seq=1,
            channel="wechat",
            account_id="main",
            vendor_key="k1",
            kind="text",
            text="我想挂号",
            received_at=NOW,
            handled_at=NOW + timedelta(milliseconds=40),
            status="handled",
            screen="none",
            intent="book_appointment",
            confidence=0.934,
        )
        session.add(message)
        await session.flush()
        for dedup_key, inbound_id, seq in (("reply:1", message.id, 1), ("push:1", None, 2)):
            row = OutboundMessage(
                dedup_key=dedup_key,
                conversation_id=conversation.id,
                contact_id=contact.id,
                inbound_id=inbound_id,
                seq=seq,
                purpose="reply",
                reply={"key": f"key.{seq}", "params": {}, "options": [{"id": "a", "label": "眼科"}]},
                status="accepted",
                created_at=NOW + timedelta(milliseconds=50, minutes=seq - 1),
            )
            session.add(row)
            await session.flush()
            attempt = DeliveryAttempt(
                outbound_id=row.id,
                n=1,
                rung="custom",
                verdict="accepted",
                started_at=row.created_at,
                finished_at=row.created_at + timedelta(milliseconds=30),
            )
            session.add(attempt)

    steps = list(await database_feed(database, "main", "aliyun")(WANG))
    stages = [step.stage for step in steps]
    assert stages == ["inbound", "screen", "intent", "reply", "attempt", "reply", "attempt"]
    assert [step.took_ms for step in steps] == [None, None, 40, 50, 80, 0, 30]
    assert len({step.turn for step in steps}) == 2
    assert await database_feed(database, "main", "aliyun")(PEOPLE[1]) == []

    shown = environment.get_template("simulator/feed.html").render(turns=[steps[:5], steps[5:]])
    for part in (
        "微信文字：我想挂号",
        "没有危险信号",
        "book_appointment",
        "93%",
        "key.1",
        "带1个选项",
        "对方已接受",
        "80 毫秒",
    ):
        assert part in shown


def test_what_a_patient_wrote_is_escaped() -> None:
    values = {"channel": "sms", "kind": "text", "text": "<script>1</script>", "status": "handled"}
    shown = environment.get_template("simulator/feed.html").render(turns=[[FeedStep("t", "inbound", values)]])
    assert "<script>" not in shown and "&lt;script&gt;" in shown


async def test_what_a_text_takes_up_is_told_where_it_began(database: Database) -> None:
    async with database.write() as session:
        rows = []
        for number, (channel, account, address) in enumerate(
            (("wechat", "main", WANG.openid), ("sms", "main", WANG.phone))
        ):
            contact, conversation = await contacts.ensure(session, channel, account, address, NOW)
            row = OutboundMessage(
                dedup_key=f"ladder:{number}",
                conversation_id=conversation.id,
                contact_id=contact.id,
                seq=1,
                purpose="service_notice",
                priority=3,
                plan=["custom", "sms"],
                continues=rows[0].id if rows else None,
                reply={"key": "booking.booked", "params": {}, "options": []},
                status=("passed_on", "accepted")[number],
                created_at=NOW + timedelta(seconds=number),
            )
            session.add(row)
            await session.flush()
            rows.append(row)
            session.add(
                DeliveryAttempt(
                    outbound_id=row.id,
                    n=1,
                    rung=("custom", "sms")[number],
                    verdict=("passed_on", "accepted")[number],
                    gate=("window_closed", None)[number],
                    started_at=NOW,
                )
            )
    feed = database_feed(database, "main", "main", lambda code: f"<{code}>")
    steps = await feed(WANG)
    assert {step.turn for step in steps} == {str(rows[0].id)}
    assert [(step.stage, step.values.get("rung"), step.values.get("gate")) for step in steps] == [
        ("reply", None, None),
        ("attempt", "custom", "<window_closed>"),
        ("reply", None, None),
        ("attempt", "sms", ""),
    ]
    assert steps[2].values["continues"] is True and steps[0].values["plan"] == ["custom", "sms"]
    page = environment.get_template("simulator/feed.html").render(turns=[steps])
    assert "接着用短信" in page and "&lt;window_closed&gt;" in page
