"""WeChat's own events: consent with its proof, delivery reports, and what leaving takes along."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.inbox.models import InboundMessage
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.media import service as media
from channels.media.models import MediaItem
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.receipts import Receipts
from channels.ports import Inbound, Outcome, Rendered, SendResult
from channels.reply import Reply
from channels.wechat import codec, grants, leaving
from channels.wechat.models import SubscriptionGrant
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import OPENID, conversation, inbound, received, said, say

LONG, ONCE = "visit_long", "visit_once"


@pytest.fixture
def inbox(database: Database, clock: VirtualClock, tmp_path: Path) -> Inbox:
    return Inbox(
        database,
        clock,
        Spool(tmp_path / "spool"),
        receipts=Receipts(database, clock),
        kind_of=lambda account_id, template_id: "long" if template_id == LONG else "once",
    )


def event(clock: VirtualClock, name: str, form: str = "xml", **fields: Any) -> Inbound:
    """As it comes from WeChat, read by the codec."""
    raw = {
        "ToUserName": "gh_1",
        "FromUserName": OPENID,
        "CreateTime": int(clock.now().timestamp()),
        "MsgType": "event",
        "Event": name,
        **fields,
    }
    return codec.to_inbound(raw, "hospital")


def popup(clock: VirtualClock, *answers: tuple[str, str], form: str = "json") -> Inbound:
    items: list[dict[str, Any]] = [
        {"TemplateId": template, "SubscribeStatusString": status, "PopupScene": 1}
        for template, status in answers
    ]
    listed: Any = items if form == "json" or len(items) > 1 else items[0]
    return event(clock, "subscribe_msg_popup_event", SubscribeMsgPopupEvent={"List": listed})


async def granted(database: Database) -> dict[str, tuple[str, bool, int | None]]:
    async with database.read() as session:
        rows = await session.scalars(select(SubscriptionGrant))
        return {row.template_id: (row.kind, row.accepted, row.remaining) for row in rows}


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_yes_to_a_notice_is_kept_with_its_proof(
    inbox: Inbox, database: Database, clock: VirtualClock, form: str
) -> None:
    [accepted] = await inbox.accept([popup(clock, (ONCE, "accept"), form=form)])
    assert await granted(database) == {ONCE: ("once", True, 1)}
    async with database.read() as session:
        [row] = await session.scalars(select(SubscriptionGrant))
        assert str(row.inbound_id) == accepted.inbound_id


async def test_several_lists_and_several_answers(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([popup(clock, (ONCE, "accept"), (LONG, "accept"), ("other", "reject"))])
    assert await granted(database) == {
        ONCE: ("once", True, 1),
        LONG: ("long", True, None),
        "other": ("once", False, 0),
    }


async def test_each_yes_to_a_one_time_notice_is_one_message_more_and_a_repeat_is_none(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    first = popup(clock, (ONCE, "accept"))
    await inbox.accept([first])
    await inbox.accept([first])
    clock.advance(timedelta(seconds=5))
    await inbox.accept([popup(clock, (ONCE, "accept"))])
    assert await granted(database) == {ONCE: ("once", True, 2)}


async def test_a_notice_switched_off_in_the_settings_is_withdrawn(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([popup(clock, (LONG, "accept"))])
    change = {"List": [{"TemplateId": LONG, "SubscribeStatusString": "reject"}]}
    await inbox.accept([event(clock, "subscribe_msg_change_event", SubscribeMsgChangeEvent=change)])
    assert await granted(database) == {LONG: ("long", False, 0)}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"SubscribeMsgPopupEvent": "text"},
        {"SubscribeMsgPopupEvent": {"List": ["a", {"TemplateId": 7, "SubscribeStatusString": "accept"}]}},
        {
            "SubscribeMsgPopupEvent": [
                {"List": {"TemplateId": "x", "SubscribeStatusString": "maybe"}},
                None,
            ]
        },
    ],
)
async def test_a_malformed_consent_gives_no_consent(
    inbox: Inbox, database: Database, clock: VirtualClock, fields: dict[str, Any]
) -> None:
    await inbox.accept([event(clock, "subscribe_msg_popup_event", **fields)])
    assert await granted(database) == {}
    assert len(await received(database)) == 1


async def spend(
    database: Database, clock: VirtualClock, template: str, rung: str, result: SendResult
) -> None:
    contact, _ = await conversation(database, clock)
    async with database.write() as session:
        sent = Rendered(template_code=template, variables={"thing1": "x"}, rung=rung)
        await grants.spent(session, contact.id, sent, result, clock.now())


@pytest.mark.parametrize(
    ("result", "left"),
    [
        (SendResult(Outcome.ACCEPTED), (True, 1)),
        (SendResult(Outcome.UNCERTAIN), (True, 1)),
        (SendResult(Outcome.RETRY), (True, 2)),
        (SendResult(Outcome.REFUSED, code="47003"), (True, 2)),
        (SendResult(Outcome.REFUSED, code="43101"), (False, 0)),
    ],
)
async def test_each_send_of_a_one_time_notice_leaves_one_fewer_and_43101_revokes(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    result: SendResult,
    left: tuple[bool, int],
) -> None:
    await inbox.accept([popup(clock, (ONCE, "accept"), (ONCE, "accept"))])
    await spend(database, clock, ONCE, "subscription_once", result)
    assert await granted(database) == {ONCE: ("once", *left)}


async def test_a_long_term_consent_is_not_used_up_and_what_is_used_up_is_not_usable(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([popup(clock, (LONG, "accept"), (ONCE, "accept"))])
    contact, _ = await conversation(database, clock)
    await spend(database, clock, LONG, "subscription_long", SendResult(Outcome.ACCEPTED))
    await spend(database, clock, ONCE, "subscription_once", SendResult(Outcome.ACCEPTED))
    async with database.read() as session:
        assert set(await grants.usable(session, [contact.id])) == {(contact.id, LONG)}


async def notice_sent(database: Database, clock: VirtualClock, rung: str, vendor_id: str | None) -> None:
    _, talk = await conversation(database, clock)
    [row] = await say(database, clock, talk, Reply("booking.booked"))

    async with database.write() as session:
        message = await session.get(OutboundMessage, row.id)
        assert message is not None
        message.status, message.due_at = ("accepted" if vendor_id else "sending"), None
        session.add(
            DeliveryAttempt(
                outbound_id=row.id, n=1, rung=rung, verdict="accepted" if vendor_id else "started",
                vendor_id=vendor_id, started_at=clock.now(),
            )
        )  # fmt: skip


@pytest.mark.parametrize("known", [True, False], ids=["after the answer", "before the answer"])
@pytest.mark.parametrize(
    ("status", "receipt"),
    [
        ("success", "delivered"),
        ("failed:user block", "failed"),
        ("failed: system failed", "failed"),
        ("failed:freq limit", "failed"),
    ],
)
async def test_the_result_of_a_template_message_is_its_receipt(
    inbox: Inbox, database: Database, clock: VirtualClock, known: bool, status: str, receipt: str
) -> None:
    await notice_sent(database, clock, "template", "200163836" if known else None)
    await inbox.accept([event(clock, "TEMPLATESENDJOBFINISH", MsgID=200163836, Status=status)])
    async with database.read() as session:
        [attempt] = await session.scalars(select(DeliveryAttempt))
        assert attempt.receipt == receipt


@pytest.mark.parametrize(
    ("code", "status", "receipt"), [("0", "success", "delivered"), ("43116", "blocked", "failed")]
)
async def test_the_result_of_a_subscription_notice_is_its_receipt(
    inbox: Inbox, database: Database, clock: VirtualClock, code: str, status: str, receipt: str
) -> None:
    await notice_sent(database, clock, "subscription_long", "1700827132819554304")
    item = {
        "TemplateId": LONG,
        "MsgID": "1700827132819554304",
        "ErrorCode": code,
        "ErrorStatus": status,
    }
    await inbox.accept([event(clock, "subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": item})])
    [row] = await said(database)
    assert row.status == receipt


async def test_reports_are_not_the_patient_speaking(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    await inbox.accept([event(clock, "subscribe")])
    await inbox.accept([event(clock, "unsubscribe")])
    clock.advance(timedelta(hours=1))
    for name in ("TEMPLATESENDJOBFINISH", "MASSSENDJOBFINISH", "subscribe_msg_change_event"):
        await inbox.accept([event(clock, name, MsgID=1, Status="success")])
    async with database.read() as session:
        [contact] = await session.scalars(select(Contact))
        [talk] = await session.scalars(select(Conversation))
    assert contact.status == "unfollowed"
    assert talk.last_inbound_at == clock.now() - timedelta(hours=1)


async def test_an_unknown_event_is_stored(inbox: Inbox, database: Database, clock: VirtualClock) -> None:
    await inbox.accept([event(clock, "user_authorize_revoke", AppID="wx1")])
    [row] = await received(database)
    assert (row.event, row.raw["AppID"]) == ("user_authorize_revoke", "wx1")


async def test_leaving_takes_quota_consents_envelopes_and_media_along_and_leaves_the_words(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    contact, talk = await conversation(database, clock)
    await inbox.accept([inbound("我血压160", raw={"FromUserName": OPENID})])
    picture = inbound(kind="media", event="image", raw={"MediaId": "m1"}, text="")
    await inbox.accept([picture, popup(clock, (LONG, "accept"))])
    await say(database, clock, talk, Reply("smalltalk.greet"))

    async def leave(session: AsyncSession) -> None:
        row = await session.scalar(select(InboundMessage).where(InboundMessage.event == "image"))
        assert row is not None
        await media.open_item(session, row, clock.now())
        await leaving.forget(session, contact.id, talk.id, clock.now())

    await database.transact(leave, "a test")
    [queued] = await said(database)
    assert (queued.status, queued.reason) == ("suppressed", "unfollowed")
    rows = await received(database)
    assert rows[0].text == "我血压160"
    assert {row.raw_sealed for row in rows} == {None}
    assert await granted(database) == {}
    async with database.read() as session:
        assert (await session.scalars(select(SendingWindow))).all() == []
        [item] = await session.scalars(select(MediaItem))
        assert (item.state, item.media_id) == ("forgotten", "")
        [after] = await session.scalars(select(Conversation))
    assert after.engine_id != talk.engine_id
