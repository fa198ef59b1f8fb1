"""The campaigns' pages without scripts: written, tried out, approved by another, started, watched, stopped; refusals in words."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from channels.outbox.models import OutboundMessage
from content.audiences import rules
from content.audiences import service as audiences
from content.audiences.models import AudienceVersion as Version
from content.campaigns import service
from content.campaigns.models import Campaign
from store.audit import AuditRow
from tests.channels.ops.site import TOKEN, Visitor
from tests.content.campaigns.site import campaigns_app, signed_in
from tests.content.campaigns.ward import EVERYONE, Ward

PATH = "/content/campaigns"


async def begun(ward: Ward, visitor: Visitor, name: str = "饮食篇") -> str:
    """A draft made by hand; its address."""
    plan = await ward.plan()
    async with ward.database.read() as session:
        row = await audiences.get(
            session, (await session.get_one(Version, plan.audience_version_id)).audience_id
        )
    assert row is not None
    status, where = await visitor.post(
        f"{PATH}/new", name=name, article=str(plan.variants[0].article_id), audience=str(row.id)
    )
    assert (status, where.endswith("/edit?said=created")) == (303, True)
    return where.partition("/edit")[0]


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of the form."""
    form = page[page.index('id="plan"') :]
    form, found = form[: form.index("</form>")], {}
    for tag in re.finditer(r"<input([^>]*)>|<select([^>]*)>(.*?)</select>", form, re.S):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag[1] or tag[2]))
        if tag[3] is not None:
            chosen = re.search(r'value="([^"]*)" selected', tag[3]) or re.search(r'value="([^"]*)"', tag[3])
            found[given["name"]] = html.unescape(chosen[1]) if chosen else ""
        elif given.get("type") != "radio" or " checked" in tag[1]:
            found[given["name"]] = html.unescape(given.get("value", ""))
    return {name: value for name, value in found.items() if name != "csrf_token"}


async def saved(visitor: Visitor, address: str, **values: str) -> tuple[int, str]:
    """The panel after a change, as the script asks for it."""
    _, page = await visitor.get(f"{address}/edit")
    data = {**form_of(page), **values, "csrf_token": TOKEN}
    async with visitor._session.post(f"{address}/save", data=data, headers={"HX-Request": "true"}) as answer:
        return answer.status, await answer.text()


async def row_of(ward: Ward, address: str) -> Campaign:
    return await ward.campaign(UUID(address.rpartition("/")[2]))


async def test_written_saved_as_it_goes_undone_and_copied(ward: Ward) -> None:
    app = campaigns_app(ward)
    async with signed_in(app, ward, "editor") as editor:
        assert "还没有活动" in (await editor.get(PATH))[1]
        address = await begun(ward, editor)
        _, panel = await saved(editor, address)
        assert (await row_of(ward, address)).version == 1, "nothing was changed"
        _, panel = await saved(
            editor, address, kind="recurring", start_day="2026-12-07", holdout_percent="10", note="先试"
        )
        assert "每周一 9:30，从2026年12月7日周一起，一直发到有人停止" in panel
        assert "随机留10%作对照" in panel
        row = await row_of(ward, address)
        assert (row.kind, row.holdout_percent, row.version, row.note) == ("recurring", 10, 2, "先试")
        assert 'id="plan-version" name="version" value="2"' in panel

        _, panel = await saved(editor, address, purpose="follow_up")
        assert "就诊通知和随访不能设对照组" in panel
        assert "还没有保存" in panel
        _, panel = await saved(editor, address, holdout_percent="20")
        before = html.unescape(re.search(r'name="before" value="([^"]+)"', panel)[1])  # type: ignore[index]
        assert await editor.post(f"{address}/undo", version="3", before=before) == (
            303,
            f"{address}/edit?said=undone",
        )
        assert (await row_of(ward, address)).holdout_percent == 10
        status, where = await editor.post(f"{address}/copy")
        copied = await row_of(ward, where.partition("/edit")[0])
        assert (status, copied.name, copied.kind, copied.state) == (303, "饮食篇 副本2", "recurring", "draft")
        page = (await editor.get(f"{PATH}?q=副本&kind=recurring"))[1]
        assert "共 1 个" in page
        assert (await editor.post(f"{PATH}/new", csrf=False))[0] == 403
        assert (await editor.post(f"{where.partition('/edit')[0]}/delete"))[1] == f"{PATH}?said=deleted"


async def test_two_editors_lose_nothing(ward: Ward) -> None:
    app = campaigns_app(ward)
    async with signed_in(app, ward, "editor") as one, signed_in(app, ward, "editor2") as other:
        address = await begun(ward, one)
        _, page = await one.get(f"{address}/edit")
        mine = {**form_of(page), "note": "我的", "csrf_token": TOKEN}
        await saved(other, address, note="别人的")
        headers = {"HX-Request": "true"}
        async with one._session.post(f"{address}/save", data=mine, headers=headers) as answer:
            text = await answer.text()
        assert "editor2刚保存了新的内容" in text
        assert 'id="plan-version"' not in text, "the next change is refused as well"
        assert (await row_of(ward, address)).note == "别人的"


