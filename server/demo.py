"""Whose phones can be picked up on `/phones`: the demo's fixed patients."""

from __future__ import annotations

from care.hospital.words import load
from care.seed import demo_patients
from channels.simulator.pages import PhonePerson


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
