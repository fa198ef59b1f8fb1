"""Tencent Cloud: our driver, the simulator and the vendor's own SDK over real HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tencentcloud.common import credential  # type: ignore[import-untyped]
from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
    TencentCloudSDKException,
)
from tencentcloud.common.profile.client_profile import ClientProfile  # type: ignore[import-untyped]
from tencentcloud.common.profile.http_profile import HttpProfile  # type: ignore[import-untyped]
from tencentcloud.sms.v20210111 import models, sms_client  # type: ignore[import-untyped]

from channels.ports import Outcome, Rendered
from channels.simulator.faults import Fault
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.sms.template import SmsTemplate, TemplateRegistry
from channels.sms.tencent import TencentSender, params, positional
from store.clock import Clock, VirtualClock
from tests.channels.simulator.serving import until
from tests.channels.simulator.sms_lines import PHONE, SIGN, TEMPLATES, TENCENT, VALUES, Lines, lines

QUICK = SimTencentConfig(receipt_delay=0.02, push_retries=(0.05, 0.05), phone_limits={})
REMIND = Rendered(template_code="1001", variables=VALUES)
CODE = Rendered(template_code="1002", variables={"code": "123456"})


async def test_template_out_report_back_answer_in() -> None:
    async with lines() as wired:
        sent = await wired.tencent.send(PHONE, REMIND, "out-1")
        assert (sent.outcome, sent.code, sent.parts) == (Outcome.ACCEPTED, "Ok", 1)
        assert wired.texts() == [f"【{SIGN}】王女士，11月26日9:20就诊。回1确认 2取消，电话0571-12345678。"]
        await until(lambda: wired.house.receipts)
        receipt = wired.house.receipts[0]
        assert (receipt.vendor_id, receipt.ok, receipt.code) == (sent.vendor_id, True, "DELIVRD")
        assert receipt.account_id == "ten"
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"
        answer = wired.house.messages[0]
        assert (answer.address, answer.text, answer.account_id) == (PHONE, "1", "ten")
        assert answer.raw["sign"] == SIGN


def sdk(wired: Lines, secret_key: str = "demo-secret-key", secret_id: str = "demo-secret-id") -> Any:
    profile = ClientProfile(
        httpProfile=HttpProfile(endpoint=wired.url.removeprefix("http://"), protocol="http")
    )
    keys = credential.Credential(secret_id, secret_key)
    return sms_client.SmsClient(keys, "ap-guangzhou", profile)


def ask(*numbers: str, template: str = "1001", values: tuple[str, ...] = ("王女士", "9:20")) -> Any:
    request = models.SendSmsRequest()
    request.PhoneNumberSet = list(numbers)
    request.SmsSdkAppId, request.SignName = "1400006666", SIGN
    request.TemplateId, request.TemplateParamSet = template, list(values)
    request.SessionContext = "sdk-1"
    return request


async def test_the_vendors_own_sdk_is_served() -> None:
    """Sent; each number its own code; refusals; the wrong key; too many numbers; statuses pulled."""
    async with lines() as wired:
        client = sdk(wired)
        answer = await asyncio.to_thread(client.SendSms, ask(PHONE, "8613900139000", "12345"))
        assert [one.Code for one in answer.SendStatusSet] == [
            "Ok",
            "Ok",
            "InvalidParameterValue.IncorrectPhoneNumber",
        ]
        assert [one.SessionContext for one in answer.SendStatusSet] == ["sdk-1"] * 3
        assert answer.SendStatusSet[0].SerialNo
        assert wired.texts() == [f"【{SIGN}】王女士，9:20就诊。回1确认 2取消，电话0571-12345678。"]
        refused = await asyncio.to_thread(client.SendSms, ask(PHONE, template="1004", values=()))
        assert refused.SendStatusSet[0].Code == "FailedOperation.TemplateIncorrectOrUnapproved"
        for wrong, code in (
            (sdk(wired, secret_key="wrong"), "AuthFailure.SignatureFailure"),
            (sdk(wired, secret_id="nobody"), "AuthFailure.SecretIdNotFound"),
        ):
            with pytest.raises(TencentCloudSDKException) as error:
                await asyncio.to_thread(wrong.SendSms, ask(PHONE))
            assert error.value.get_code() == code
        with pytest.raises(TencentCloudSDKException) as error:
            many = [f"+861390000{n:04d}" for n in range(201)]
            await asyncio.to_thread(client.SendSms, ask(*many))
        assert error.value.get_code() == "LimitExceeded.PhoneNumberCountLimit"
        pull = models.PullSmsSendStatusByPhoneNumberRequest()
        pull.BeginTime, pull.Offset, pull.Limit = 0, 0, 10
        pull.PhoneNumber, pull.SmsSdkAppId = PHONE, "1400006666"
        pulled = await asyncio.to_thread(client.PullSmsSendStatusByPhoneNumber, pull)
        assert [one.ReportStatus for one in pulled.PullSmsSendStatusSet] == ["SUCCESS"]


async def test_the_sdk_meets_the_limits() -> None:
    limited = replace(QUICK, phone_limits={30.0: 1})
    async with lines(tencent=limited) as wired:
        client = sdk(wired)
        codes = [
            (await asyncio.to_thread(client.SendSms, ask(PHONE))).SendStatusSet[0].Code for _ in range(2)
        ]
        assert codes == ["Ok", "LimitExceeded.PhoneNumberThirtySecondLimit"]


async def test_errors_carry_json_exactly() -> None:
    """The SDK reads an error from no other type; what it would miss, we would too."""
    async with (
        lines() as wired,
        aiohttp.ClientSession() as http,
        http.post(wired.url, data=b"{}", headers={"X-TC-Action": "SendSms"}) as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert (await response.json())["Response"]["Error"]["Code"] == "AuthFailure.InvalidAuthorization"


def remind(**change: str) -> Rendered:
    return Rendered(template_code="1001", variables=VALUES | change)


NAMED: list[tuple[Rendered, SimTencentConfig, str]] = [
    # message, account, the code the vendor's rules answer with
    (Rendered(template_code="9"), QUICK, "FailedOperation.TemplateIncorrectOrUnapproved"),
    (Rendered(template_code="1004"), QUICK, "FailedOperation.TemplateIncorrectOrUnapproved"),
    (Rendered(template_code="1001"), QUICK, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
    (remind(name="见www.x.cn"), QUICK, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
    (
        remind(name="王" * 11),
        replace(QUICK, variable_chars=6),
        "InvalidParameterValue.TemplateParameterLengthLimit",
    ),
    (
        Rendered(template_code="1005", variables={"a": "王" * 12}),
        QUICK,
        "InvalidParameterValue.ContentLengthLimit",
    ),
    (
        Rendered(template_code="1002", variables={"code": "12345x"}),
        QUICK,
        "InvalidParameterValue.TemplateParameterFormatError",
    ),
    (REMIND, replace(QUICK, sensitive_words=("就诊",)), "FailedOperation.ContainSensitiveWord"),
    (REMIND, replace(QUICK, balance=0), "FailedOperation.InsufficientBalanceInSmsPackage"),
    (REMIND, replace(QUICK, app_daily=0, sdk_app_ids=("1",)), "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
    (REMIND, replace(QUICK, max_numbers=0), "LimitExceeded.PhoneNumberCountLimit"),
]


@pytest.mark.parametrize(("message", "account", "code"), NAMED, ids=[row[2].split(".")[1] for row in NAMED])
async def test_the_vendors_rules_answer_with_their_codes(
    message: Rendered, account: SimTencentConfig, code: str
) -> None:
    async with lines(tencent=account) as wired:
        result = await wired.tencent.send(PHONE, message, "r")
        assert (result.outcome, result.code, result.next_rung) == (Outcome.REFUSED, code, True)
        assert wired.texts() == []
        assert result.stop_channel == code.startswith(("Unauthorized", "FailedOperation.Insufficient"))


async def test_signature_must_be_approved() -> None:
    config = SimSmsConfig(templates=TEMPLATES, signs={SIGN: "pending"})
    async with lines(config) as wired:
        result = await wired.tencent.send(PHONE, REMIND, "r")
        assert result.code == "FailedOperation.SignatureIncorrectOrUnapproved"


async def test_limits_roll_with_the_clock() -> None:
    """30 seconds, an hour, a day: each refusal waits as long as its own window."""
    clock = VirtualClock()
    account = replace(QUICK, phone_limits={30.0: 1, 3600.0: 2, 86400.0: 3})
    async with lines(tencent=account, clock=clock) as wired:

        async def send() -> tuple[str, float]:
            result = await wired.tencent.send(PHONE, CODE, "r")
            return result.code.removeprefix("LimitExceeded."), result.retry_after

        assert await send() == ("Ok", 0.0)
        assert await send() == ("PhoneNumberThirtySecondLimit", 30.0)
        clock.advance(timedelta(seconds=31))
        assert await send() == ("Ok", 0.0)
        clock.advance(timedelta(seconds=31))
        assert await send() == ("PhoneNumberOneHourLimit", 3600.0)
        clock.advance(timedelta(hours=1))
        assert await send() == ("Ok", 0.0)
        clock.advance(timedelta(hours=1))
        code, wait = await send()
        assert code == "PhoneNumberDailyLimit"
        assert 0 < wait <= 86400
        assert clock.local(clock.now() + timedelta(seconds=wait)).hour in (0, 23)
        clock.advance(timedelta(days=1))
        assert await send() == ("Ok", 0.0)


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (replace(QUICK, same_content_daily=1), "LimitExceeded.PhoneNumberSameContentDailyLimit"),
        (replace(QUICK, app_daily=1), "LimitExceeded.AppDailyLimit"),
        (replace(QUICK, delivery_seconds={600.0: 1}), "LimitExceeded.DeliveryFrequencyLimit"),
    ],
)
async def test_other_limits_wait(account: SimTencentConfig, code: str) -> None:
    async with lines(tencent=account) as wired:
        assert (await wired.tencent.send(PHONE, REMIND, "1")).outcome is Outcome.ACCEPTED
        second = await wired.tencent.send(PHONE, REMIND, "2")
        assert (second.outcome, second.code, second.next_rung) == (Outcome.RETRY, code, True)
        assert second.retry_after > 0


async def test_marketing_waits_for_eight_o_clock() -> None:
    clock = VirtualClock()
    clock.freeze(datetime(2026, 11, 22, 14, 30, tzinfo=UTC))  # 22:30 in China
    async with lines(clock=clock) as wired:
        news = Rendered(template_code="1003")
        result = await wired.tencent.send(PHONE, news, "r")
        assert (result.outcome, result.code) == (
            Outcome.RETRY,
            "FailedOperation.MarketingSendTimeConstraint",
        )
        assert result.retry_after == 9.5 * 3600
        clock.advance(timedelta(seconds=result.retry_after))
        assert (await wired.tencent.send(PHONE, news, "r")).outcome is Outcome.ACCEPTED


async def test_opted_out_number_is_stopped() -> None:
    async with lines() as wired:
        await wired.tencent.send(PHONE, REMIND, "1")
        await wired.sim.user_text(PHONE, "R")
        result = await wired.tencent.send(PHONE, REMIND, "2")
        assert (result.code, result.stop_contact) == ("FailedOperation.PhoneNumberInBlacklist", True)


ORDERED: list[tuple[Fault, Outcome, str, int]] = [
    # fault, outcome, code, messages on the phone
    (Fault("hang_after", value=1), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("http_after", value=502), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("no_errcode"), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("html"), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=500), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=503), Outcome.RETRY, "503", 0),
    (Fault("http", value=404), Outcome.REFUSED, "404", 0),
    (Fault("errcode", value="InternalError.Timeout"), Outcome.UNCERTAIN, "InternalError.Timeout", 0),
    (Fault("errcode", value="RequestLimitExceeded"), Outcome.RETRY, "RequestLimitExceeded", 0),
]


@pytest.mark.parametrize(("fault", "outcome", "code", "shown"), ORDERED)
async def test_faults(
    fault: Fault, outcome: Outcome, code: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.sms.transport.TIMEOUT", aiohttp.ClientTimeout(total=2, sock_read=0.3))
    async with lines() as wired:
        wired.sim.faults.add(replace(fault))
        result = await wired.tencent.send(PHONE, REMIND, "r")
        assert (result.outcome, result.code) == (outcome, code)
        assert len(wired.texts()) == shown


@pytest.mark.parametrize(
    ("kind", "count", "ok"),
    [("duplicate_receipt", 2, True), ("early_receipt", 1, True), ("failed_receipt", 1, False)],
)
async def test_receipt_faults(kind: str, count: int, ok: bool) -> None:
    async with lines() as wired:
        wired.sim.faults.add(Fault(kind))
        await wired.tencent.send(PHONE, REMIND, "r")
        assert len(wired.house.receipts) == (1 if kind == "early_receipt" else 0)
        await until(lambda: len(wired.house.receipts) == count)
        assert {receipt.ok for receipt in wired.house.receipts} == {ok}


async def test_lost_receipt_and_what_becomes_of_it() -> None:
    """Without SessionContext in the vendor's rows an unclear send stays unclear; with it it can be looked up."""
    clock = VirtualClock()
    for context, known in ((False, None), (True, Outcome.ACCEPTED)):
        account = replace(QUICK, context_in_reports=context)
        async with lines(tencent=account, clock=clock) as wired:
            wired.sim.faults.add(Fault("http_after", value=502))
            wired.sim.faults.add(Fault("lost_receipt"))
            assert (await wired.tencent.send(PHONE, REMIND, "out-9")).outcome is Outcome.UNCERTAIN
            day = clock.local().date()
            assert await wired.tencent.resolve(PHONE, "out-9", day) is known
            assert await wired.tencent.resolve(PHONE, "other", day) is None


