"""Calendar files: no name, nothing of a sensitive department; a doctor's feed counts, changes and cancels; addresses are taken back."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from icalendar import Calendar

from care.appointments import counter, slots
from care.appointments.closures import service as closures
from care.appointments.closures.models import Reason
from care.appointments.closures.service import Wanted
from care.appointments.feeds import files, links
from care.appointments.pages.shared import words
from care.appointments.queue import screens
from care.appointments.views import Booked, Held
from care.patients import service as patients
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

NURSE = uuid4()
TUESDAY = date(2026, 11, 24)


async def _booked(database: Database, clock: VirtualClock, doctor: UUID, patient: UUID) -> UUID:
    async with database.write() as session:
        [slot] = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await counter.keep(session, slot.slot_id, patient, now=clock.now())
        assert isinstance(held, Held)
        done = await counter.book(session, held.hold_id, staff_id=NURSE, now=clock.now())
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def test_a_sensitive_department_is_not_in_the_file(
    database: Database, world: World, clock: VirtualClock
) -> None:
    plain = await _booked(database, clock, world.li, world.wang)
    hidden = await _booked(database, clock, world.qian, world.zhang)
    async with database.read() as session:
        open_file = files.of_visit(await files.visit(session, plain), words, clock.now()).decode()
        shut_file = files.of_visit(await files.visit(session, hidden), words, clock.now()).decode()
    assert "眼科" in open_file
    assert "王秀兰" not in open_file
    for word in ("男科", "钱进", "张伟"):
        assert word not in shut_file
    assert "门诊楼3层东" in shut_file


async def test_the_doctors_feed_counts_rises_and_cancels(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async def event() -> tuple[str, int, str]:
        async with database.read() as session:
            held = await files.half_days(session, world.li, clock.local().date())
        found = Calendar.from_ical(files.of_doctor(held, words, clock.now())).walk("VEVENT")
        [one] = [one for one in found if one["UID"].startswith(f"clinic-{world.li}-2026-11-24")]
        return str(one["SUMMARY"]), int(one["SEQUENCE"]), str(one["STATUS"])

    empty = await event()
    clock.advance(timedelta(minutes=1))
    await _booked(database, clock, world.li, world.wang)
    booked = await event()
    assert (empty[0], booked[0]) == ("眼科门诊 已约0/6", "眼科门诊 已约1/6")
    assert booked[1] > empty[1]
    clock.advance(timedelta(minutes=1))
    async with database.write() as session:
        wanted = Wanted(world.eye, TUESDAY, TUESDAY, Reason.ILLNESS, world.zhao)
        await closures.close(session, wanted, staff_id=NURSE, clock=clock)
        other = await files.half_days(session, world.zhao, clock.local().date())
        text = files.of_doctor(other, words, clock.now()).decode()
    assert "STATUS:CANCELLED" in text


async def test_addresses_are_good_until_taken_back(
    database: Database, world: World, clock: VirtualClock
) -> None:
    now = clock.now()
    async with database.write() as session:
        first = await links.for_doctor(session, world.li, by=NURSE, now=now)
        second = await links.for_doctor(session, world.li, by=NURSE, now=now)
        tokens = [one.rpartition("/")[2].removesuffix(".ics") for one in (first, second)]
        assert await links.find(session, tokens[0]) is None, "a new address ends the old one"
        assert await links.find(session, tokens[1]) is not None
        assert await links.revoke(session, world.li, now=now)
        assert await links.find(session, tokens[1]) is None
        screen, path = await screens.make(session, "3楼东", world.eye, by=NURSE, now=now)
        token = path.rpartition("/")[2]
        assert await screens.find(session, token) is not None
        assert await screens.find(session, "x") is None
        assert await screens.revoke(session, screen.id, by=NURSE, now=now)
        assert await screens.find(session, token) is None
        assert not await screens.revoke(session, screen.id, by=NURSE, now=now)


async def test_a_screen_shows_the_family_name_and_nothing_of_who_is_confidential(
    database: Database, world: World
) -> None:
    async with database.write() as session:
        wang = await patients.get(session, world.wang)
        assert wang is not None
        assert screens.shown_name(wang) == "王*"
        wang.confidential = True
        assert screens.shown_name(wang) == ""
