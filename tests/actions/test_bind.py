"""Binding: name, number, a code to the phone on record; the same words whether a record exists or not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from actions.account.bind import BindingDraft
from actions.services import Services
from care.consents.models import Consent
from care.patients import service as patients
from care.patients.models import Patient
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from server.codes import SmsCodes
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import PEOPLE, World
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


async def up_to_the_name(on: Stage) -> list[str]:
    """For oneself, with both consents where they are asked."""
    assert await on.say("绑定就诊卡", BIND) == ["bind.ask_relation"]
    keys = await on.say("本人")
    while keys[-1].startswith("privacy.ask_"):
        keys = await on.say("同意")
    return keys


async def up_to_the_code(on: Stage, name: str = "王秀兰", number: str = "D0000001") -> list[str]:
    assert await up_to_the_name(on) == ["bind.ask_name"]
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
    await up_to_the_name(on)
    assert await on.say(said, "out_of_scope", 0.3) == ["bind.ask_number"]
    assert on.last.params["name"] == "王秀兰"


async def test_one_step_back_and_out(on: Stage, database: Database) -> None:
    await up_to_the_code(on)
    assert await on.say("上一步", "go_back") == ["bind.ask_number"]
    assert await on.say("上一步", "go_back") == ["bind.ask_name"]
    assert await on.say("上一步", "go_back") == ["bind.ask_relation"]
    assert await on.say("上一步", "go_back") == ["form.first_step", "bind.ask_relation"]
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

    await up_to_the_name(on)
    await on.say("王秀兰", "out_of_scope", 0.3)
    async with database.read() as session:
        raw = await session.scalar(text("SELECT data_sealed FROM binding_draft"))
    assert "王秀兰".encode() not in bytes(raw)


async def decisions(database: Database) -> list[tuple[str, str, bool, str | None]]:
    async with database.read() as session:
        rows = await session.scalars(select(Consent).order_by(Consent.at, Consent.id))
        return [(row.subject, str(row.purpose), row.granted, row.guardian) for row in rows]


async def test_nothing_is_asked_before_both_consents(on: Stage, database: Database) -> None:
    assert await on.say("绑定就诊卡", BIND) == ["bind.ask_relation"]
    assert await on.say("给我自己", "out_of_scope", 0.3) == ["privacy.ask_binding"]
    assert "身份证后四位" in on.last.params["what"]
    assert await on.say("王秀兰", "out_of_scope", 0.3) == ["form.off_topic", "privacy.ask_binding"]
    assert await on.say("好的", "affirm") == ["privacy.ask_health"]
    assert await on.say("不同意") == ["privacy.binding_refused"]
    assert on.form is None
    assert await drafts(database) == 0
    assert await decisions(database) == [
        ("contact", "binding", True, None),
        ("contact", "health", False, None),
    ]
    assert await on.say("绑定就诊卡", BIND) == ["bind.ask_relation"]
    assert await on.say("本人") == ["privacy.ask_health"], "what was agreed to is not asked again"


async def test_the_whole_identity_number_finds_one_too(on: Stage, database: Database, world: World) -> None:
    async with database.write() as session:
        patient = await session.get_one(Patient, world.people["王秀兰"])
        await patients.update(
            session,
            patient,
            replace(PEOPLE["王秀兰"], id_number="99010019640312002X"),
        )
    await up_to_the_code(on, number="我的身份证是 99010019640312002x")
    [(phone, code)] = await codes(database)
    assert "19900000001" in phone
    assert await on.say(code, "out_of_scope", 0.3) == ["bind.done"]
    assert {row for row in await decisions(database) if row[0] == "patient"} == {
        ("patient", "binding", True, None),
        ("patient", "health", True, None),
    }


@pytest.mark.parametrize(("who", "key"), [("孩子", "bind.done"), ("本人", "privacy.guardian_needed")])
async def test_for_a_young_child_a_guardian_agrees(
    on: Stage, database: Database, world: World, who: str, key: str
) -> None:
    await on.say("绑定就诊卡", BIND)
    keys = await on.say(who)
    assert keys[0] == ("privacy.ask_binding_child" if who == "孩子" else "privacy.ask_binding")
    while keys[-1].startswith("privacy.ask_"):
        keys = await on.say("同意")
    await on.say("赵小满", "out_of_scope", 0.3)
    await on.say("D0000007", "out_of_scope", 0.3)
    [(_, code)] = await codes(database)
    assert await on.say(code, "out_of_scope", 0.3) == [key]
    of_child = [row for row in await decisions(database) if row[0] == "patient"]
    async with database.read() as session:
        linked = await patients.patients_of_contact(session, on.contact_id)
    if who == "孩子":
        assert of_child == [("patient", "binding", True, "child"), ("patient", "health", True, "child")]
        assert [one.relation for one in linked] == ["child"]
    else:
        assert not of_child
        assert not linked


async def test_whom_it_is_for_is_heard_from_the_first_words(on: Stage) -> None:
    assert await on.say("帮我妈绑定就诊卡", BIND) == ["privacy.ask_binding"]
