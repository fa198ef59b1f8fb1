"""Binding: name, number, a code to the phone on record; the same words whether a record exists or not."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from actions.account.bind import BindingDraft
from actions.services import Services
from care.patients import service as patients
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from server.codes import SmsCodes
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import World
from tests.factories.stage import Stage, stage

BIND = "bind_patient"


@pytest.fixture
async def on(services: Services, clock: VirtualClock, world: World) -> Stage:
    services.codes = SmsCodes("aliyun", clock)
    return await stage(services)


async def codes(database: Database) -> list[tuple[str, str]]:
    """The phones codes were sent to, and the codes."""
    async with database.read() as session:
        rows = await session.execute(
            select(OutboundMessage, Contact)
            .join(Contact, Contact.id == OutboundMessage.contact_id)
            .where(OutboundMessage.purpose == "code")
            .order_by(OutboundMessage.id)
        )
        return [(contact.address, message.reply["params"]["code"]) for message, contact in rows]


async def drafts(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(BindingDraft)) or 0


async def up_to_the_code(on: Stage, name: str = "王秀兰", number: str = "D0000001") -> list[str]:
    assert await on.say("绑定就诊卡", BIND) == ["bind.ask_name"]
    assert await on.say(name, "out_of_scope", 0.3) == ["bind.ask_number"]
    return await on.say(number, "out_of_scope", 0.3)


async def test_a_patient_is_bound(on: Stage, database: Database, world: World) -> None:
    assert await up_to_the_code(on) == ["bind.ask_code"]
    [(phone, code)] = await codes(database)
    assert "19900000001" in phone
    assert await on.say(code, "out_of_scope", 0.3) == ["bind.done"]
    assert on.form is None
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, on.contact_id)
    assert (linked.patient.id, str(linked.relation)) == (world.people["王秀兰"], "self")
    assert await drafts(database) == 0


async def test_a_stranger_hears_the_same_and_no_code_is_sent(on: Stage, database: Database) -> None:
    known = await up_to_the_code(on)
    said = on.last
    await on.say("退出", "stop")
    assert await up_to_the_code(on, "王秀兰", "D9999999") == known
    assert on.last == said
    assert len(await codes(database)) == 1
    for guess in ("000000", "111111", "222222", "333333"):
        assert await on.say(guess, "out_of_scope", 0.3) == ["bind.wrong_code", "bind.ask_code"]
    assert await on.say("444444", "out_of_scope", 0.3) == ["bind.locked"]
    assert on.form is None


async def test_a_wrong_code_counts_down_and_five_lock(on: Stage, database: Database) -> None:
    await up_to_the_code(on)
    [(_, code)] = await codes(database)
    wrong = "000000" if code != "000000" else "000001"
    for left in (4, 3, 2, 1):
        await on.say(wrong, "out_of_scope", 0.3)
        assert on.replies[0].params == {"left": left}
    assert await on.say(wrong, "out_of_scope", 0.3) == ["bind.locked"]
    async with database.read() as session:
        assert await patients.patients_of_contact(session, on.contact_id) == []


async def test_a_code_can_be_sent_again(on: Stage, database: Database) -> None:
    await up_to_the_code(on)
    await on.hear("", "choose", 1.0, {"answer": "resend"})
    first, second = await codes(database)
    assert first[0] == second[0]
    assert await on.say(second[1], "out_of_scope", 0.3) == ["bind.done"]


@pytest.mark.parametrize("said", ["我叫王秀兰", "王秀兰", "姓名：王秀兰", "我是王秀兰"])
async def test_a_name_is_read_as_people_say_it(on: Stage, said: str) -> None:
    await on.say("绑定就诊卡", BIND)
    assert await on.say(said, "out_of_scope", 0.3) == ["bind.ask_number"]
    assert on.last.params["name"] == "王秀兰"


async def test_one_step_back_and_out(on: Stage, database: Database) -> None:
    await up_to_the_code(on)
    assert await on.say("上一步", "go_back") == ["bind.ask_number"]
    assert await on.say("上一步", "go_back") == ["bind.ask_name"]
    assert await on.say("上一步", "go_back") == ["form.first_step", "bind.ask_name"]
    assert await on.say("退出", "stop") == ["form.left"]
    assert on.form is None
    assert await drafts(database) == 0


async def test_a_wish_for_people_leads_out(on: Stage, database: Database) -> None:
    await up_to_the_code(on)
    assert await on.say("转人工", "request_human") == ["human.off_duty"]
    assert on.form is None
    assert await drafts(database) == 0


async def test_what_was_typed_is_not_readable_in_the_database(on: Stage, database: Database) -> None:
    from sqlalchemy import text

    await on.say("绑定就诊卡", BIND)
    await on.say("王秀兰", "out_of_scope", 0.3)
    async with database.read() as session:
        raw = await session.scalar(text("SELECT data_sealed FROM binding_draft"))
    assert "王秀兰".encode() not in bytes(raw)
