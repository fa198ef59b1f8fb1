"""What the system says by itself, read on from where reading ended: appointments of ours, those of its own counters, merged records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from care.appointments.models import Status
from care.appointments.rules import DAYS_AHEAD
from care.systems import conflicts, counter, merging, refs, states
from care.systems.found import take_found
from care.systems.models import RefKind
from care.systems.port import Found, HospitalSystem, KnowsPeople, Person, SystemAway, Unread
from store.clock import Clock
from store.database import Database

_ABOUT_ONE = ("denied", "not_understood")
"""Answers to a question about one person that say nothing of the next."""
PAGES = 20
"""Pages of changes read in one round; the rest in the next."""


async def watch(database: Database, clock: Clock, system: HospitalSystem, days: int = DAYS_AHEAD) -> int:
    """Read what changed since the last time and act on it; how many changes that were. `days`: so far ahead its times are read."""
    async with database.read("system cursor") as session:
        state = await states.of(session, system.name)
    cursor, taken = state.cursor if state else None, 0
    for _ in range(PAGES):
        try:
            found = await system.changed_since(cursor)
        except SystemAway as away:
            async with database.write("system away") as session:
                await states.failed(session, system.name, away.reason, clock.now())
            return taken
        try:
            readable = [one for one in found.appointments if isinstance(one, Found)]
            appointments_there = await _with_people(database, system, readable)
        except SystemAway as away:
            async with database.write("system away") as session:
                await states.failed(session, system.name, away.reason, clock.now())
            return taken
        async with database.write("system changes") as session:
            for merge in found.merges:
                await merging.hear(session, system.name, merge, clock.now())
            for one in appointments_there:
                if not await take_found(session, system.name, one, clock.now()):
                    await counter.heard(session, system.name, one, clock.now(), days)
            for lost in found.appointments:
                if isinstance(lost, Unread):
                    await conflicts.unread(session, system.name, lost, clock.now())
            await states.read_to(session, system.name, found.cursor, clock.now())
        cursor, taken = found.cursor, taken + len(found.appointments)
        if not found.more:
            break
    async with database.write("merges tried again") as session:
        await merging.again(session, system.name, clock.now())
    async with database.write("appointments made there") as session:
        await counter.again(session, system.name, clock.now(), days)
    return taken


async def _with_people(database: Database, system: HospitalSystem, found: Sequence[Found]) -> Sequence[Found]:
    """Who it is, where an appointment is new to us and names somebody we have not met. Raises `SystemAway`."""
    if not isinstance(system, KnowsPeople):
        return found
    async with database.read("people there") as session:
        known = await refs.ours_of(
            session, system.name, RefKind.PATIENT, {one.patient_id for one in found if one.patient_id}
        )
        mine = await refs.ours_of(
            session, system.name, RefKind.APPOINTMENT, {one.external_id for one in found}
        )
    people: dict[str, Person | None] = {}
    told: list[Found] = []
    for one in found:
        who = one.patient_id
        if who and who not in known and one.external_id not in mine and one.status == Status.BOOKED:
            if who not in people:
                try:
                    people[who] = await system.person(who)
                except SystemAway as away:
                    if away.reason not in _ABOUT_ONE:
                        raise
                    people[who] = None  # one record that is kept from us stops no other
            told.append(replace(one, person=people[who]))
        else:
            told.append(one)
    return told
