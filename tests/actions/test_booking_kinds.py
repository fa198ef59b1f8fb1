"""The soonest place, kinds of visit, what to bring, and the rules of staying away, by WeChat and by SMS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from care.appointments.models import Appointment, Kind, Slot, Status
from care.appointments.rules import RULES
from care.hospital.models import HealthcareService, Practitioner
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.actions.conftest import Talk, World, catalogue
from tests.actions.test_booking import booked, fill

Talker = Callable[..., Awaitable[Talk]]


def text(talk: Talk) -> str:
    """What the phone showed last."""
    words = catalogue()
    if talk.channel == "sms":
        return "".join(found.text for reply in talk.said if (found := words.render_sms(reply)) is not None)
    return "".join(words.render_wechat(reply, None).text for reply in talk.said)


async def are(database: Database, doctor: UUID, kind: Kind) -> None:
    async with database.write("kind") as session:
        await session.execute(update(Slot).where(Slot.practitioner_id == doctor).values(kind=kind))


async def missed(database: Database, clock: VirtualClock, world: World, times: int) -> None:
    """王秀兰 stayed away from so many visits, the last one yesterday."""
    async with database.write("missed") as session:
        slot = (await session.scalars(select(Slot.id).limit(1))).one()
        for n in range(1, times + 1):
            start = clock.now() - timedelta(days=n)
            session.add(
                Appointment(
                    status=Status.NOSHOW,
                    patient_id=world.people["王秀兰"],
                    slot_id=slot,
                    practitioner_id=world.doctors["李敏"],
                    department_id=world.departments["眼科"],
                    start=start,
                    day=clock.local_naive(start).date(),
                    part="morning",
                    fee_fen=1800,
                    created_via="wechat",
                    created_at=start,
                    changed_at=start,
                    hold_id=new_id(),
                )
            )


@pytest.mark.parametrize("said", ["最早的眼科号", "眼科越快越好", "给我约眼科最早一个"])
async def test_the_soonest_is_kept_at_once(talker: Talker, said: str) -> None:
    talk = await talker(张伟="self")
    assert await talk.say(said) == ["booking.confirm"]
    assert talk.last.params["when"] == "11月23日（周一）上午9:00"
    assert await talk.say("换个时间") == ["booking.when_change"], "and can be changed"


async def test_the_soonest_of_a_doctor_and_of_a_day(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("李敏最早的号") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）上午9:00"
    assert await talk.say("周四最早的") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月26日（周四）上午9:00"


async def test_the_soonest_is_asked_for_before_it_is_known_where(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("最早的号") == ["booking.department"]
    assert await talk.say("眼科") == ["booking.confirm"]


async def test_an_experts_place_and_a_plain_one(talker: Talker, database: Database, world: World) -> None:
    await are(database, world.doctors["李敏"], Kind.EXPERT)
    talk = await talker(张伟="self")
    assert await talk.say("挂个眼科专家号") == ["booking.when"]
    assert all("李敏" in one for one in talk.labels[:2]) and not any("赵强" in one for one in talk.labels)
    assert await talk.say("还是普通号吧") == ["booking.when"]
    assert "赵强" in talk.labels[0] and not any("李敏" in one for one in talk.labels)


async def test_a_kind_that_is_not_there_is_said_with_what_is(talker: Talker) -> None:
    talk = await talker(channel="sms", 张伟="self")
    assert await talk.say("眼科特需号") == ["booking.when_kind_full"]
    assert talk.last.params["kind"] == "特需号" and "没有可约的特需号" in text(talk)
    assert await talk.say("1") == ["booking.confirm"]


async def test_a_doctor_by_name_matters_more_than_what_the_place_is_called(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("挂赵强主任的号") == ["booking.when"]
    assert all("赵强" in one for one in talk.labels[:2])


async def test_a_return_visit_is_seen_where_there_is_no_clinic_for_it(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科复诊") == ["booking.when"]


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_what_to_bring_is_said_when_it_is_booked(
    talker: Talker, database: Database, world: World, channel: str
) -> None:
    async with database.write("preparation") as session:
        row = await session.get_one(HealthcareService, world.departments["眼科"])
        row.preparation = "散瞳后看不清，请不要自己开车"
    talk = await talker(channel=channel, 张伟="self")
    await talk.say("周二上午李敏")
    assert await talk.say("1") == ["booking.booked", "booking.prepare"]
    assert "散瞳后看不清，请不要自己开车" in text(talk)


async def test_one_more_and_the_window_only(
    talker: Talker, database: Database, clock: VirtualClock, world: World
) -> None:
    await missed(database, clock, world, RULES.noshows - 1)
    talk = await talker(channel="sms", 王秀兰="self")
    await talk.say("周二上午李敏")
    assert await talk.say("1") == ["booking.booked", "booking.missed_before"]
    assert "爽约2次" in text(talk)


async def test_after_three_the_way_to_people_stays_open(
    talker: Talker, database: Database, clock: VirtualClock, world: World
) -> None:
    await missed(database, clock, world, RULES.noshows)
    talk = await talker(王秀兰="self")
    assert await talk.say("周二上午李敏") == ["booking.noshows"]
    assert "12月21日" in text(talk) and "到门诊窗口挂号" in text(talk)
    assert "找人工" in talk.labels
    assert await booked(database) == [] or all(row.status == Status.NOSHOW for row in await booked(database))


async def test_what_a_clinic_sees_is_said_plainly(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("儿科周三下午") == ["booking.department_unfit_age"]
    assert "只看17岁及以下的患者" in text(talk)


async def test_full_for_the_soonest_too(talker: Talker, database: Database, world: World) -> None:
    for doctor in ("李敏", "赵强"):
        await fill(database, world, doctor)
    talk = await talker(张伟="self")
    assert await talk.say("最早的眼科号") == ["booking.when_none"]


# --- when things go wrong ---


async def test_the_same_yes_tapped_twice_is_one_appointment(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    yes = talk.offered[0]
    assert await talk.say("1") == ["booking.booked"]
    talk.form, talk.offered = "booking", (yes,)  # the second tap was on its way already
    assert "booking.booked" not in await talk.say("1")
    assert len(await booked(database)) == 1


async def test_nothing_is_booked_for_yesterday(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("约昨天上午的眼科") == ["booking.when_past"]
    assert await booked(database) == []


@pytest.mark.parametrize(
    ("local", "said", "when"),
    [
        (datetime(2026, 11, 23, 23, 59), "明天上午李敏", "11月24日（周二）上午9:00"),
        (datetime(2026, 11, 24, 0, 1), "今天上午李敏", "11月24日（周二）上午9:00"),
        (datetime(2026, 11, 24, 0, 1), "周四上午李敏", "11月26日（周四）上午9:00"),
    ],
)
async def test_around_midnight_a_day_is_the_hospitals(
    talker: Talker, clock: VirtualClock, local: datetime, said: str, when: str
) -> None:
    clock.freeze(clock.to_utc(local))
    talk = await talker(张伟="self")
    assert await talk.say(said) == ["booking.confirm"]
    assert talk.last.params["when"] == when


async def test_a_place_kept_over_midnight_is_booked_for_its_day(
    talker: Talker, database: Database, clock: VirtualClock
) -> None:
    clock.freeze(clock.to_utc(datetime(2026, 11, 23, 23, 58)))
    talk = await talker(张伟="self")
    await talk.say("明天上午李敏")
    clock.advance(timedelta(minutes=5))
    assert await talk.say("1") == ["booking.booked"]
    [row] = await booked(database)
    assert row.day == date(2026, 11, 24)


async def test_a_doctor_who_left_meanwhile(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("周二上午李敏") == ["booking.confirm"]
    async with database.write("gone") as session:
        (await session.get_one(Practitioner, world.doctors["李敏"])).active = False
    assert "booking.booked" not in await talk.say("1")
    assert await booked(database) == []