async def test_a_dry_run_is_counted_masked_and_audited(ward: Ward) -> None:
    await ward.patients(3)
    await ward.patient(channel=None)
    app = campaigns_app(ward)
    async with signed_in(app, ward, "editor") as editor:
        address = await begun(ward, editor)
        assert "正在试算" in (await editor.get(f"{address}/dry-run"))[1]
        text = ""
        while "会收到" not in text:
            _, text = await editor.get(f"{address}/dry-run/part")
            await asyncio.sleep(0.05)
        assert re.search(r">3</b> 人会收到", text)
        assert "没有绑定微信" in text
        assert "王**" in text or "王*" in text
        assert "王秀兰" not in text
        _, table = await editor.get(f"{address}/dry-run.csv")
        assert "会收到,微信客服消息,3" in table
        async with editor._session.post(
            f"{address}/testers", data={"csrf_token": TOKEN, "account": "sms/aliyun", "address": "123"}
        ) as answer:
            assert "手机号请写11位数字" in await answer.text()
        added = await editor.post(
            f"{address}/testers", account="sms/aliyun", address="13800000001", label="我"
        )
        assert added[1].endswith("said=tester_added")
        page = (await editor.get(f"{address}/dry-run"))[1]
        tester = re.search(r'<option value="([0-9a-f-]{36})">我（短信）', page)
        assert tester is not None
        assert (await editor.post(f"{address}/test", arm="a", tester=tester[1]))[1].endswith("said=tested")
    async with ward.database.read() as session:
        reads = await session.scalar(
            select(func.count()).select_from(AuditRow).where(AuditRow.action == "read")
        )
        tests = await session.scalar(select(func.count()).select_from(OutboundMessage))
    assert (reads, tests) == (4, 1)


async def test_approved_by_another_started_paused_and_done(ward: Ward) -> None:
    await ward.patients(2)
    app = campaigns_app(ward)
    async with (
        signed_in(app, ward, "editor") as editor,
        signed_in(app, ward, "reviewer") as reviewer,
        signed_in(app, ward, "nurse") as nurse,
    ):
        address = await begun(ward, editor)
        assert (await nurse.get(address))[0] == 403
        assert (await editor.post(f"{address}/submit"))[1].endswith("said=submitted")
        assert 'data-ask="approve"' not in (await editor.get(address))[1]
        assert (await editor.post(f"{address}/approve", version="1"))[0] == 403
        page = (await reviewer.get(address))[1]
        assert 'data-ask="approve"' in page
        assert (await reviewer.post(f"{address}/return", note=" "))[0] == 409
        assert (await reviewer.post(f"{address}/approve", version="9"))[0] == 409
        assert (await reviewer.post(f"{address}/approve", version="1"))[1].endswith("said=approved")
        assert "人现在符合" in await counted(reviewer, address)
        assert (await reviewer.post(f"{address}/launch"))[1].endswith("said=launched")
        assert "撤销开始" in (await reviewer.get(address))[1]
        assert (await reviewer.post(f"{address}/pause", note="等一等"))[1].endswith("said=paused")
        assert "HX-Refresh" in await headers_of(reviewer, f"{address}/now?state=running")
        assert "等一等" in (await reviewer.get(address))[1]
        assert (await reviewer.post(f"{address}/resume"))[1].endswith("said=resumed")
        await ward.run()
        await ward.deliver()
        await ward.run(seconds=90)
        page = (await reviewer.get(f"{address}/now"))[1]
        assert "2 人中处理完 2 人（100%）" in page
        people = (await reviewer.get(f"{address}/recipients?state=sent"))[1]
        assert people.count("王") == 2
        assert "王秀兰" not in people
        assert "没有这样的人" in (await reviewer.get(f"{address}/recipients?state=failed"))[1]
        assert (await reviewer.post(f"{address}/abort", note="x"))[0] == 409


async def counted(visitor: Visitor, address: str) -> str:
    text = ""
    while "人现在符合" not in text:
        _, text = await visitor.get(f"{address}/reach")
        await asyncio.sleep(0.05)
    return text


async def headers_of(visitor: Visitor, path: str) -> Any:
    async with visitor._session.get(path) as answer:
        return answer.headers


async def test_a_newer_audience_is_offered_and_taken(ward: Ward) -> None:
    app = campaigns_app(ward)
    campaign_id = await ward.launched(await ward.plan())
    row = await ward.campaign(campaign_id)
    async with ward.database.write("newer") as session:
        audience = await audiences.get(session, row.audience_id)
        assert audience is not None
        made = await audiences.change(
            session,
            audience,
            seen=1,
            name=audience.name,
            note="",
            rule=rules.read(EVERYONE),
            now=ward.clock.now(),
            staff_id=None,
        )
    newest = str(made.id)  # type: ignore[union-attr]
    async with signed_in(app, ward, "editor") as editor:
        page = (await editor.get(f"{PATH}/{campaign_id}"))[1]
        assert "人群有了第 2 版" in page
        assert newest in page
        assert (await editor.post(f"{PATH}/{campaign_id}/audience", version="nonsense"))[0] == 409
        assert (await editor.post(f"{PATH}/{campaign_id}/audience", version=newest))[1].endswith(
            "said=audience_taken"
        )
        assert "人群有了" not in (await editor.get(f"{PATH}/{campaign_id}"))[1]
    assert str((await ward.campaign(campaign_id)).audience_version_id) == newest


async def test_texts_against_each_other_are_explained(ward: Ward) -> None:
    await ward.patients(4)
    plan = await ward.plan(slugs=("t2dm-first", "t2dm-second"), choosing="thompson")
    campaign_id = await ward.launched(plan)
    await ward.run()
    async with ward.database.write("results") as session:
        for one, (trials, good) in zip(
            await service.variants(session, campaign_id), ((60, 30), (60, 12)), strict=True
        ):
            one.trials, one.successes = trials, good
    async with signed_in(campaigns_app(ward), ward, "editor") as editor:
        page = (await editor.get(f"{PATH}/{campaign_id}"))[1]
    assert "版本A目前打开了文章的有50%" in page
    assert 'data-value="0.5"' in page
    assert "版本B《" in page
