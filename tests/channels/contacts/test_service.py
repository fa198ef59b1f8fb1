"""One contact and one conversation an address, whoever comes first."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select, text

from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import OPENID, PHONE, SMS, WECHAT, conversation


async def test_an_address_has_one_contact_and_one_conversation(
    database: Database, clock: VirtualClock
) -> None:
    contact, talk = await conversation(database, clock)
    again, same = await conversation(database, clock)
    assert (again.id, same.id) == (contact.id, talk.id)
    assert contact.address == OPENID
    assert talk.engine_id != talk.id
    other, _ = await conversation(database, clock, SMS)
    assert other.id != contact.id


async def test_a_new_address_that_writes_twice_at_once_is_one_contact(
    database: Database, clock: VirtualClock
) -> None:
    made = await asyncio.gather(*(conversation(database, clock, SMS) for _ in range(12)))
    assert len({contact.id for contact, _ in made}) == 1
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Contact)) == 1
        assert await session.scalar(select(func.count()).select_from(Conversation)) == 1


async def test_the_same_number_at_another_account_or_channel_is_another_contact(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write() as session:
        one, _ = await contacts.ensure(session, SMS, "aliyun", PHONE, clock.now())
        two, _ = await contacts.ensure(session, SMS, "tencent", PHONE, clock.now())
        three, _ = await contacts.ensure(session, WECHAT, "aliyun", PHONE, clock.now())
    assert len({one.id, two.id, three.id}) == 3


async def test_addresses_are_not_readable_in_the_database(database: Database, clock: VirtualClock) -> None:
    await conversation(database, clock, SMS)
    async with database.read() as session:
        row = (await session.execute(text("SELECT address_sealed, address_hash FROM contact"))).one()
    assert PHONE.encode() not in row[0]
    assert "19900000001" not in row[1]


async def test_the_engine_knows_a_conversation_by_a_random_id(
    database: Database, clock: VirtualClock
) -> None:
    contact, talk = await conversation(database, clock)
    async with database.read() as session:
        found = await contacts.by_engine_id(session, talk.engine_id)
        assert found is not None
        assert (found[0].id, found[1].id) == (contact.id, talk.id)
        assert await contacts.by_engine_id(session, new_id()) is None
        assert await contacts.by_engine_id(session, talk.id) is None
