"""The SMS adapter, the simulator and the vendor's own SDK over real HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
import pytest
from alibabacloud_dysmsapi20170525 import models  # type: ignore[import-untyped]
from alibabacloud_dysmsapi20170525.client import Client  # type: ignore[import-untyped]
from alibabacloud_tea_openapi.models import Config  # type: ignore[import-untyped]
from fastapi import FastAPI

from channels.ports import Outcome, Rendered, Sender
from channels.simulator.faults import Fault, Faults
from channels.simulator.sms import SmsSimulator, create_sms_simulator
from channels.simulator.sms_push import Item, Pusher, Reports
from channels.simulator.sms_rules import SimSmsConfig
from channels.sms.aliyun import AliyunAccount, AliyunSender
from channels.sms.drivers import make_router
from channels.sms.template import SmsTemplate, TemplateRegistry
from store.clock import Clock
from tests.channels.simulator.serving import House, serve, until

SECRET = "a-very-long-random-secret-1234"
REMIND = SmsTemplate(
    "SMS_1", "remind", "${name}，${when}到${place}就诊。回1确认 2取消，电话0571-12345678。", "和平医院"
)
CODE = SmsTemplate("SMS_2", "code", "验证码${code}，5分钟内有效。", "和平医院", kind="code")
NEWS = SmsTemplate("SMS_3", "news", "健康讲座本周六开讲。拒收请回复R", "和平医院", kind="marketing")
DRAFT = SmsTemplate("SMS_4", "draft", "审核中。", "和平医院", state="pending")
VALUES = {"name": "王女士", "when": "11月26日周四9:20", "place": "门诊楼3层东"}
PHONE = "+8613800138000"
ACCOUNT = AliyunAccount(
    account_id="ali",
    sign="和平医院",
    access_key_id="demo-key-id",
    access_key_secret="demo-key-secret",
    callback_secrets=("x" * 24, SECRET),
)
CONFIG = SimSmsConfig(
    templates=(REMIND, CODE, NEWS, DRAFT), receipt_delay=0.02, push_retries=(0.05, 0.05, 0.05)
)


@dataclass
class Line:
    sim: SmsSimulator
    house: House
    sender: AliyunSender
    account: AliyunAccount
    sim_url: str
    house_url: str

    def texts(self) -> list[str]:
        return [event["text"] for event in self.sim.transcript(PHONE) if event["direction"] == "out"]


@asynccontextmanager
async def line(
    config: SimSmsConfig = CONFIG, registry: TemplateRegistry | None = None
) -> AsyncIterator[Line]:
    house = House()
    app = FastAPI()
    app.include_router(make_router([ACCOUNT], house, house, Clock()))
    async with serve(app) as house_url:
        base = f"{house_url}/sms/aliyun/{SECRET}"
        sim_app = create_sms_simulator(config, f"{base}/up", f"{base}/report")
        async with serve(sim_app) as sim_url:
            account = replace(ACCOUNT, base_url=sim_url)
            sender = AliyunSender(account, Clock(), registry)
            yield Line(sim_app.state.sim, house, sender, account, sim_url, house_url)
            await sender.close()


async def test_template_out_report_back_answer_in() -> None:
    async with line() as wired:
        sent = await wired.sender.send(PHONE, Rendered(template_code="SMS_1", variables=VALUES), "out-1")
        assert sent.outcome is Outcome.ACCEPTED
        assert wired.texts() == [
            "【和平医院】王女士，11月26日周四9:20到门诊楼3层东就诊。回1确认 2取消，电话0571-12345678。"
        ]
        await until(lambda: wired.house.receipts)
        receipt = wired.house.receipts[0]
        assert (receipt.vendor_id, receipt.client_ref, receipt.ok) == (sent.vendor_id, "out-1", True)
        assert receipt.code == "DELIVERED"
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"
        answer = wired.house.messages[0]
        assert (answer.address, answer.text, answer.channel) == (PHONE, "1", "sms")
        assert re.fullmatch(r"up:\d+", answer.vendor_key)
        assert answer.sent_at is not None
        assert abs((answer.sent_at - Clock().now()).total_seconds()) < 5


async def test_the_vendors_own_sdk_is_served() -> None:
    """What our client is held to, the vendor's client passes: signature, answer, business refusal, wrong key."""
    async with line() as wired:
        endpoint = wired.sim_url.removeprefix("http://")

        def sdk(secret: str) -> Any:
            config = Config(
                access_key_id="demo-key-id", access_key_secret=secret, endpoint=endpoint, protocol="HTTP"
            )
            return Client(config)

        request = models.SendSmsRequest(
            phone_numbers="13800138000",
            sign_name="和平医院",
            template_code="SMS_1",
            template_param=orjson.dumps(VALUES | {"name": "王 女士&~*'"}).decode(),
            out_id="sdk-1",
        )
        answer = await sdk("demo-key-secret").send_sms_async(request)
        assert answer.body.code == "OK"
        assert answer.body.biz_id
        assert "王 女士&~*'" in wired.texts()[0]
        request.template_code = "SMS_9"
        refused = await sdk("demo-key-secret").send_sms_async(request)
        assert refused.body.code == "isv.SMS_TEMPLATE_ILLEGAL"
        with pytest.raises(Exception, match="SignatureDoesNotMatch"):
            await sdk("wrong").send_sms_async(request)
        details = await sdk("demo-key-secret").query_send_details_async(
            models.QuerySendDetailsRequest(
                phone_number="13800138000",
                send_date=wired.sim.aliyun.stamp()[:10].replace("-", ""),
                page_size=10,
                current_page=1,
            )
        )
        assert details.body.sms_send_detail_dtos.sms_send_detail_dto[0].out_id == "sdk-1"


