"""Which answers of a vendor stop its account: nothing of it would survive, so nothing of it is tried."""

from __future__ import annotations

from typing import Any

import pytest

from channels.ports import Outcome, SendResult
from channels.sms.aliyun import AliyunAccount, AliyunSender
from channels.sms.tencent_codes import verdict as tencent
from channels.sms.transport import Answer
from channels.wechat.errors import VendorError
from channels.wechat.errors import verdict as wechat
from store.clock import VirtualClock

ALIYUN = AliyunAccount(
    account_id="aliyun",
    access_key_id="id",
    access_key_secret="secret",
    sign="云江示范医院",
    callback_secrets=("a-secret-of-24-characters",),
)


def aliyun(code: str, clock: VirtualClock) -> SendResult:
    body: dict[str, Any] = {"Code": code, "Message": "x"}
    return AliyunSender(ALIYUN, clock)._send_result(Answer(200, body))


@pytest.mark.parametrize("code", [40013, 40125, 40243, 45087, 48001])
def test_wechat_stops_an_account(code: int, clock: VirtualClock) -> None:
    result = wechat(VendorError(code, "x"), clock.now())
    assert (result.outcome, result.stop_channel, result.code) == (Outcome.REFUSED, True, str(code))


@pytest.mark.parametrize("code", [45015, 45047, 43101, 40003, 45009, 40001])
def test_what_is_one_messages_trouble_stops_no_wechat_account(code: int, clock: VirtualClock) -> None:
    assert not wechat(VendorError(code, "x"), clock.now()).stop_channel


@pytest.mark.parametrize(
    ("code", "stops"),
    [
        ("isv.OUT_OF_SERVICE", True),
        ("isp.RAM_PERMISSION_DENY", True),
        ("SignatureDoesNotMatch", True),
        ("isv.AMOUNT_NOT_ENOUGH", True),
        ("isv.MOBILE_NUMBER_ILLEGAL", False),
        ("isv.BUSINESS_LIMIT_CONTROL", False),
        ("isv.SMS_TEMPLATE_ILLEGAL", False),
    ],
)
def test_aliyun(code: str, stops: bool, clock: VirtualClock) -> None:
    assert aliyun(code, clock).stop_channel is stops


@pytest.mark.parametrize(
    ("code", "stops"),
    [
        ("AuthFailure.SignatureFailure", True),
        ("FailedOperation.InsufficientBalanceInSmsPackage", True),
        ("FailedOperation.PhoneNumberInBlacklist", False),
        ("LimitExceeded.PhoneNumberDailyLimit", False),
    ],
)
def test_tencent(code: str, stops: bool, clock: VirtualClock) -> None:
    assert tencent(code, "x", clock.now()).stop_channel is stops
