"""What a message said: read by who may, kept in the trail, in the words of the account it left by."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from care.desk import service as desk
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.ops.ports import AccountFacts
from channels.ops.words import words_of
from channels.outbox.models import OutboundMessage
from channels.wording.catalogue import make_template
from store.audit import AuditRow
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import catalogue, ops_app, ops_house, staff, visiting
from tests.factories import deliveries
from web.signin.models import Role, StaffUser

SECRET = "您约的是精神心理科"


async def trail(database: Database, action: str) -> list[str]:
    async with database.read() as session:
        rows = select(AuditRow.subject).where(AuditRow.action == action).order_by(AuditRow.id)
        return list(await session.scalars(rows))


async def test_a_confidential_patients_words_are_for_who_has_the_conversation(
    database: Database, clock: VirtualClock
) -> None:
    tokens, now = await staff(database, Role.NURSE, Role.ADMIN), clock.now()
    reply = {"key": "faq.answer", "params": {"answer": SECRET}, "options": []}
    async with database.write() as session:
        told = await deliveries.message(session, now, "delivered", reply=reply)
        data = PatientData("D0009001", "周静安", "female", date(1970, 1, 1), None, confidential=True)
        patient = await patients.create(session, data, now)
        await patients.link_contact(session, patient.id, told.contact_id, Relation.SELF, at=now)
        nurse = await session.scalar(select(StaffUser.id).where(StaffUser.username == Role.NURSE))
    assert nurse is not None
    path, subject = f"/ops/delivery/{told.id}/words", f"patient:{patient.id}"
    app = ops_app(database, clock)
    for role in (Role.NURSE, Role.ADMIN):
        async with visiting(app, tokens[role]) as visitor:
            status, part = await visitor.get(path)
        assert (status, SECRET in part, "保密" in part) == (200, False, True)
    assert await trail(database, "read_refused") == [subject, subject]
    assert subject not in await trail(database, "read")
    async with database.write() as session:
        assert await desk.take(session, told.conversation_id, staff_id=nurse, now=now)
    async with visiting(app, tokens[Role.NURSE]) as visitor:
        assert SECRET in (await visitor.get(path))[1]
    async with visiting(app, tokens[Role.ADMIN]) as visitor:
        assert SECRET not in (await visitor.get(path))[1]
    assert (await trail(database, "read")).count(subject) == 1


async def test_whoever_reads_is_kept_with_the_patient(database: Database, clock: VirtualClock) -> None:
    tokens, now = await staff(database, Role.NURSE), clock.now()
    async with database.write() as session:
        told = await deliveries.message(session, now, "delivered")
        data = PatientData("D0009002", "周静好", "female", date(1970, 1, 1), None)
        patient = await patients.create(session, data, now)
        await patients.link_contact(session, patient.id, told.contact_id, Relation.SELF, at=now)
    async with visiting(ops_app(database, clock), tokens["nurse"]) as nurse:
        await nurse.get(f"/ops/delivery/{told.id}/words")
    assert await trail(database, "read") == [f"outbound:{told.id}", f"patient:{patient.id}"]


def test_an_sms_is_shown_as_its_account_sends_it(clock: VirtualClock, keyring: Keyring) -> None:
    accounts = [AccountFacts("sms", "aliyun", sign="云江医院"), AccountFacts("sms", "east", sign="云江东院")]
    said = catalogue()
    said.use_templates([make_template("smalltalk.greet", 0, "这里是云江医院总机。")], "aliyun")
    said.use_templates([make_template("smalltalk.greet", 0, "这里是东院总机。")], "east")
    said.use_templates([make_template("common.call_us", 0, "请致电总机。")], "bare")
    house = ops_house(clock, words=said, accounts=accounts)

    def shown(account: str) -> str:
        reply = {"key": "smalltalk.greet", "params": {}, "options": []}
        return words_of(house, OutboundMessage(channel="sms", account_id=account, reply=reply))

    assert shown("aliyun") == "【云江医院】这里是云江医院总机。"
    assert shown("east") == "【云江东院】这里是东院总机。"
    assert shown("bare") == "请致电总机。"
