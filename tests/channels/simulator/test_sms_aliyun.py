"""Alibaba Cloud's rules code by code, its SDK at the limits, phones that are off or blocked, and looking up an unclear send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import orjson
import pytest
from alibabacloud_dysmsapi20170525 import models  # type: ignore[import-untyped]
from alibabacloud_dysmsapi20170525.client import Client  # type: ignore[import-untyped]
from alibabacloud_tea_openapi.models import Config  # type: ignore[import-untyped]

from channels.ports import Outcome, Rendered
from channels.simulator.__main__ import sms_app
from channels.simulator.faults import Fault
from channels.simulator.sms_push import numeric_answer
from channels.simulator.sms_rules import SimSmsConfig
from channels.sms.aliyun import DETAILS_PAGE, AliyunSender
from store.clock import Clock, VirtualClock
from tests.channels.simulator.serving import until
from tests.channels.simulator.sms_lines import ABROAD, PHONE, SIGN, TEMPLATES, VALUES, Lines, lines

QUICK = SimSmsConfig(templates=TEMPLATES, receipt_delay=0.02, push_retries=(0.05, 0.05, 0.05))
REMIND = Rendered(template_code="1001", variables=VALUES)
CODE = Rendered(template_code="1002", variables={"code": "123456"})

NAMED: list[tuple[Rendered, SimSmsConfig, str]] = [
    # message, account, the code the vendor's rules answer with
    (REMIND, replace(QUICK, signs={SIGN: "pending"}), "isv.SIGN_STATE_ILLEGAL"),
    (REMIND, replace(QUICK, templates=()), "isv.SMS_SIGNATURE_ILLEGAL"),
    (Rendered(template_code="9"), QUICK, "isv.SMS_TEMPLATE_ILLEGAL"),
    (Rendered(template_code="1004"), QUICK, "isv.SMS_TEMPLATE_ILLEGAL"),
    (REMIND, replace(QUICK, sign_scenes={SIGN: "code"}), "isv.SMS_SIGNATURE_SCENE_ILLEGAL"),
    (Rendered(template_code="1001"), QUICK, "isv.TEMPLATE_MISSING_PARAMETERS"),
    (REMIND, replace(QUICK, variable_chars=2), "isv.PARAM_LENGTH_LIMIT"),
    (
        Rendered(template_code="1001", variables=VALUES | {"name": "http://x"}),
        QUICK,
        "isv.TEMPLATE_PARAMS_ILLEGAL",
    ),
    (REMIND, replace(QUICK, max_numbers=0), "isv.MOBILE_COUNT_OVER_LIMIT"),
    (REMIND, replace(QUICK, illegal_words=("就诊",)), "isv.SMS_CONTENT_ILLEGAL"),
    (REMIND, replace(QUICK, denied_actions=("SendSms",)), "isp.RAM_PERMISSION_DENY"),
    (REMIND, replace(QUICK, allowed_ips=("203.0.113.1",)), "isv.DENY_IP_RANGE"),
]


@pytest.mark.parametrize(("message", "account", "code"), NAMED, ids=[row[2] for row in NAMED])
async def test_the_vendors_rules_answer_with_their_codes(
    message: Rendered, account: SimSmsConfig, code: str
) -> None:
    async with lines(account) as wired:
        result = await wired.aliyun.send(PHONE, message, "r")
        assert (result.outcome, result.code, result.next_rung) == (Outcome.REFUSED, code, True)
        assert wired.texts() == []
        assert result.stop_channel == code.startswith(("isp.RAM", "isv.DENY_IP"))


async def test_out_of_service_stops_the_account() -> None:
    async with lines(QUICK) as wired:
        wired.sim.rules.out_of_service = True
        result = await wired.aliyun.send(PHONE, REMIND, "r")
        assert (result.code, result.stop_channel) == ("isv.OUT_OF_SERVICE", True)


async def test_caps_of_the_account_and_of_a_number() -> None:
    clock = VirtualClock()

    async def codes(account: SimSmsConfig, *messages: Rendered) -> list[str]:
        async with lines(account, clock=clock) as wired:
            return [(await wired.aliyun.send(PHONE, message, "r")).code for message in messages]

    assert await codes(replace(QUICK, daily_cap=1), REMIND, REMIND) == ["OK", "isv.DAY_LIMIT_CONTROL"]
    assert await codes(replace(QUICK, monthly_cap=1), REMIND, REMIND) == ["OK", "isv.MONTH_LIMIT_CONTROL"]
    assert await codes(replace(QUICK, queries_per_second=1), REMIND, REMIND) == ["OK", "Throttling.User"]
    many = replace(QUICK, code_limits={}, number_daily=2)
    assert await codes(many, CODE, CODE, CODE) == ["OK", "OK", "isv.BUSINESS_LIMIT_CONTROL"]
    marketing = Rendered(template_code="1003")
    both = replace(QUICK, notice_daily=1)
    assert await codes(both, REMIND, marketing, REMIND, marketing) == [
        "OK",
        "OK",
        "isv.BUSINESS_LIMIT_CONTROL",
        "isv.BUSINESS_LIMIT_CONTROL",
    ]


async def test_the_numbers_are_the_vendors() -> None:
    """1 a minute, 5 an hour, 10 in 24 h; 40 a number; 50 notices: https://help.aliyun.com/document_detail/2881383.html."""
    config = SimSmsConfig()
    assert dict(config.code_limits) == {60.0: 1, 3600.0: 5, 86400.0: 10}
    assert (config.number_daily, config.notice_daily, config.max_numbers) == (40, 50, 1000)
    assert config.push_retries == (60.0, 300.0, 600.0)
    assert (config.receipt_batch, config.queries_per_second) == (100, 5000)