async def test_details_tell_what_became_of_an_unclear_send() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("http_after", value=502))
        sent = await wired.sender.send(PHONE, Rendered(template_code="SMS_1", variables=VALUES), "out-7")
        assert sent.outcome is Outcome.UNCERTAIN
        day = wired.sim.aliyun.stamp()[:10].replace("-", "")
        details = await wired.sender.query_details(PHONE, day)
        assert details is not None
        assert [detail["OutId"] for detail in details] == ["out-7"]
        assert await wired.sender.query_details(PHONE, "20000101") == []


def remind(**change: str) -> Rendered:
    return Rendered(template_code="SMS_1", variables=VALUES | change)


OUTBOUND: list[tuple[Fault | None, Rendered, Outcome, str, int]] = [
    # fault, message, outcome, code, messages on the phone
    (None, Rendered(template_code="SMS_9"), Outcome.REFUSED, "isv.SMS_TEMPLATE_ILLEGAL", 0),
    (None, Rendered(template_code="SMS_4"), Outcome.REFUSED, "isv.SMS_TEMPLATE_ILLEGAL", 0),
    (None, Rendered(template_code="SMS_1"), Outcome.REFUSED, "isv.TEMPLATE_MISSING_PARAMETERS", 0),
    (None, remind(name="王" * 36), Outcome.REFUSED, "isv.PARAM_LENGTH_LIMIT", 0),
    (None, remind(name=""), Outcome.REFUSED, "isv.PARAM_LENGTH_LIMIT", 0),
    (None, remind(name="https://x"), Outcome.REFUSED, "isv.TEMPLATE_PARAMS_ILLEGAL", 0),
    (None, remind(name="【王】"), Outcome.REFUSED, "isv.TEMPLATE_PARAMS_ILLEGAL", 0),
    (None, Rendered(text="您好"), Outcome.REFUSED, "template_required", 0),
    (
        Fault("errcode", value="isv.MOBILE_NUMBER_ILLEGAL"),
        remind(),
        Outcome.REFUSED,
        "isv.MOBILE_NUMBER_ILLEGAL",
        0,
    ),
    (Fault("errcode", value="isp.SYSTEM_ERROR"), remind(), Outcome.RETRY, "isp.SYSTEM_ERROR", 0),
    (Fault("errcode", value="isv.OUT_OF_SERVICE"), remind(), Outcome.REFUSED, "isv.OUT_OF_SERVICE", 0),
    (Fault("html"), remind(), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=500), remind(), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=503), remind(), Outcome.RETRY, "503", 0),
    (Fault("http_after", value=502), remind(), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("no_errcode"), remind(), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("hang_after", value=1), remind(), Outcome.UNCERTAIN, "unclear", 1),
]


