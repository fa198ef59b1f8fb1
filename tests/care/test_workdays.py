"""Days of work: public holidays with 调休, and the hospital's own days over them."""

from __future__ import annotations

from datetime import date

from care.hospital.models import DayKind
from care.hospital.workdays import Workdays, clear_day, own_days, set_day, workdays
from store.database import Database

# The State Council's notice for 2026 (国办发明电〔2025〕7号): 春节 15 to 23 February, worked on 14 and 28 February.
SPRING = [date(2026, 2, day) for day in range(15, 24)]


def test_spring_festival_2026_with_its_swapped_days() -> None:
    days = Workdays()
    assert not any(days.is_workday(day) for day in SPRING)
    assert {days.holiday(day) for day in SPRING} == {"春节"}
    assert days.is_workday(date(2026, 2, 14)) and days.is_swapped(date(2026, 2, 14))
    assert days.is_workday(date(2026, 2, 28)) and days.holiday(date(2026, 2, 28)) is None
    assert days.next_workday(SPRING[0]) == date(2026, 2, 24)
    assert days.previous_workday(SPRING[0]) == date(2026, 2, 14)
    assert days.next_workday(date(2026, 2, 24)) == date(2026, 2, 24)


def test_a_plain_weekend_is_off_without_a_name() -> None:
    days = Workdays()
    assert not days.is_workday(date(2026, 11, 28)) and days.holiday(date(2026, 11, 28)) is None


def test_beyond_the_known_years_weekends_only() -> None:
    days = Workdays()
    assert days.is_workday(date(2031, 10, 1)) and not days.is_workday(date(2031, 10, 4))


async def test_the_hospitals_own_days_win(database: Database) -> None:
    anniversary, worked = date(2026, 11, 24), date(2026, 11, 28)
    async with database.write() as session:
        await set_day(session, anniversary, DayKind.OFF, "院庆")
        await set_day(session, worked, DayKind.OFF, "x")
        await set_day(session, worked, DayKind.WORK, "", as_weekday=0)
    async with database.write() as session:
        days = await workdays(session, date(2026, 11, 20), date(2026, 11, 21))
        assert days.holiday(anniversary) == "院庆" and not days.is_workday(anniversary)
        assert days.is_workday(worked) and days.is_swapped(worked) and days.weekday(worked) == 0
        assert days.next_workday(anniversary) == date(2026, 11, 25)
        assert [row.day for row in await own_days(session, anniversary)] == [anniversary, worked]
        assert await clear_day(session, anniversary) and not await clear_day(session, anniversary)
        assert (await workdays(session, anniversary, anniversary)).is_workday(anniversary)