async def test_windows_are_rolling() -> None:
    clock = VirtualClock()
    async with lines(replace(QUICK, notice_daily=1), clock=clock) as wired:
        assert (await wired.aliyun.send(PHONE, REMIND, "1")).code == "OK"
        clock.advance(timedelta(hours=23, minutes=59))
        assert (await wired.aliyun.send(PHONE, REMIND, "2")).retry_after == 86400.0
        clock.advance(timedelta(minutes=2))
        assert (await wired.aliyun.send(PHONE, REMIND, "3")).code == "OK"


def sdk(wired: Lines) -> Any:
    return Client(
        Config(
            access_key_id="demo-key-id",
            access_key_secret="demo-key-secret",
            endpoint=wired.url.removeprefix("http://"),
            protocol="HTTP",
        )
    )


def ask(numbers: str = "13800138000", template: str = "1002", **more: str) -> Any:
    return models.SendSmsRequest(
        phone_numbers=numbers,
        sign_name=SIGN,
        template_code=template,
        template_param=orjson.dumps({"code": "123456"}).decode(),
        **more,
    )


async def test_the_sdk_meets_the_limits() -> None:
    async with lines(QUICK) as wired:
        client = sdk(wired)
        answers = [await client.send_sms_async(ask()) for _ in range(2)]
        assert [one.body.code for one in answers] == ["OK", "isv.BUSINESS_LIMIT_CONTROL"]
        assert answers[1].body.message == "触发分钟级流控Permits:1"
        bad = await client.send_sms_async(ask("12345"))
        assert bad.body.code == "isv.MOBILE_NUMBER_ILLEGAL"
        many = ",".join(f"1390000{n:04d}" for n in range(1001))
        assert (await client.send_sms_async(ask(many))).body.code == "isv.MOBILE_COUNT_OVER_LIMIT"
        wired.sim.rules.out_of_service = True
        assert (await client.send_sms_async(ask("13900000000"))).body.code == "isv.OUT_OF_SERVICE"


async def test_the_sdk_is_throttled() -> None:
    async with lines(replace(QUICK, queries_per_second=0)) as wired:
        with pytest.raises(Exception, match=r"Throttling\.User"):
            await sdk(wired).send_sms_async(ask())


async def test_extend_code_comes_back_with_the_answer() -> None:
    async with lines(QUICK) as wired:
        account = replace(wired.aliyun.account, extend_code="21")
        sender = AliyunSender(account, Clock())
        assert (await sender.send(PHONE, REMIND, "r")).code == "OK"
        await sender.close()
        await wired.sim.user_text(PHONE, "1")
        assert wired.house.messages[0].raw["dest_code"] == "1069018821"
        wrong = AliyunSender(replace(account, extend_code="ab"), Clock())
        assert (await wrong.send(PHONE, REMIND, "r")).code == "isv.EXTEND_CODE_ERROR"
        await wrong.close()


@pytest.mark.parametrize(
    ("state", "code"),
    [({"off": True}, "IS_CLOSED"), ({"blocked": True}, "MOBILE_IN_BLACK"), ({}, "CONTENT_KEYWORD")],
)
async def test_what_does_not_arrive(state: dict[str, bool], code: str) -> None:
    """A phone that is off, a blacklisted number, a filtered word: accepted, reported as failed, never shown."""
    account = QUICK if state else replace(QUICK, keywords=("就诊",))
    async with lines(account) as wired, aiohttp.ClientSession(wired.url) as http:
        if state:
            async with http.post("/_sim/phones/13800138000/state", json=state) as response:
                assert (await response.json(content_type=None))["off"] is state.get("off", False)
        assert (await wired.aliyun.send(PHONE, REMIND, "r")).outcome is Outcome.ACCEPTED
        await until(lambda: wired.house.receipts)
        assert [(one.ok, one.code) for one in wired.house.receipts] == [(False, code)]
        assert wired.texts() == []
        async with http.post("/_sim/phones/13800138000/state", json={"asleep": True}) as response:
            assert response.status == 400