@pytest.mark.parametrize(("fault", "message", "outcome", "code", "shown"), OUTBOUND)
async def test_outbound_table(
    fault: Fault | None,
    message: Rendered,
    outcome: Outcome,
    code: str,
    shown: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("channels.sms.transport.TIMEOUT", aiohttp.ClientTimeout(total=2, sock_read=0.3))
    async with line() as wired:
        if fault is not None:
            wired.sim.faults.add(replace(fault))
        result = await wired.sender.send(PHONE, message, "r")
        assert (result.outcome, result.code) == (outcome, code)
        assert len(wired.texts()) == shown
        assert result.stop_contact == (code == "isv.MOBILE_NUMBER_ILLEGAL")


async def test_our_registry_refuses_before_the_vendor_does() -> None:
    async with line(registry=TemplateRegistry([REMIND, DRAFT])) as wired:
        for message in (
            Rendered(template_code="SMS_4"),
            Rendered(template_code="SMS_2"),
            remind(name="x" * 36),
            remind(name="www.x.cn"),
            Rendered(template_code="SMS_1", variables=VALUES | {"extra": "1"}),
        ):
            result = await wired.sender.send(PHONE, message, "r")
            assert result.code in ("template_problem", "template_unknown")
            assert result.next_rung
        assert (await wired.sender.send("+12025550123", remind(), "r")).code == "number_not_supported"
        assert not wired.sim.rules.accepted
        assert (await wired.sender.send(PHONE, remind(), "r")).outcome is Outcome.ACCEPTED


async def test_limits_of_codes_roll_with_the_clock() -> None:
    async with line() as wired:
        message = Rendered(template_code="SMS_2", variables={"code": "123456"})
        assert (await wired.sender.send(PHONE, message, "1")).outcome is Outcome.ACCEPTED
        second = await wired.sender.send(PHONE, message, "2")
        assert (second.outcome, second.retry_after) == (Outcome.RETRY, 60.0)
        for _ in range(4):
            wired.sim.advance(61)
            assert (await wired.sender.send(PHONE, message, "3")).outcome is Outcome.ACCEPTED
        wired.sim.advance(61)
        assert (await wired.sender.send(PHONE, message, "4")).retry_after == 3600.0
        for _ in range(5):
            wired.sim.advance(3600)
            assert (await wired.sender.send(PHONE, message, "5")).outcome is Outcome.ACCEPTED
        wired.sim.advance(3600)
        assert (await wired.sender.send(PHONE, message, "6")).retry_after == 86400.0


async def test_notice_and_account_caps() -> None:
    async with line(replace(CONFIG, notice_daily=2)) as wired:
        assert [(await wired.sender.send(PHONE, remind(), "r")).code for _ in range(3)] == [
            "OK",
            "OK",
            "isv.BUSINESS_LIMIT_CONTROL",
        ]
    async with line(replace(CONFIG, daily_cap=1)) as wired:
        assert [(await wired.sender.send(PHONE, remind(), "r")).code for _ in range(2)] == [
            "OK",
            "isv.DAY_LIMIT_CONTROL",
        ]


async def test_wrong_keys() -> None:
    async with line() as wired:
        for change, code in (
            ({"access_key_secret": "wrong"}, "SignatureDoesNotMatch"),
            ({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound"),
        ):
            sender = AliyunSender(replace(wired.account, **change), Clock())  # type: ignore[arg-type]
            result = await sender.send(PHONE, remind(), "r")
            assert (result.outcome, result.code) == (Outcome.REFUSED, code)
            await sender.close()
        nowhere = AliyunSender(replace(wired.account, base_url="http://127.0.0.1:9"), Clock())
        assert (await nowhere.send(PHONE, remind(), "r")).outcome is Outcome.RETRY
        await nowhere.close()


@pytest.mark.parametrize(
    ("kind", "count", "ok"),
    [("duplicate_receipt", 2, True), ("early_receipt", 1, True), ("failed_receipt", 1, False)],
)
async def test_receipt_faults(kind: str, count: int, ok: bool) -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault(kind))
        await wired.sender.send(PHONE, remind(), "r")
        await until(lambda: len(wired.house.receipts) == count)
        assert {receipt.ok for receipt in wired.house.receipts} == {ok}


async def test_lost_receipt_and_opted_out_number() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("lost_receipt"))
        await wired.sender.send(PHONE, remind(), "lost")
        await wired.sim.user_text(PHONE, "R")
        await wired.sender.send(PHONE, Rendered(template_code="SMS_3"), "news")
        await until(lambda: wired.house.receipts)
        assert [(receipt.client_ref, receipt.ok) for receipt in wired.house.receipts] == [("news", False)]


async def test_receipts_come_in_batches() -> None:
    """Nothing here counts on the machine's pace: 250 reports ripen in one turn of the loop."""
    sent: list[list[str]] = []

    async def send(batch: list[Item]) -> None:
        sent.append([item["biz_id"] for item in batch])

    pusher = Pusher(Faults())
    reports = Reports(pusher, Faults(), send, delay=0.0, batch=100)
    for number in range(250):
        reports.add({"biz_id": str(number)}, None)
    await until(lambda: sum(map(len, sent)) >= 250, 60)
    await pusher.close()
    assert [len(batch) for batch in sent] == [100, 100, 50]
    assert [one for batch in sent for one in batch] == [str(number) for number in range(250)]


async def test_every_send_is_reported_in_calls_of_at_most_the_batch() -> None:
    async with line(replace(CONFIG, receipt_batch=3)) as wired:
        calls: list[int] = []
        record: Callable[..., Any] = wired.house.record

        async def counted(receipts: list[Any]) -> Any:
            calls.append(len(receipts))
            return await record(receipts)

        wired.house.record = counted  # type: ignore[method-assign]
        numbers = {f"+8613900{n:06d}" for n in range(20)}
        results = await asyncio.gather(*(wired.sender.send(number, remind(), number) for number in numbers))
        assert {result.outcome for result in results} == {Outcome.ACCEPTED}
        await until(lambda: {receipt.client_ref for receipt in wired.house.receipts} == numbers, 60)
        assert max(calls) <= 3


async def test_answers_repeat_until_stored() -> None:
    async with line() as wired:
        wired.house.away = True
        asyncio.get_running_loop().call_later(0.08, setattr, wired.house, "away", False)
        result = await wired.sim.user_text(PHONE, "1")
        assert result.status == "ok"
        assert result.deliveries > 1
        wired.sim.faults.add(Fault("duplicate_push"))
        await wired.sim.user_text(PHONE, "2")
        assert [message.text for message in wired.house.messages] == ["1", "2"]
        assert wired.house.repeats == 1


async def test_control_plane_over_http() -> None:
    async with line() as wired, aiohttp.ClientSession(wired.sim_url) as http:
        async with http.post("/_sim/phones/13800138000/text", json={"text": "停车"}) as response:
            assert (await response.json(content_type=None))["status"] == "ok"
        async with http.post("/_sim/phones/abc/text", json={"text": "停车"}) as response:
            assert response.status == 400
        async with http.get("/_sim/transcript", params={"address": PHONE}) as response:
            assert orjson.loads(await response.read())[0]["text"] == "停车"
        async with http.post("/_sim/templates/SMS_4", json={"state": "approved"}) as response:
            assert response.status == 200
        assert (
            await wired.sender.send(PHONE, Rendered(template_code="SMS_4"), "r")
        ).outcome is Outcome.ACCEPTED
        async with http.post("/_sim/reset") as response:
            assert response.status == 200
        again = await wired.sender.send(PHONE, Rendered(template_code="SMS_4"), "r")
        assert again.outcome is Outcome.ACCEPTED
        async with http.post("/_sim/templates/SMS_4", json={"state": "odd"}) as response:
            assert response.status == 400
        async with http.get("/_sim/templates") as response:
            assert len(orjson.loads(await response.read())) == 4
        async with http.post("/", data=b"") as response:
            assert response.status == 400


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [
        ("${name}您好，请按时复诊。", 1, "1"),
        ("请填写问卷调查", 1, "2"),
        ("讲座", 2, "2"),
        ("讲座。拒收请回复R", 2, "1"),
    ],
)
async def test_templates_are_reviewed(text: str, kind: int, status: str) -> None:
    async with line(replace(CONFIG, review_seconds=0.05)) as wired:
        config = Config(
            access_key_id="demo-key-id",
            access_key_secret="demo-key-secret",
            endpoint=wired.sim_url.removeprefix("http://"),
            protocol="HTTP",
        )
        client = Client(config)
        made = await client.create_sms_template_async(
            models.CreateSmsTemplateRequest(
                template_name="复诊",
                template_content=text,
                template_type=kind,
                related_sign_name="和平医院",
                template_rule='{"name": "name"}' if "${name}" in text else None,
            )
        )
        assert made.body.code == "OK"
        asked = models.GetSmsTemplateRequest(template_code=made.body.template_code)
        assert (await client.get_sms_template_async(asked)).body.template_status == "0"
        pending = await wired.sender.send(PHONE, Rendered(template_code=made.body.template_code), "r")
        assert pending.code == "isv.SMS_TEMPLATE_ILLEGAL"
        await asyncio.sleep(0.1)
        assert (await client.get_sms_template_async(asked)).body.template_status == status


