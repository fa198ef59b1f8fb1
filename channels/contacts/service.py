"""Finding and making contacts."""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.ports import ChannelName
from store import crypto
from store.database import insert_new


def address_hash(channel: ChannelName | str, account_id: str, address: str) -> str:
    return crypto.lookup(f"{channel}\x00{account_id}\x00{address}", "contact.address")


_BOTH = select(Contact, Conversation).join(Conversation, Conversation.contact_id == Contact.id)
_AT_ADDRESS = _BOTH.where(
    Contact.channel == bindparam("of_channel"),
    Contact.account_id == bindparam("of_account"),
    Contact.address_hash == bindparam("of_hash"),
)
_OF_ENGINE = _BOTH.where(Conversation.engine_id == bindparam("of_engine"))


async def find(
    session: AsyncSession, channel: ChannelName | str, account_id: str, address: str, *, lock: bool = False
) -> tuple[Contact, Conversation] | None:
    """The contact at `address` with its conversation; `lock` holds the conversation's row until the transaction ends."""
    wanted = {
        "of_channel": str(channel),
        "of_account": account_id,
        "of_hash": address_hash(channel, account_id, address),
    }
    statement = _AT_ADDRESS.with_for_update(of=Conversation) if lock else _AT_ADDRESS
    row = (await session.execute(statement, wanted)).first()
    return (row[0], row[1]) if row else None


async def ensure(
    session: AsyncSession, channel: ChannelName | str, account_id: str, address: str, now: datetime
) -> tuple[Contact, Conversation]:
    """As `find` with the lock, made if it is new. Safe when two callbacks of a new address arrive at once."""
    if (found := await find(session, channel, account_id, address, lock=True)) is not None:
        return found
    contact = Contact(
        channel=str(channel),
        account_id=account_id,
        address=address,
        address_hash=address_hash(channel, account_id, address),
        status="active",
        created_at=now,
    )
    values = {
        name: getattr(contact, name)
        for name in ("id", "channel", "account_id", "address_sealed", "address_hash", "status", "created_at")
    }
    if await insert_new(session, Contact, values):
        session.add(
            Conversation(
                contact_id=contact.id,
                channel=contact.channel,
                account_id=contact.account_id,
                engine_id=uuid.uuid4(),
                inbound_seq=0,
                handled_seq=0,
                outbound_seq=0,
            )
        )
        await session.flush()
    found = await find(session, channel, account_id, address, lock=True)
    if found is None:
        raise RuntimeError("a contact was neither found nor made")
    return found


async def by_engine_id(session: AsyncSession, engine_id: UUID) -> tuple[Contact, Conversation] | None:
    """The conversation Rasa knows as `engine_id`."""
    row = (await session.execute(_OF_ENGINE, {"of_engine": engine_id})).first()
    return (row[0], row[1]) if row else None


async def set_status(session: AsyncSession, contact_id: UUID, status: str) -> None:
    await session.execute(update(Contact).where(Contact.id == contact_id).values(status=status))


async def empty(session: AsyncSession, like: Contact, hashed: str, *, status: str, now: datetime) -> UUID:
    """A contact that knows an address by its keyed hash only, with a conversation in which nothing was said. Returns its id.

    What is delivered again to that address meets it and changes nothing; the address itself comes back with whoever writes anew
    (`channels.inbox`)."""
    contact = Contact(
        channel=like.channel,
        account_id=like.account_id,
        address="",
        address_hash=hashed,
        status=status,
        created_at=now,
    )
    session.add(contact)
    await session.flush()
    session.add(
        Conversation(
            contact_id=contact.id,
            channel=contact.channel,
            account_id=contact.account_id,
            engine_id=uuid.uuid4(),
            inbound_seq=0,
            handled_seq=0,
            outbound_seq=0,
        )
    )
    await session.flush()
    return contact.id
