"""The demo's fixed patients: whose phones can be picked up on `/phones`, and the addresses they are seeded with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.demo.cohort import openids
from care.hospital.words import load
from care.seed import demo_patients
from channels.contacts import service as contacts
from channels.simulator.pages import PhonePerson
from server.house import House


def contact_maker(house: House) -> Callable[[AsyncSession, str, str], Awaitable[UUID]]:
    """Makes a demo contact's row (`care.seed` links patients to it)."""

    async def make(session: AsyncSession, channel: str, address: str) -> UUID:
        account = house.vendors.wechat.account_id if channel == "wechat" else house.vendors.sms.account_id
        contact, _ = await contacts.ensure(session, channel, account, address, house.clock.now())
        return contact.id

    return make


def followers() -> tuple[str, ...]:
    """Openids of everybody in the demo who is on WeChat."""
    own = (address for one in demo_patients() for channel, address, _ in one.contacts if channel == "wechat")
    return tuple(sorted({*own, *openids()}))


def _note(record_number: str) -> str:
    """What the demo's data says of a patient, in a few words."""
    for row in load("patients"):
        if row["record"] == record_number:
            conditions = [str(condition[1]) for condition in row.get("conditions") or []]
            return "、".join(conditions) or str(row.get("note", ""))
    return ""


class DemoDirectory:
    """Implements `PhoneDirectory`."""

    def __init__(self) -> None:
        self._people = [
            PhonePerson(
                id=one.record_number,
                name=one.name,
                note=_note(one.record_number),
                openid=next(address for channel, address, _ in one.contacts if channel == "wechat"),
                phone=next(address for channel, address, _ in one.contacts if channel == "sms"),
            )
            for one in demo_patients()
            if {"wechat", "sms"} <= {channel for channel, _, _ in one.contacts}
        ]

    async def people(self, query: str) -> list[PhonePerson]:
        return [one for one in self._people if query in one.name or query in one.note or query in one.id]

    async def person(self, person_id: str) -> PhonePerson | None:
        return next((one for one in self._people if one.id == person_id), None)