async def test_no_secret_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong: no key, no path secret, no number and no word of a message."""
    with caplog.at_level(logging.DEBUG):
        async with line() as wired:
            for value in (
                "isv.OUT_OF_SERVICE",
                "isp.RAM_PERMISSION_DENY",
                "SignatureDoesNotMatch",
                "isv.SMS_SIGN",
            ):
                wired.sim.faults.add(Fault("errcode", value=value))
                await wired.sender.send(PHONE, remind(), "r")
            wired.house.broken = True
            await wired.sim.user_text(PHONE, "胸口疼")
    ours = [record for record in caplog.records if record.name.startswith("channels")]
    assert len(ours) >= 4
    for record in ours:
        seen = record.getMessage() + str(vars(record))
        assert not [
            word for word in ("demo-key-secret", SECRET, "13800138000", "王女士", "胸口疼") if word in seen
        ]


async def test_both_simulators_work_mounted_below_a_path() -> None:
    house, app = House(), FastAPI()
    sim_app = create_sms_simulator(CONFIG, "http://127.0.0.1:9/up", "")
    app.mount("/sim/sms", sim_app)
    async with serve(app) as url:
        for base in (f"{url}/sim/sms", f"{url}/sim/sms/"):
            sender = AliyunSender(replace(ACCOUNT, base_url=base), Clock())
            assert (await sender.send(PHONE, remind(), "r")).outcome is Outcome.ACCEPTED
            await sender.close()
    assert len(sim_app.state.sim.transcript(PHONE)) == 2
    assert house.messages == []


async def test_a_wrong_address_is_refused_not_unclear() -> None:
    async with line() as wired:
        sender: Sender = AliyunSender(replace(wired.account, base_url=wired.house_url), Clock())
        result = await sender.send(PHONE, remind(), "r")
        assert (result.outcome, result.code) == (Outcome.REFUSED, "404")
        await sender.close()