async def test_an_unclear_send_is_looked_up() -> None:
    """Accepted and answered with 502: the details know it, waiting first, then delivered; a failure is told apart."""
    clock = VirtualClock()
    async with lines(replace(QUICK, receipt_delay=0.2), clock=clock) as wired:
        day = clock.local().date()
        for ref, blocked, outcome in (("a", False, Outcome.ACCEPTED), ("b", True, Outcome.REFUSED)):
            wired.sim.handsets.set_state(PHONE, blocked=blocked)
            wired.sim.faults.add(Fault("http_after", value=502))
            assert (await wired.aliyun.send(PHONE, REMIND, ref)).outcome is Outcome.UNCERTAIN
            assert (
                await wired.aliyun.resolve(PHONE, ref, day) is Outcome.ACCEPTED
            )  # on its way, so the vendor has it
            await until(lambda: len(wired.house.receipts) == (2 if blocked else 1))  # noqa: B023
            assert await wired.aliyun.resolve(PHONE, ref, day) is outcome
        assert await wired.aliyun.resolve(PHONE, "never-sent", day) is None
        assert await wired.aliyun.resolve(PHONE, "a", day - timedelta(days=1)) is None
        wired.sim.faults.add(Fault("http", value=500))
        assert await wired.aliyun.resolve(PHONE, "a", day) is None


async def test_looking_up_reads_further_pages() -> None:
    clock = VirtualClock()
    async with lines(replace(QUICK, notice_daily=200), clock=clock) as wired:
        for n in range(DETAILS_PAGE + 1):
            await wired.aliyun.send(PHONE, REMIND, f"ref-{n}")
        assert await wired.aliyun.resolve(PHONE, "ref-0", clock.local().date()) is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [
        (200, b'{"code":0,"msg":"x"}', True),
        (200, b'{"code":"0"}', False),
        (200, b'{"code":1}', False),
        (200, b'{"code":false}', False),
        (200, b"success", False),
        (200, b"[]", False),
        (500, b'{"code":0}', False),
    ],
)
def test_an_answer_must_be_the_number_zero(status: int, body: bytes, taken: bool) -> None:
    judge: Callable[[int, bytes], bool] = numeric_answer("code")
    assert judge(status, body) is taken


async def test_one_handset_for_all_vendors() -> None:
    """Whoever wrote last gets the answer; the phone shows all of them."""
    async with lines(QUICK) as wired:
        await wired.aliyun.send(PHONE, REMIND, "1")
        await wired.sim.user_text(PHONE, "1")
        await wired.tencent.send(PHONE, REMIND, "2")
        await wired.sim.user_text(PHONE, "2")
        await wired.twilio.send(PHONE, Rendered(text="您好"), "3")
        await wired.sim.user_text(PHONE, "3")
        assert [(one.account_id, one.text) for one in wired.house.messages] == [
            ("ali", "1"),
            ("ten", "2"),
            ("twi", "3"),
        ]
        assert len(wired.texts()) == 3
        wired.sim.reset()
        assert wired.texts() == []
        assert (await wired.tencent.send(PHONE, REMIND, "4")).outcome is Outcome.ACCEPTED


async def test_early_report_is_there_before_the_answer() -> None:
    async with lines(QUICK) as wired:
        wired.sim.faults.add(Fault("early_receipt"))
        await wired.aliyun.send(PHONE, REMIND, "r")
        assert [one.client_ref for one in wired.house.receipts] == ["r"]


def test_a_file_configures_every_vendor() -> None:
    app = sms_app(
        {
            "up_url": "http://127.0.0.1:9/up",
            "push_retries": [1, 2],
            "code_limits": {"60": 2},
            "tencent": {"sdk_app_ids": ["1"], "phone_limits": {"30": 3}},
            "twilio": {"numbers": [ABROAD]},
        }
    )
    config = app.state.sim.config
    assert config.push_retries == (1, 2)
    assert dict(config.code_limits) == {60.0: 2}
    assert (config.tencent.sdk_app_ids, dict(config.tencent.phone_limits)) == (("1",), {30.0: 3})
    assert config.twilio.numbers == (ABROAD,)