async def test_answers_repeat_twice_until_stored() -> None:
    async with lines() as wired:
        await wired.tencent.send(PHONE, REMIND, "r")
        wired.house.away = True
        result = await wired.sim.user_text(PHONE, "1")
        assert (result.status, result.deliveries) == ("failed", 3)
        asyncio.get_running_loop().call_later(0.03, setattr, wired.house, "away", False)
        result = await wired.sim.user_text(PHONE, "2")
        assert result.status == "ok"
        assert result.deliveries > 1
        wired.sim.faults.add(Fault("duplicate_push"))
        await wired.sim.user_text(PHONE, "3")
        assert [message.text for message in wired.house.messages] == ["2", "3"]
        assert wired.house.repeats == 1


async def test_wrong_keys_and_stale_clock() -> None:
    async with lines() as wired:
        for change, code in (
            ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
            ({"secret_id": "nobody"}, "AuthFailure.SecretIdNotFound"),
        ):
            account = replace(TENCENT, base_url=wired.url, **change)  # type: ignore[arg-type]
            sender = TencentSender(account, Clock())
            result = await sender.send(PHONE, REMIND, "r")
            assert (result.outcome, result.code, result.stop_channel) == (Outcome.REFUSED, code, True)
            await sender.close()
        late = VirtualClock()
        late.advance(timedelta(seconds=-400))
        sender = TencentSender(replace(TENCENT, base_url=wired.url), late)
        assert (await sender.send(PHONE, REMIND, "r")).code == "AuthFailure.SignatureExpire"
        await sender.close()


