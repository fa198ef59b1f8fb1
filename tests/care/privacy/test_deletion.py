"""Deletion: what may go is gone from every table, what the law keeps is there and named, and nothing comes back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from care.consents import service as ledger
from care.consents.models import Consent, OptOut, OptOutLevel
from care.patients.models import Patient, PatientContact
from care.privacy import deciding, deletion, requests
from care.privacy.holdings import Whose, book, rows_of, whose
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from care.privacy.worker import PrivacyWorker
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.care.privacy.ground import SECRET, Ground, lay, sealed
from tests.factories.messages import OPENID, inbound


async def ask(database: Database, clock: VirtualClock, ground: Ground, patient: UUID | None) -> UUID:
    async with database.write() as session:
        row, new = await requests.open_request(
            session,
            RequestKind.DELETION,
            key="deletion:1",
            conversation_id=ground.talk,
            contact_id=ground.contact,
            patient_id=patient,
            now=clock.now(),
            task_due=clock.now(),
        )
        assert new
        return row.id


async def decide(database: Database, clock: VirtualClock, request: UUID) -> str:
    async with database.write() as session:
        return await deciding.delete_it(
            session, request, staff_id=new_id(), now=clock.now(), today=clock.local().date()
        )


async def finish(database: Database, clock: VirtualClock) -> None:
    """Two days later the answer has left or never will: the worker takes the address away."""
    worker = PrivacyWorker(database, clock, speak=str, render=lambda content: b"", site="https://h.example")
    clock.advance(timedelta(days=2))
    assert await worker.once()


async def person(database: Database, clock: VirtualClock, contact: UUID) -> Whose:
    async with database.read() as session:
        return await whose(session, contact, clock.local().date())


async def test_nothing_sealed_is_left_but_what_the_law_keeps(
    database: Database, clock: VirtualClock, world: World, tmp_path: Path
) -> None:
    ground = await lay(database, clock, tmp_path, world.wang)
    who = await person(database, clock, ground.contact)
    before = await sealed(database)
    request = await ask(database, clock, ground, world.wang)
    assert await decide(database, clock, request) == "deleted"
    assert await decide(database, clock, request) == "moved_on"
    await finish(database, clock)

    after = await sealed(database)
    kept = {one.table for one in book().holdings if one.on_deletion == "keep"}
    known = {value for (table, _), values in before.items() if table not in kept for value in values}
    assert known, "the ground has something to lose"
    left = {value for values in after.values() for value in values} & known
    assert left == set()
    async with database.read() as session:
        for one in book().holdings:
            if one.of and one.on_deletion == "delete":
                number = await session.scalar(
                    select(func.count()).select_from(one.rows).where(rows_of(one, who))
                )
                assert number == 0, one.table
        assert (await session.get_one(Patient, world.wang)).name == "王秀兰"
        heard = (await session.scalars(select(InboundMessage))).one()
        assert heard.text == SECRET  # a record of care: three years
        assert await session.scalar(select(func.count()).select_from(Consent)) == 5
        assert await session.scalar(select(PatientContact.id)) is None
        row = await session.get_one(PrivacyRequest, request)
        assert row.status == RequestStatus.DONE
        assert row.outcome is not None
        assert row.outcome["rows"]["patient_contact"] == 1
        assert row.outcome["kept"]["record"] >= 1


async def test_the_answer_names_what_is_gone_and_what_stays_with_its_law(
    database: Database, clock: VirtualClock, world: World, tmp_path: Path
) -> None:
    ground = await lay(database, clock, tmp_path, world.wang)
    await decide(database, clock, await ask(database, clock, ground, world.wang))
    async with database.read() as session:
        told = [row.reply for row in await session.scalars(select(OutboundMessage)) if row.status == "queued"]
    (answer,) = [one for one in told if one["key"] == "privacy.deleted"]
    assert "绑定关系" in answer["params"]["gone"]
    assert "病历" in answer["params"]["kept"]
    assert "30年" in answer["params"]["kept"]


async def test_a_repeated_callback_brings_nothing_back_and_a_new_message_begins_anew(
    database: Database, clock: VirtualClock, world: World, tmp_path: Path
) -> None:
    ground = await lay(database, clock, tmp_path, world.wang)
    async with database.write() as session:
        await ledger.opt_out(session, ground.contact, OptOutLevel.ALL, channel="wechat", now=clock.now())
    await decide(database, clock, await ask(database, clock, ground, world.wang))
    await finish(database, clock)

    (again,) = await ground.inbox.accept([ground.message])
    assert again.duplicate
    async with database.read() as session:
        assert {row.address for row in await session.scalars(select(Contact))} == {""}
        assert await session.scalar(select(func.count()).select_from(InboundMessage)) == 1

    (new,) = await ground.inbox.accept([inbound("我又来了")])
    assert not new.duplicate
    async with database.read() as session:
        heard = await session.get_one(InboundMessage, UUID(new.inbound_id))
        contact = await session.get_one(Contact, heard.contact_id)
        assert (contact.address, contact.status) == (OPENID, "active")
        assert contact.id != ground.contact
        assert await ledger.opt_out_level(session, contact.id) is OptOutLevel.ALL
        assert await session.get(OptOut, ground.contact) is None


async def test_of_a_stranger_not_even_the_words_stay(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    ground = await lay(database, clock, tmp_path, None)
    who = await person(database, clock, ground.contact)
    async with database.read() as session:
        planned = await deletion.plan(session, who)
    assert {"chat", "binding"} <= {item.kind for item in planned.goes}
    await decide(database, clock, await ask(database, clock, ground, None))
    await finish(database, clock)
    async with database.read() as session:
        heard = (await session.scalars(select(InboundMessage))).one()
        assert heard.text_sealed is None
        assert heard.raw_sealed is None
    (again,) = await ground.inbox.accept([ground.message])
    assert again.duplicate
