"""Templates and their review: what people submitted goes to the vendor, slowly, and comes back decided, with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from channels.reply import Reply
from channels.simulator.faults import Fault
from channels.simulator.sms import SmsSimulator, create_sms_simulator
from channels.simulator.sms_rules import SimSmsConfig
from channels.sms.aliyun import AliyunAccount, AliyunSender
from channels.sms.review import APART, DAILY, AliyunReview, Application, Received, Synced, Trouble, sync
from channels.wording import registry
from channels.wording.catalogue import Catalogue, Template, make_template
from channels.wording.models import SmsTemplateRow
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.simulator.serving import serve

SIGN = "云江示范医院"
ACCOUNT = AliyunAccount(
    account_id="aliyun",
    sign=SIGN,
    access_key_id="demo-key-id",
    access_key_secret="demo-key-secret",
    callback_secrets=("x" * 24,),
)
GOOD = make_template("a.good", 0, "${name}，您的预约是${when}，电话0571-00000000")
BAD = make_template("a.bad", 0, "请填写问卷调查，电话0571-00000000")
REVIEW = timedelta(hours=2)
STAFF = new_id()


@dataclass
class Vendor:
    sim: SmsSimulator
    review: AliyunReview
    database: Database
    clock: VirtualClock

    async def register(self, *templates: Template, account: str = "aliyun") -> None:
        async with self.database.write() as session:
            await registry.register(session, templates, self.clock.now(), account_id=account)

    async def submit(self, *templates: Template) -> int:
        async with self.database.write() as session:
            codes = [one.code for one in templates]
            return await registry.submit(session, "aliyun", codes, staff_id=STAFF, now=self.clock.now())

    async def round(self) -> Synced:
        return await sync(self.database, self.clock, "aliyun", SIGN, self.review)

    async def rows(self, state: str | None = None) -> dict[str, SmsTemplateRow]:
        async with self.database.read() as session:
            return {row.key: row for row in await registry.list_templates(session, "aliyun", state)}


@pytest.fixture
async def vendor(database: Database, clock: VirtualClock) -> AsyncIterator[Vendor]:
    config = SimSmsConfig(signs={SIGN: "approved"}, review_seconds=REVIEW.total_seconds())
    app = create_sms_simulator(config, "", "", clock=clock)
    async with serve(app) as url:
        sender = AliyunSender(replace(ACCOUNT, base_url=url), clock)
        yield Vendor(app.state.sim, AliyunReview(sender), database, clock)
        await sender.close()


async def test_what_nobody_submitted_is_not_handed_in(vendor: Vendor) -> None:
    await vendor.register(GOOD, BAD)
    assert (await vendor.round()).sent == 0
    assert {row.state for row in (await vendor.rows()).values()} == {"draft"}


async def test_submitted_reviewed_approved_or_rejected_with_the_reason(vendor: Vendor) -> None:
    await vendor.register(GOOD, BAD)
    assert await vendor.submit(GOOD, BAD) == 2
    assert await vendor.submit(GOOD) == 0, "it is on its way"
    for _ in range(2):
        assert (await vendor.round()).sent == 1
        assert (await vendor.round()).sent == 0, "one in half a minute, as the vendor asks"
        vendor.clock.advance(APART)
    rows = await vendor.rows("submitted")
    assert set(rows) == {"a.good", "a.bad"}
    assert all(row.order_id and row.submitted_by == STAFF for row in rows.values())
    assert rows["a.good"].code != GOOD.code, "the vendor's own code is the one to send by"
    vendor.clock.advance(REVIEW)
    assert (await vendor.round()).decided == 2
    rows = await vendor.rows()
    assert (rows["a.good"].state, rows["a.good"].note) == ("approved", None)
    assert (rows["a.bad"].state, rows["a.bad"].note) == ("rejected", "模板含有手机号码或不支持的内容")
    async with vendor.database.read() as session:
        [sign] = await registry.signatures(session, "aliyun")
    assert (sign.sign, sign.state) == (SIGN, "approved")
    assert (await vendor.round()).decided == 0


async def test_only_what_an_account_has_approved_is_said_by_it(vendor: Vendor) -> None:
    await vendor.register(GOOD)
    await vendor.register(GOOD, account="other")
    await vendor.submit(GOOD)
    await vendor.round()
    vendor.clock.advance(REVIEW)
    await vendor.round()
    catalogue = Catalogue(WORDING, {"hospital": "示范医院", "landline": "0571-00000000"})
    async with vendor.database.read() as session:
        rows = await registry.load_into(session, catalogue, ["aliyun", "other"])
        assert [row.account_id for row in await registry.approved(session, "aliyun")] == ["aliyun"]
        assert await registry.approved(session, "other") == []
    said = catalogue.render_sms(Reply("a.good", {"name": "王女士", "when": "周四"}), "aliyun")
    assert said is not None
    assert said.template_code == rows[0].code
    assert catalogue.render_sms(Reply("a.good"), "other") is None


async def test_a_hundred_a_day_and_the_rest_tomorrow(vendor: Vendor) -> None:
    many = [make_template(f"a.n{n}", 0, f"第{n}条通知，电话0571-00000000") for n in range(DAILY + 1)]
    await vendor.register(*many)
    await vendor.submit(*many)
    sent = 0
    for _ in range(DAILY + 1):
        sent += (await sync(vendor.database, vendor.clock, "aliyun", SIGN, vendor.review, poll=False)).sent
        vendor.clock.advance(APART)
    assert sent == DAILY
    refused = await vendor.review.submit(Application("a", "通知，电话0571-00000000", "notice", SIGN))
    assert isinstance(refused, Trouble), "the stand-in holds to it as well"
    assert refused.again
    vendor.clock.advance(timedelta(days=1))
    assert (await vendor.round()).sent == 1


@pytest.mark.parametrize(
    ("fault", "state"),
    [({"kind": "errcode", "value": "isp.SYSTEM_ERROR"}, "submitted"), ({"kind": "html"}, "draft")],
)
async def test_trouble_on_the_way(vendor: Vendor, fault: dict[str, str], state: str) -> None:
    """What was surely not taken is tried again; what nobody knows goes back to people, with what happened."""
    await vendor.register(GOOD)
    await vendor.submit(GOOD)
    vendor.sim.faults.add(Fault(**fault))  # type: ignore[arg-type]
    assert (await vendor.round()).sent == 0
    row = (await vendor.rows())["a.good"]
    assert (row.state, row.sent_at is None) == (state, state == "submitted")
    assert row.note
    if state == "submitted":
        vendor.clock.advance(APART)
        assert (await vendor.round()).sent == 1


async def test_the_older_questions_are_understood_too(vendor: Vendor) -> None:
    """An account without the new operations is asked by the older ones; both tell the reason."""
    made = await vendor.review.submit(Application("a.bad/0", BAD.text, "notice", SIGN))
    assert isinstance(made, Received)
    vendor.clock.advance(REVIEW)
    newer = await vendor.review.status(made.code)
    sim: SmsSimulator = vendor.sim
    actions = sim.aliyun.actions
    for name in ("GetSmsTemplate", "GetSmsSign"):
        del actions[name]
    assert newer is not None
    assert newer.state == "rejected"
    assert await vendor.review.status(made.code) == newer
    sign = await vendor.review.signature(SIGN)
    assert sign is not None
    assert sign.state == "approved"
    assert await vendor.review.status("SMS_1") is None


async def test_a_vendor_that_is_away_changes_nothing(vendor: Vendor, clock: VirtualClock) -> None:
    await vendor.register(GOOD)
    await vendor.submit(GOOD)
    sender = AliyunSender(replace(ACCOUNT, base_url="http://127.0.0.1:9"), clock)
    away = AliyunReview(sender)
    assert await sync(vendor.database, clock, "aliyun", SIGN, away) == Synced()
    row = (await vendor.rows())["a.good"]
    assert (row.state, row.sent_at) == ("submitted", None)
    await sender.close()
