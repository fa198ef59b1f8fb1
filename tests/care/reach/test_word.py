"""Word to staff: by a real HTTP call to the WeCom stand-in and through the outbox, once, without a patient in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from care.alerts import service
from care.alerts.models import AlertKind
from care.reach import proving
from care.reach import service as service_of_reach
from care.reach.courier import Courier
from care.reach.models import StaffNotice, StaffReach
from channels.outbox.models import OutboundMessage
from channels.simulator.wecom import SimWeComConfig, WeComSimulator, create_wecom_simulator
from channels.wecom.client import WeComAccount, WeComClient
from server.wecom import CardPager
from store.audit import AuditRow
from tests.care.alerts.ward import Ward
from tests.care.alerts.ward import ward as ward
from tests.channels.ops.site import catalogue
from tests.channels.simulator.serving import serve
from web.signin.models import Role

CONFIG = SimWeComConfig("ww1", "secret", 1000002, members=("nurse", "doctor", "new.user"))


class Post:
    """The courier with a vendor behind it."""

    def __init__(self, ward: Ward, sim: WeComSimulator, pager: CardPager) -> None:
        self.ward, self.sim, self.sayable, self.woken = ward, sim, True, 0
        self.courier = Courier(
            ward.database, ward.clock, "aliyun", pager, lambda _reply: self.sayable, self._wake
        )

    def _wake(self) -> None:
        self.woken += 1

    async def rows(self) -> dict[str, tuple[str, str | None]]:
        """channel → (status, code) of the newest."""
        async with self.ward.database.read() as session:
            rows = await session.scalars(select(StaffNotice).order_by(StaffNotice.created_at))
            return {one.channel: (one.status, one.code) for one in rows}

    async def said_by_sms(self) -> list[OutboundMessage]:
        async with self.ward.database.read() as session:
            return list(await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)))


@pytest.fixture
async def post(ward: Ward) -> AsyncIterator[Post]:
    simulator = create_wecom_simulator(CONFIG)
    async with serve(simulator) as url:
        client = WeComClient(WeComAccount("ww1", "secret", 1000002, url))
        pager = CardPager(client, catalogue(), ward.clock, "https://h.example")
        yield Post(ward, simulator.state.sim, pager)
        await pager.close()


async def test_an_alert_reaches_who_is_away_both_ways_and_once(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    await post.ward.rings(text="我胸口痛，我叫王秀兰")
    assert await post.courier.run_once() == 2
    assert await post.courier.run_once() == 0
    (card,) = post.sim.messages
    assert (card["user"], card["url"]) == ("nurse", "https://h.example/desk/alerts")
    assert card["description"].startswith("您有1条预警待处理，请登录伴医查看。")
    assert "王秀兰" not in card["said"] and "胸口" not in card["said"]
    (sms,) = await post.said_by_sms()
    assert (sms.purpose, sms.priority, sms.patient_id) == ("staff_notice", -1, None)
    assert sms.reply["params"] == {"number": "1"} and post.woken == 1
    assert await post.rows() == {"sms": ("passed_on", None), "wecom": ("sent", None)}


async def test_several_alerts_in_a_minute_are_one_sms(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    for _ in range(3):
        await post.ward.rings()
    await post.courier.run_once()
    (sms,) = await post.said_by_sms()
    assert sms.reply["params"] == {"number": "3"}
    assert len(post.sim.messages) >= 1


async def test_a_lost_answer_is_uncertain_and_never_sent_again(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    await post.ward.rings()
    post.sim.faults = ["drop"]
    await post.courier.run_once()
    assert (await post.rows())["wecom"][0] == "uncertain"
    post.ward.clock.advance(timedelta(hours=1))
    assert await post.courier.run_once() == 0
    assert len(post.sim.messages) == 1


async def test_a_process_that_died_while_sending_sends_no_second_time(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    await post.ward.rings()
    post.sim.faults = ["hang"]
    sending = asyncio.create_task(post.courier.run_once())
    while (await post.rows())["wecom"][0] != "sending":
        await asyncio.sleep(0.02)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    async with post.ward.database.write() as session:  # the lease is real time: it runs out
        await session.execute(update(StaffNotice).values(lease_until=None))
    await post.courier.run_once()
    assert (await post.rows())["wecom"] == ("uncertain", "died")
    assert post.sim.messages == []


async def test_a_busy_vendor_is_asked_again_and_an_old_token_renewed(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    await post.ward.rings()
    post.sim.faults = ["45009"]
    await post.courier.run_once()
    assert (await post.rows())["wecom"] == ("queued", "45009")
    post.sim.tokens.clear()
    post.ward.clock.advance(timedelta(minutes=1))
    await post.courier.run_once()
    assert (await post.rows())["wecom"][0] == "sent"
    assert post.sim.asked == 2


async def test_whoever_is_no_member_is_told_to_nobody(post: Post) -> None:
    await post.ward.staff(stranger=Role.NURSE)
    await post.ward.rings()
    post.sayable = False
    await post.courier.run_once()
    assert await post.rows() == {"sms": ("failed", "no_template"), "wecom": ("failed", "81013")}


async def test_what_was_seen_to_before_it_left_is_dropped(post: Post) -> None:
    await post.ward.staff(nurse=Role.NURSE)
    alert = await post.ward.rings()
    async with post.ward.database.write() as session:
        await service.close(session, alert.id, staff_id=post.ward.people["nurse"], now=post.ward.clock.now())
    assert await post.courier.run_once() == 0
    assert {status for status, _ in (await post.rows()).values()} == {"dropped"}


async def test_a_number_counts_once_its_code_came_back(post: Post) -> None:
    ward = post.ward
    await ward.staff(nurse=Role.NURSE)
    nurse, now = ward.people["nurse"], ward.clock.now()
    async with ward.database.write() as session:
        await proving.forget(session, nurse, "wecom", now)
        assert await proving.ask(session, nurse, "sms", "12345", now) == "wrong"
        assert await proving.ask(session, nurse, "wecom", "new.user", now) == "sent"
        assert await proving.ask(session, nurse, "sms", "13800138000", now) == "too_soon"
    await ward.rings(kind=AlertKind.RED_FLAG)
    await post.courier.run_once()
    cards = {one["user"]: one["description"] for one in post.sim.messages}
    assert list(cards) == ["new.user"], "no alert goes to what is not proven"
    code = next(word for word in cards["new.user"].replace("，", " ").split() if "验证码是" in word)[-6:]
    for wrong, said in (("000000" if code != "000000" else "1", "wrong"), (code, "right"), (code, "over")):
        async with ward.database.write() as session:
            assert await proving.confirm(session, nurse, wrong, now) == said
    async with ward.database.read() as session:
        row = (await session.scalars(select(StaffReach))).one()
        assert (row.wecom, row.wecom_since, row.code_to) == ("new.user", now, None)
        kept = (await session.scalars(select(StaffNotice).where(StaffNotice.kind == "code"))).one()
        assert kept.secret is None
        actions = (await session.scalars(select(AuditRow.action))).all()
    assert "reach.wecom_set" in actions


async def test_the_days_word_of_overdue_patients(post: Post) -> None:
    """By the card to their list; by SMS without hurry, and not crossed out by an alert's."""
    await post.ward.staff(doctor=Role.DOCTOR)
    who, now = post.ward.people["doctor"], post.ward.clock.now()
    async with post.ward.database.write() as session:
        for channel in ("wecom", "sms"):
            await service_of_reach.gather(
                session, who, channel, kind="overdue", key=f"k:{channel}", number=3, now=now
            )
        again = await service_of_reach.gather(
            session, who, "sms", kind="overdue", key="k:sms", number=9, now=now
        )
        assert again is None
    assert await post.courier.run_once() == 2
    (card,) = post.sim.messages
    assert (card["user"], card["url"]) == ("doctor", "https://h.example/desk/overdue?show=mine")
    assert card["description"].startswith("今天有3位患者新列入超期未复查")
    (sms,) = await post.said_by_sms()
    assert (sms.reply["key"], sms.reply["params"]) == ("staff.overdue", {"number": "3"})
    assert (sms.purpose, sms.priority, sms.patient_id) == ("staff_notice", 3, None)
