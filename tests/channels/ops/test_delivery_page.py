"""`/ops/delivery`: the numbers are those of the rows, the switches stop and start, a message's life is told."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select

from channels.ops import usage
from channels.ops.ports import AccountFacts
from channels.outbox.models import DeliveryHold, OutboundMessage
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import Settlements, ops_app, staff, visiting
from tests.factories import deliveries
from tests.factories.messages import OPENID, PHONE, said
from web.signin.models import Role


def number_of(page: str, tile: str) -> int:
    """The number a tile shows."""
    found = re.search(rf">{tile}</a>\s*<span class=\"ops-number\">(\d+)</span>", page)
    assert found, tile
    return int(found.group(1))


async def audited(database: Database) -> list[tuple[str, str]]:
    async with database.read() as session:
        rows = await session.execute(select(AuditRow.action, AuditRow.subject).order_by(AuditRow.id))
        return [(row[0], row[1]) for row in rows if row[0] != "sign_in"]


async def test_the_tiles_count_what_is_there(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    now = clock.now()
    async with database.write() as session:
        for minutes in (3, 2):
            await deliveries.message(session, now - timedelta(minutes=minutes))
        await deliveries.message(session, now, reason="quiet_hours", due_at=now + timedelta(hours=2))
        await deliveries.message(session, now, due_at=now + timedelta(days=1))
        await deliveries.message(session, now, "sending", channel="sms")
        await deliveries.message(session, now, "uncertain", channel="sms", reason="timeout")
        for _ in range(3):
            await deliveries.message(session, now, "failed", reason="45015")
        await deliveries.message(session, now - timedelta(days=3), "failed")
        sent = await deliveries.message(session, now, "delivered")
        await deliveries.attempt(session, sent, finished_at=now - timedelta(seconds=20))
        await deliveries.inbound(session, now, status="dead")
    async with visiting(ops_app(database, clock, spool=7), tokens["operator"]) as operator:
        status, page = await operator.get("/ops/delivery")
    assert status == 200
    assert [
        number_of(page, tile) for tile in ("排队中", "发送中", "推迟中", "结果不明", "没发成", "已发出")
    ] == [
        2,
        1,
        1,
        1,
        3,
        1,
    ]
    assert "最早等了 3 分钟" in page and "到点再发 1 条" in page and "最近1分钟发出 1 条" in page
    assert "还有 7 个回调没入库" in page and "1 条患者来信没能处理" in page
    assert "12 分钟前" in page, "the token's age"


async def test_an_account_says_what_is_wrong(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    now = clock.now()
    async with database.write() as session:
        for minute in range(240, 40, -1):
            await deliveries.inbound(session, now - timedelta(minutes=minute))
        refused = await deliveries.message(session, now - timedelta(hours=1), "failed")
        await deliveries.attempt(session, refused, "refused", code="45009")
        broke = await deliveries.message(session, now - timedelta(hours=1), "failed", channel="sms")
        await deliveries.attempt(session, broke, "refused", code="isv.AMOUNT_NOT_ENOUGH")
    accounts = (AccountFacts("wechat", "hospital", has_token=True), AccountFacts("sms", "aliyun"))
    async with visiting(ops_app(database, clock, accounts=accounts), tokens["operator"]) as operator:
        _, page = await operator.get("/ops/delivery/accounts")
    assert "已经 41 分钟没有收到推送，平时这段时间约有 30 条" in page and "MarkFail" in page
    assert "碰到厂商限额" in page and "厂商说这个账号不能发" in page and ">不能发<" in page
    assert "还没用过" in page


async def test_an_account_says_what_is_left_of_its_day_by_our_count(
    database: Database, clock: VirtualClock
) -> None:
    """Since midnight in China: what reached the vendor, in its messages; not what was held, nor yesterday's, nor passive answers."""
    tokens = await staff(database, Role.OPERATOR)
    now, midnight = clock.now(), usage.day_began(clock.now())
    tried = [
        ("accepted", "custom", 2, now),
        ("refused", "custom", 1, midnight),
        ("uncertain", "template", 1, now),
        ("held", "custom", 1, now),
        ("accepted", "custom", 1, midnight - timedelta(seconds=1)),
        ("accepted", "passive", 0, now),
    ]
    async with database.write() as session:
        for verdict, rung, parts, at in tried:
            sent = await deliveries.message(session, at, "accepted")
            await deliveries.attempt(session, sent, verdict, rung=rung, parts=parts, started_at=at)
        text = await deliveries.message(session, now, "accepted", channel="sms")
        await deliveries.attempt(session, text, rung="sms", parts=2, started_at=now)
    accounts = (
        AccountFacts("wechat", "hospital", has_token=True, daily={"custom": 1000, "template": 100}),
        AccountFacts("sms", "aliyun"),
    )
    async with visiting(ops_app(database, clock, accounts=accounts), tokens["operator"]) as operator:
        _, page = await operator.get("/ops/delivery/accounts")
    said = re.sub(r"<[^>]+>", "", page)
    assert "本系统计数" in said
    assert "客服消息 3 条，还剩 997；模板消息 1 条，还剩 99" in said
    assert "短信 2 条\n" in said


