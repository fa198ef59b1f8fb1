"""What a nurse writes: as it is on WeChat, in an approved template on SMS, and a call where it does not fit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from care.desk.models import DeskTask, TaskKind
from care.desk.replies import as_sms, staff_reply
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from channels.sms.template import VARIABLE_CHARS
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import SMS, WECHAT, conversation

NURSE = new_id()
SHORT = "明天上午9点到护士站找我就行。"
LONG = "您的片子医生看过了，没有大的问题。下周一上午请空腹来抽血，带上医保卡和以前的化验单。"
TOO_LONG = (
    LONG + "另外降压药先不要停，早上起来量一次血压，记下来，下次带给医生看，有头晕就马上打电话告诉我们。"
)


async def write(
    database: Database, clock: VirtualClock, channel: ChannelName, text: str, **values: object
) -> tuple[OutboundMessage | None, list[DeskTask]]:
    _, talk = await conversation(database, clock, channel)
    async with database.write() as session:
        row = await staff_reply(session, talk, text, NURSE, clock.now(), **values)  # type: ignore[arg-type]
    async with database.read() as session:
        return row, list(await session.scalars(select(DeskTask)))


async def test_wechat_says_what_was_written(database: Database, clock: VirtualClock) -> None:
    row, tasks = await write(database, clock, WECHAT, TOO_LONG)
    assert row is not None
    assert (row.purpose, row.reply["key"], row.reply["params"]["text"]) == (
        "staff_reply",
        "desk.reply",
        TOO_LONG,
    )
    assert tasks == []


@pytest.mark.parametrize(("text", "key"), [(SHORT, "desk.reply"), (LONG, "desk.reply_long")])
async def test_sms_says_it_in_a_template(
    database: Database, clock: VirtualClock, text: str, key: str
) -> None:
    row, tasks = await write(database, clock, SMS, text)
    assert row is not None
    assert (row.reply["key"], tasks) == (key, [])


async def test_what_does_not_fit_is_a_call(database: Database, clock: VirtualClock) -> None:
    by = clock.now() + timedelta(hours=1)
    row, [task] = await write(database, clock, SMS, TOO_LONG, call_by=by, dedup_key="press-1")
    assert row is not None
    assert row.reply["key"] == "common.call_us"
    assert (task.kind, task.note, task.due_at) == (TaskKind.CALL, TOO_LONG, by)


async def test_a_button_pressed_twice_says_it_once(database: Database, clock: VirtualClock) -> None:
    first, _ = await write(database, clock, SMS, SHORT, dedup_key="press-1")
    second, _ = await write(database, clock, SMS, SHORT, dedup_key="press-1")
    assert first is not None
    assert second is None


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_nothing_is_no_reply(database: Database, clock: VirtualClock, text: str) -> None:
    with pytest.raises(ValueError, match="words"):
        await write(database, clock, SMS, text)


@pytest.mark.parametrize("text", [SHORT, LONG, "好" * VARIABLE_CHARS, "甲" * 34 + "。" + "乙" * 35])
def test_the_variables_are_in_their_limits_and_nothing_is_lost(text: str) -> None:
    reply = as_sms(text)
    assert reply is not None
    parts = [str(reply.params[name]) for name in ("first", "rest") if name in reply.params]
    parts = parts or [str(reply.params["text"])]
    assert all(1 <= len(part) <= VARIABLE_CHARS for part in parts)
    bare = str.maketrans("", "", "。，；！？")
    assert "".join(parts).translate(bare) == text.translate(bare)


@pytest.mark.parametrize("text", ["好" * 36, TOO_LONG, "没有标点的一句话" * 6])
def test_words_are_never_torn(text: str) -> None:
    assert as_sms(text) is None