async def test_variables_go_out_in_the_order_of_the_text() -> None:
    registry = TemplateRegistry(TEMPLATES)
    async with lines(registry=registry) as wired:
        swapped = Rendered(template_code="1001", variables=dict(reversed(VALUES.items())))
        assert (await wired.tencent.send(PHONE, swapped, "r")).outcome is Outcome.ACCEPTED
        assert "王女士，11月26日9:20就诊" in wired.texts()[0]


def test_positions() -> None:
    text = "${b}好，${a}见。${b}"
    assert positional(text) == "{1}好，{2}见。{1}"
    assert params({"a": "1", "b": "2"}, text) == ["2", "1"]
    assert params({"a": "1", "b": "2"}) == ["1", "2"]


async def test_what_we_refuse_ourselves() -> None:
    registry = TemplateRegistry([*TEMPLATES, SmsTemplate("1006", "ok", "您好${x}。", SIGN)])
    async with lines(registry=registry) as wired:
        for message, code in (
            (Rendered(text="您好"), "template_required"),
            (Rendered(template_code="77"), "template_unknown"),
            (Rendered(template_code="1004"), "template_problem"),
            (Rendered(template_code="1006", variables={"x": "长" * 13}), "variable_too_long"),
        ):
            assert (await wired.tencent.send(PHONE, message, "r")).code == code
        assert (await wired.tencent.send("+12025550123", REMIND, "r")).code == "number_not_supported"
        assert wired.sim.tencent is not None
        assert wired.sim.tencent.rules.sent == []