async def test_an_account_without_a_token_says_why_and_since_when(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.OPERATOR)
    since = clock.now() - timedelta(minutes=20)
    refused = AccountFacts("wechat", "hospital", has_token=True, problem="40125", problem_since=since)
    async with visiting(ops_app(database, clock, accounts=[refused]), tokens["operator"]) as operator:
        _, page = await operator.get("/ops/delivery/accounts")
    assert f"{clock.local(since):%H:%M:%S} 起取不到可用的令牌：AppSecret 不对（40125）" in page
    assert ">不能发<" in page


async def test_a_purpose_is_paused_by_its_button(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR, Role.NURSE)
    async with visiting(ops_app(database, clock), tokens["operator"]) as operator:
        _, page = await operator.get("/ops/delivery/accounts")
        assert 'data-scope="purpose" data-key="education"' in page and "暂停健康教育" in page
        await operator.post("/ops/delivery/stop", scope="purpose", key="education", reason="内容有误")
        _, page = await operator.get("/ops/delivery/accounts")
        assert 'data-key="education"' not in page and "恢复健康教育" in page
    async with visiting(ops_app(database, clock), tokens["nurse"]) as nurse:
        assert 'data-scope="purpose"' not in (await nurse.get("/ops/delivery/accounts"))[1]


async def test_the_trend_counts_by_the_hospitals_hours_and_days(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.AUDITOR)
    now = clock.now()
    async with database.write() as session:
        await deliveries.message(session, now, "delivered")
        await deliveries.message(session, now - timedelta(hours=2), "failed")
        await deliveries.message(session, now - timedelta(hours=10), "delivered", channel="sms")
        await deliveries.message(session, now - timedelta(days=13), "suppressed")
        await deliveries.message(session, now - timedelta(days=15), "suppressed")

    async with visiting(ops_app(database, clock), tokens["auditor"]) as auditor:

        async def rows(query: str) -> dict[str, list[int]]:
            _, part = await auditor.get(f"/ops/delivery/trend?{query}")
            found = re.findall(r'<th scope="row"[^>]*>([^<]+)</th>(.*?)</tr>', part, re.DOTALL)
            table = {name: [int(cell) for cell in re.findall(r">(\d+)</td>", cells)] for name, cells in found}
            return {name: cells for name, cells in table.items() if any(cells)}

        assert await rows("window=24h") == {
            "23:00": [1, 0, 0, 0, 0, 0, 0],  # 10 hours before Sunday 09:00 in Shanghai
            "07:00": [0, 0, 0, 0, 0, 0, 1],
            "09:00": [1, 0, 0, 0, 0, 0, 0],
        }
        assert await rows("window=24h&channel=sms") == {"23:00": [1, 0, 0, 0, 0, 0, 0]}
        assert await rows("window=14d") == {
            "11-09": [0, 0, 0, 0, 1, 0, 0],
            "11-21": [1, 0, 0, 0, 0, 0, 0],
            "11-22": [1, 0, 0, 0, 0, 0, 1],
        }
        assert (await auditor.get("/ops/delivery/trend?window=1y"))[0] == 422


