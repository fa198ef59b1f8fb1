"""`/ops/templates`: the review states, what a template may come to, submitting and asking."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from channels.wechat.models import SubscriptionGrant
from channels.wording import registry
from channels.wording.catalogue import make_template
from channels.wording.models import SmsSignatureRow, SmsTemplateRow
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import Settlements, catalogue, ops_app, staff, visiting
from tests.factories import deliveries
from web.signin.models import Role


async def registered(database: Database, clock: VirtualClock, **changes: Any) -> list[SmsTemplateRow]:
    """The shipped wordings' first five templates, drafts; `changes` of the first one's columns."""
    templates = catalogue().sms_templates()[:5]
    async with database.write() as session:
        rows = await registry.register(session, templates, clock.now(), account_id="aliyun")
        for name, value in changes.items():
            setattr(rows[0], name, value)
    return rows


def shown(page: str) -> list[str]:
    return re.findall(r'<h3 class="font-medium break-all"><code>([^<]+)</code>', page)


async def test_templates_are_listed_with_what_is_known_of_them(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.EDITOR)
    rows = await registered(database, clock, state="rejected", note="变量太长")
    long = "您好${name}，" + "请按时就诊" * 22 + "，拒收请回复R，微信13800138000"
    async with database.write() as session:
        await registry.register(
            session,
            [make_template("booking.gone", 0, "旧的文案"), make_template("faq:parking", 0, long)],
            clock.now(),
            account_id="aliyun",
            state="approved",
        )
        session.add(
            SmsSignatureRow(
                account_id="aliyun", sign="云江示范医院", state="approved", checked_at=clock.now()
            )
        )
        for _ in range(3):
            await deliveries.message(session, clock.now(), "delivered", channel="sms", key=rows[1].key)
        person, _ = await deliveries.contact(session, clock.now())
        session.add(
            SubscriptionGrant(
                contact_id=person.id,
                template_id="visit_once",
                kind="once",
                accepted=True,
                remaining=2,
                changed_at=clock.now(),
            )
        )
    async with visiting(ops_app(database, clock), tokens["editor"]) as editor:
        status, page = await editor.get("/ops/templates")
        assert status == 200
        assert sorted(shown(page)) == sorted([*(row.key for row in rows), "faq:parking"])
        assert "驳回原因：变量太长" in page and "【云江示范医院】" in page
        assert '<span class="ops-chip">name</span>' in page
        assert "不能写手机号" in page and "通知类不能写“拒收请回复R”" in page and "，最多3条" in page
        assert "最近3条短信用到" in page
        assert "预约结果通知" in page and "1 人同意，还能发 2 条" in page
        for query, found in (
            ("state=old", ["booking.gone"]),
            ("state=rejected", [rows[0].key]),
            ("state=findings", ["faq:parking"]),
            ("state=long", ["bind.ask_relation", "faq:parking"]),
            ("q=parking", ["faq:parking"]),
            ("state=draft&q=nothing", []),
        ):
            assert shown((await editor.get(f"/ops/templates?{query}"))[1]) == found, query
        assert (await editor.get("/ops/templates?account=unknown"))[0] == 404


async def test_the_marked_ones_are_submitted_by_name(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    rows = await registered(database, clock)
    settlements = Settlements()
    async with visiting(ops_app(database, clock, settlements=settlements), tokens["operator"]) as operator:
        for row, said in ((rows[0], "submitted"), (rows[1], "submitted"), (rows[1], "too_late")):
            _, location = await operator.post("/ops/templates/submit", account="aliyun", code=row.code)
            assert location == f"/ops/templates?account=aliyun&said={said}"
        _, page = await operator.get("/ops/templates?state=waiting&said=submitted")
        assert sorted(shown(page)) == sorted(row.key for row in rows[:2]) and "已提交" in page
        assert (await operator.post("/ops/templates/submit", account="aliyun"))[0] == 422
        assert (await operator.post("/ops/templates/submit", account="else", code="x"))[0] == 404
        _, location = await operator.post("/ops/templates/sync", account="aliyun")
        assert location.endswith("said=synced") and settlements.synced == 1
        settlements.vendor_away = True
        _, location = await operator.post("/ops/templates/sync", account="aliyun")
        assert location.endswith("said=sync_failed")
    async with database.read() as session:
        states = list(await session.scalars(select(SmsTemplateRow.state)))
        audited = list(await session.scalars(select(AuditRow).where(AuditRow.action == "template_submit")))
    assert sorted(states) == ["draft"] * 3 + ["submitted"] * 2
    assert [row.detail["submitted"] for row in audited] == [1, 1, 0]
