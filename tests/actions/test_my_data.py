"""What we hold, and asking for it: kinds and numbers at once, the rest after a check, deleting by people; nothing by a word alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from actions.services import Services
from care.consents.models import ConsentNow, Purpose
from care.desk.models import DeskTask
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.privacy import consents
from care.privacy.models import PrivacyRequest
from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from channels.outbox.service import enqueue
from channels.reply import Reply
from store.database import Database
from store.ids import new_id
from tests.actions.conftest import World
from tests.factories.stage import Stage, stage


@pytest.fixture
async def on(services: Services) -> Stage:
    return await stage(services)


@pytest.fixture
async def wang(on: Stage, services: Services, database: Database, world: World) -> UUID:
    """王秀兰, bound to the stage's contact, with an identity number on record and two consents."""
    whom = world.people["王秀兰"]
    async with database.write() as session:
        patient = await session.get_one(Patient, whom)
        patient.id_number = "990100196403120024"
        patient.id_last4_hash = identity.id_last4_hash("0024")
        now = services.clock.now()
        await patients.link_contact(session, whom, on.contact_id, Relation.SELF, at=now)
        for purpose in (Purpose.FOLLOW_UP, Purpose.EDUCATION):
            await consents.decide(
                session,
                patient,
                purpose,
                True,
                by=on.contact_id,
                relation=Relation.SELF,
                channel="wechat",
                inbound_id=new_id(),
                now=now,
                today=services.clock.local().date(),
            )
    return whom


async def notes(database: Database) -> list[tuple[str, str]]:
    async with database.read() as session:
        rows = await session.scalars(select(DeskTask).order_by(DeskTask.id))
        return [(str(task.kind), task.note) for task in rows]


async def requests(database: Database) -> list[tuple[str, str, str | None]]:
    async with database.read() as session:
        rows = await session.scalars(select(PrivacyRequest).order_by(PrivacyRequest.asked_at))
        return [(row.kind, row.status, row.said) for row in rows]


async def test_a_stranger_hears_that_there_is_little(on: Stage) -> None:
    assert await on.say("你们有我什么信息", "my_data") == ["data.nothing"]
    assert on.labels == ["导出一份", "更正", "删除"]
    assert len({option.id for option in on.offered}) == 3


async def test_the_bound_hear_kinds_and_numbers_only(on: Stage, wang: UUID) -> None:
    assert await on.say("你们有我什么信息", "my_data") == ["data.summary"]
    assert on.last.params["people"] == 1
    assert "现在有效的同意：2条" in on.last.params["rows"]
    assert "王秀兰" not in on.last.params["rows"]
    assert on.labels == ["看明细", "导出一份", "更正", "撤回同意", "删除"]


async def test_details_are_given_after_the_last_four_and_only_then(on: Stage, wang: UUID) -> None:
    await on.say("你们有我什么信息", "my_data")
    assert await on.say("1") == ["privacy.ask_last4"]
    assert await on.say("9999") == ["privacy.wrong_last4", "privacy.ask_last4"]
    assert on.replies[-2].params == {"left": 4}
    assert await on.say("0024") == ["privacy.details"]
    assert "王秀兰" in on.last.params["rows"]
    assert "尾号0001" in on.last.params["rows"]
    assert on.form is None
    await on.say("你们有我什么信息", "my_data")
    assert await on.say("2") == ["privacy.export_begun"]


async def test_guessing_ends_after_five_tries(on: Stage, wang: UUID) -> None:
    await on.say("你们有我什么信息", "my_data")
    await on.say("1")
    for _ in range(4):
        await on.say("1111")
    assert await on.say("1111") == ["privacy.locked"]
    await on.say("你们有我什么信息", "my_data")
    await on.say("1")
    assert await on.say("0024") == ["privacy.locked"]


async def test_who_cannot_be_checked_is_seen_to_by_people(
    on: Stage, database: Database, services: Services, world: World
) -> None:
    async with database.write() as session:
        zhang = world.people["张伟"]
        await patients.link_contact(session, zhang, on.contact_id, Relation.SELF, at=services.clock.now())
    await on.say("你们有我什么信息", "my_data")
    assert await on.say("2") == ["data.requested"]
    assert on.last.params["until"]
    assert await notes(database) == [("privacy", "export")]
    assert await requests(database) == [("export", "waiting", None)]


async def test_a_correction_is_written_down_in_the_persons_words(
    on: Stage, database: Database, wang: UUID
) -> None:
    await on.say("你们有我什么信息", "my_data")
    await on.say("3")
    assert await on.say("0024") == ["privacy.ask_correction"]
    assert await on.say("我的手机号换了") == ["privacy.correction_taken"]
    assert await requests(database) == [("correction", "waiting", "我的手机号换了")]
    assert on.form is None


async def test_withdrawing_one_purpose_stops_what_waits_under_it(
    on: Stage, services: Services, database: Database, wang: UUID
) -> None:
    now = services.clock.now()
    async with database.write() as session:
        talk = (
            await session.scalars(select(Conversation).where(Conversation.contact_id == on.contact_id))
        ).one()
        for purpose in ("follow_up", "education", "service_notice"):
            await enqueue(
                session,
                talk,
                Reply("reading.nothing_sent"),
                dedup_key=f"waits:{purpose}",
                purpose=purpose,
                now=now,
                patient_id=wang,
            )
    await on.say("你们有我什么信息", "my_data")
    assert await on.say("4") == ["privacy.consents"]
    assert on.labels == ["随访", "健康科普", "文章推荐设置", "全部撤回并解绑"]
    assert await on.say("1") == ["privacy.consent_text"]
    assert await on.say("1") == ["privacy.withdrawn_stopped"]
    assert on.last.params["count"] == 1
    async with database.read() as session:
        sent = await session.execute(select(OutboundMessage.purpose, OutboundMessage.status))
        held = await session.execute(
            select(ConsentNow.purpose, ConsentNow.granted).where(ConsentNow.subject_id == wang)
        )
        assert dict(sent.tuples().all()) == {
            "follow_up": "suppressed",
            "education": "queued",
            "service_notice": "queued",
        }
        assert dict(held.tuples().all()) == {"follow_up": False, "education": True}


async def test_withdrawing_everything_ends_the_binding(on: Stage, database: Database, wang: UUID) -> None:
    await on.say("你们有我什么信息", "my_data")
    await on.say("4")
    assert await on.say("4") == ["privacy.withdrawn_all"]
    async with database.read() as session:
        assert await patients.patients_of_contact(session, on.contact_id) == []


async def test_deleting_is_shown_asked_twice_and_done_by_people(
    on: Stage, database: Database, wang: UUID
) -> None:
    assert await on.say("删除我的信息", "delete_my_data") == ["data.ask_delete"]
    assert "绑定关系" in on.last.params["goes"]
    assert "门诊病历保存不少于15年" in on.last.params["stays"]
    assert await on.say("是的", "affirm") == ["form.not_understood", "data.ask_delete"]
    assert await notes(database) == []
    assert await on.say("2") == ["data.delete_requested"]
    assert on.form is None
    assert await notes(database) == [("privacy", "deletion")]
    assert await requests(database) == [("deletion", "waiting", None)]


@pytest.mark.parametrize(
    ("text", "intent"), [("1", "ask_faq"), ("不要", "deny"), ("退出", "stop"), ("上一步", "go_back")]
)
async def test_everything_else_keeps_the_data(on: Stage, database: Database, text: str, intent: str) -> None:
    await on.say("删除我的信息", "delete_my_data")
    assert await on.say(text, intent) == ["data.kept"]
    assert on.form is None
    assert await notes(database) == []