async def test_stopping_is_kept_with_who_and_why(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    settlements = Settlements()
    async with visiting(ops_app(database, clock, settlements=settlements), tokens["operator"]) as operator:
        for _ in range(2):
            assert await operator.post(
                "/ops/delivery/stop", scope="account", key="sms/aliyun", reason="签名有误"
            ) == (303, "/ops/delivery?said=stopped")
        assert (await operator.post("/ops/delivery/stop", scope="all", reason="发错了"))[0] == 303
        _, page = await operator.get("/ops/delivery")
        assert "紧急停发中" in page and "operator先生停发，原因：发错了" in page
        assert "原因：签名有误" in page and ">已停发<" in page
        async with database.read() as session:
            holds = list(await session.scalars(select(DeliveryHold).order_by(DeliveryHold.set_at)))
        assert sorted((one.scope, one.key) for one in holds) == [("account", "sms/aliyun"), ("all", "")]
        for one in holds:
            assert (await operator.post(f"/ops/delivery/stop/{one.id}/lift"))[1].endswith("resumed")
        assert (await operator.post(f"/ops/delivery/stop/{holds[0].id}/lift"))[1].endswith("too_late")
        _, page = await operator.get("/ops/delivery")
        assert "紧急停发中" not in page and "停发记录" in page and "签名有误" in page
        for form in ({"scope": "all", "key": "x"}, {"scope": "channel"}, {"scope": "world", "key": "x"}):
            assert (await operator.post("/ops/delivery/stop", True, reason="x", **form))[0] == 422
        assert (await operator.post("/ops/delivery/stop", scope="all", reason=""))[0] == 422
        assert (await operator.post("/ops/delivery/stop", False, scope="all", reason="x"))[0] == 403
    assert settlements.woken >= 2
    actions = [action for action, _ in await audited(database)]
    assert actions == ["delivery_stop", "delivery_stop", "delivery_resume", "delivery_resume"]


async def test_a_campaign_is_paused_and_aborted(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    async with database.write() as session:
        for status in ("queued", "queued", "delivered", "failed"):
            await deliveries.message(session, clock.now(), status, campaign="flu-2026", purpose="education")
    async with visiting(ops_app(database, clock), tokens["operator"]) as operator:
        _, page = await operator.get("/ops/delivery/accounts")
        assert "还没发 2 · 已发 1 · 没发成或不发 1" in page
        await operator.post("/ops/delivery/stop", scope="campaign", key="flu-2026", reason="改稿")
        _, page = await operator.get("/ops/delivery/accounts")
        assert ">已暂停<" in page
        await operator.post("/ops/delivery/abort", campaign="flu-2026")
        _, page = await operator.get("/ops/delivery/accounts")
        assert "还没发 0 · 已发 1 · 没发成或不发 3" in page
    async with database.read() as session:
        rows = list(await session.scalars(select(OutboundMessage.status).order_by(OutboundMessage.status)))
    assert rows == ["delivered", "failed", "suppressed", "suppressed"]


async def test_people_decide_once_about_what_is_unclear(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.NURSE)
    async with database.write() as session:
        ids = [
            (await deliveries.message(session, clock.now(), status, reason="timeout", attempts=4)).id
            for status in ("uncertain", "uncertain", "failed", "delivered")
        ]
    settlements = Settlements()
    async with visiting(ops_app(database, clock, settlements=settlements), tokens["nurse"]) as nurse:
        _, page = await nurse.get("/ops/delivery/troubles")
        assert all(str(one) in page for one in ids[:3]) and str(ids[3]) not in page
        for one, how in zip(ids, ("again", "phoned", "dropped"), strict=False):
            status, location = await nurse.post(f"/ops/delivery/{one}/{how}")
            assert (status, location) == (303, f"/ops/delivery/{one}?said={how}")
            if how != "again":
                assert (await nurse.post(f"/ops/delivery/{one}/again"))[1].endswith("too_late")
        assert (await nurse.post(f"/ops/delivery/{ids[3]}/again"))[1].endswith("too_late")
        assert (await nurse.post(f"/ops/delivery/{ids[0]}/forget"))[0] == 422
        _, page = await nurse.get("/ops/delivery/troubles")
        assert "没有要人看的消息" in page
    assert settlements.heard == [(ids[0], "again"), (ids[1], "phoned"), (ids[2], "dropped")]
    async with database.read() as session:
        rows = {row.id: row for row in await session.scalars(select(OutboundMessage))}
    again = rows[ids[0]]
    assert (again.status, again.attempts, again.reason, again.due_at) == ("queued", 0, None, clock.now())
    assert [(rows[one].status, rows[one].reason) for one in ids[1:3]] == [
        ("suppressed", "phoned"),
        ("suppressed", "dropped"),
    ]


async def test_a_message_is_told_from_its_cause_to_its_end(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR, Role.NURSE)
    now = clock.now()
    async with database.write() as session:
        cause = await deliveries.inbound(
            session, now, "胸口疼怎么办", intent="describe_symptom", screen="emergency"
        )
        first = await deliveries.message(
            session,
            now,
            "passed_on",
            inbound_id=cause.id,
            plan=["custom", "subscription_long", "sms"],
            rung="custom",
            reason="pass_to_sms",
        )
        await deliveries.attempt(session, first, "held", 1, rung="", gate="quiet_hours")
        await deliveries.attempt(
            session, first, "refused", 2, code="45015", detail="response out of time limit", gate="answer"
        )
        follows = await deliveries.message(
            session, now, "delivered", channel="sms", continues=first.id, key="common.call_us"
        )
        await deliveries.attempt(
            session,
            follows,
            "accepted",
            1,
            vendor_id="900619746936498440^0",
            receipt="delivered",
            receipt_at=now,
        )
        waiting = await deliveries.message(session, now, channel="sms")
        await deliveries.hold(session, now, "channel", "sms")
    async with visiting(ops_app(database, clock), tokens["operator"]) as operator:
        status, page = await operator.get(f"/ops/delivery/{first.id}")
        assert status == 200
        steps = re.findall(r'class="ops-step ops-step-(\w+)"><span class="font-medium">([^<]+)<', page)
        assert [step for step in steps if step[1] != ""] == [
            ("refused", "客服消息"),
            ("skipped", "长期订阅通知"),
            ("skipped", "短信"),
        ]
        assert "45015" in page and "response out of time limit" in page
        assert ">急症<" not in page and "describe_symptom" not in page, "what was said is not for operators"
        assert f"/ops/delivery/{follows.id}" in page
        assert OPENID not in page and "胸口疼" not in page, (
            "an operator sees no address and no words of a patient"
        )
        assert (await operator.get(f"/ops/delivery/{first.id}/words"))[0] == 403
        _, page = await operator.get(f"/ops/delivery/{follows.id}")
        assert "回执：已送达" in page and "900619746936498440^0" in page and "停发中" not in page
        _, page_of_waiting = await operator.get(f"/ops/delivery/{waiting.id}")
        assert "渠道 短信 停发中" in page_of_waiting and "内容有误" in page_of_waiting
        assert PHONE not in page and "199****0001" in page
        assert (await operator.get("/ops/delivery/01930000-0000-7000-8000-000000000000"))[0] == 404
        assert (await operator.get("/ops/delivery/nonsense"))[0] == 422
    async with visiting(ops_app(database, clock), tokens["nurse"]) as nurse:
        _, part = await nurse.get(f"/ops/delivery/{first.id}/words")
        assert "胸口疼怎么办" in part
        assert ">急症<" in (await nurse.get(f"/ops/delivery/{first.id}"))[1]
    read = [subject for action, subject in await audited(database) if action == "read"]
    looks = [f"outbound:{one.id}" for one in (first, follows, waiting, first, first)]
    assert read == [*looks[:4], f"contact:{first.contact_id}", *looks[4:]], (
        "the words are of somebody bound to nobody"
    )


async def test_messages_are_filtered_by_the_address_and_paged(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.OPERATOR)
    now = clock.now()
    async with database.write() as session:
        for number in range(45):
            await deliveries.message(session, now - timedelta(seconds=number), "delivered")
        await deliveries.message(session, now, "failed", channel="sms", reason="isv.MOBILE_NUMBER_ILLEGAL")
        await deliveries.message(session, now, reason="quiet_hours", due_at=now + timedelta(hours=1))
    async with visiting(ops_app(database, clock), tokens["operator"]) as operator:

        async def count(query: str) -> int:
            status, page = await operator.get(f"/ops/delivery/messages?{query}")
            assert status == 200
            return len(re.findall(r'<tr>\s*<td class="whitespace-nowrap tabular-nums"', page))

        assert await count("status=failed") == 1
        assert await count("status=held") == 1
        assert await count("channel=sms&reason=isv.MOBILE_NUMBER_ILLEGAL") == 1
        assert await count("channel=sms&status=delivered") == 0
        assert await count("account=hospital") == 40
        _, page = await operator.get("/ops/delivery/messages?status=delivered")
        older = re.search(r'href="/ops/delivery/messages\?([^"]*before=[^"]+)"', page)
        assert older
        assert await count(older.group(1).replace("&amp;", "&")) == 5
        assert await count("contact=nonsense") == 0
        contact = (await said(database))[0].contact_id
        await count(f"contact={contact}")
    assert ("read", f"contact:{contact}") in await audited(database), (
        "whose messages somebody looked at is kept"
    )


async def test_a_message_is_found_by_whatever_is_at_hand(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.OPERATOR)
    now = clock.now()
    async with database.write() as session:
        cause = await deliveries.inbound(session, now)
        one = await deliveries.message(session, now, "delivered", inbound_id=cause.id)
        other = await deliveries.message(session, now, "delivered", channel="sms")
        await deliveries.attempt(session, other, vendor_id="msgid-77")
    async with visiting(ops_app(database, clock), tokens["operator"]) as operator:

        async def found(text: str) -> str:
            status, location = await operator.post("/ops/delivery/search", q=text)
            assert status == 303
            return location.removeprefix("/ops/delivery/")

        assert await found(str(one.id)) == str(one.id)
        assert await found(f" {one.id.hex} ") == str(one.id)
        assert await found(str(cause.id)) == str(one.id)
        assert await found("msgid-77") == str(other.id)
        assert await found(OPENID) == f"messages?contact={one.contact_id}"
        for phone in (PHONE, PHONE.removeprefix("+86"), "199 0000 0001"):
            assert await found(phone) == f"messages?contact={other.contact_id}"
        assert await found("13900000000") == "messages?said=not_found"
        _, page = await operator.get("/ops/delivery/messages?said=not_found")
        assert "没有找到" in page
    searches = [subject for action, subject in await audited(database) if action == "read"]
    assert len(searches) == 4 and set(searches) == {
        f"contact:{one.contact_id}",
        f"contact:{other.contact_id}",
    }
