"""What every vendor's code means for the message that got it: the table, code by code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tencentcloud.sms.v20210111 import errorcodes  # type: ignore[import-untyped]

from channels.ports import Outcome, SendResult
from channels.sms import tencent_codes
from channels.sms.aliyun import AliyunSender
from channels.sms.transport import Answer
from channels.sms.twilio import TwilioSender
from store.clock import VirtualClock
from tests.channels.simulator.sms_lines import ALIYUN, TWILIO

NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)  # 21:00 in China
CLOCK = VirtualClock()
CLOCK.freeze(NOW)
MIDNIGHT, EIGHT = 3 * 3600.0, 11 * 3600.0
RETRY, REFUSED, UNCERTAIN = Outcome.RETRY, Outcome.REFUSED, Outcome.UNCERTAIN
Row = tuple[str, Outcome, float, str]
"""Code, outcome, seconds to wait, what is stopped: `number`, `account` or nothing."""

TENCENT: list[Row] = [
    ("LimitExceeded.PhoneNumberThirtySecondLimit", RETRY, 30.0, ""),
    ("LimitExceeded.PhoneNumberOneHourLimit", RETRY, 3600.0, ""),
    ("LimitExceeded.PhoneNumberDailyLimit", RETRY, MIDNIGHT, ""),
    ("LimitExceeded.PhoneNumberSameContentDailyLimit", RETRY, MIDNIGHT, ""),
    ("LimitExceeded.DeliveryFrequencyLimit", RETRY, 60.0, ""),
    ("LimitExceeded.AppDailyLimit", RETRY, MIDNIGHT, ""),
    ("LimitExceeded.PhoneNumberCountLimit", REFUSED, 0.0, ""),
    ("RequestLimitExceeded", RETRY, 2.0, ""),
    ("RequestLimitExceeded.UinLimitExceeded", RETRY, 2.0, ""),
    ("FailedOperation.TemplateIncorrectOrUnapproved", REFUSED, 0.0, ""),
    ("FailedOperation.SignatureIncorrectOrUnapproved", REFUSED, 0.0, ""),
    ("FailedOperation.PhoneNumberInBlacklist", REFUSED, 0.0, "number"),
    ("FailedOperation.ContainSensitiveWord", REFUSED, 0.0, ""),
    ("FailedOperation.MarketingSendTimeConstraint", RETRY, EIGHT, ""),
    ("FailedOperation.InsufficientBalanceInSmsPackage", REFUSED, 0.0, "account"),
    ("FailedOperation.TemplateParamSetNotMatchApprovedTemplate", REFUSED, 0.0, ""),
    ("InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", REFUSED, 0.0, ""),
    ("InvalidParameterValue.TemplateParameterLengthLimit", REFUSED, 0.0, ""),
    ("InvalidParameterValue.ContentLengthLimit", REFUSED, 0.0, ""),
    ("InvalidParameterValue.IncorrectPhoneNumber", REFUSED, 0.0, "number"),
    ("AuthFailure.SignatureFailure", REFUSED, 0.0, "account"),
    ("AuthFailure.SignatureExpire", REFUSED, 0.0, "account"),
    ("InternalError.Timeout", UNCERTAIN, 0.0, ""),
    ("InternalError.SendAndRecvFail", UNCERTAIN, 0.0, ""),
    ("SomethingNew", REFUSED, 0.0, ""),
]


def check(result: SendResult, row: Row) -> None:
    code, outcome, wait, stops = row
    assert (result.outcome, result.code, result.retry_after) == (outcome, code, wait)
    assert result.stop_contact == (stops == "number")
    assert result.stop_channel == (stops == "account")
    assert result.next_rung == (outcome is not UNCERTAIN)


@pytest.mark.parametrize("row", TENCENT, ids=[row[0] for row in TENCENT])
def test_tencent(row: Row) -> None:
    check(tencent_codes.verdict(row[0], "why", NOW), row)


def test_tencents_names_are_the_sdks() -> None:
    """Whatever we name is a code the vendor's SDK knows, or a common one of all its services."""
    known = {value for name, value in vars(errorcodes).items() if name.isupper()}
    common = {"RequestLimitExceeded", "InternalError", "AuthFailure"}
    exact = {*tencent_codes.WAITS, *tencent_codes.UNTIL_HOUR, *tencent_codes.STOPS, *tencent_codes.UNCLEAR}
    assert exact - known - common == set()
    prefixes = {*tencent_codes.ALERTS, *tencent_codes.ACCOUNT}
    assert [one for one in prefixes - common if not any(name.startswith(one) for name in known)] == []


ALIYUN_ROWS: list[tuple[str, int, Row]] = [
    # what it says, HTTP status, what is made of it
    ("触发分钟级流控Permits:1", 200, ("isv.BUSINESS_LIMIT_CONTROL", RETRY, 60.0, "")),
    ("触发小时级流控Permits:5", 200, ("isv.BUSINESS_LIMIT_CONTROL", RETRY, 3600.0, "")),
    ("触发天级流控Permits:10", 200, ("isv.BUSINESS_LIMIT_CONTROL", RETRY, 86400.0, "")),
    ("", 200, ("isv.DAY_LIMIT_CONTROL", RETRY, MIDNIGHT, "")),
    ("", 200, ("isv.MONTH_LIMIT_CONTROL", REFUSED, 0.0, "")),
    ("", 200, ("isv.SMS_TEMPLATE_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isv.SMS_SIGNATURE_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isv.SIGN_STATE_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isv.SMS_SIGNATURE_SCENE_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isv.TEMPLATE_MISSING_PARAMETERS", REFUSED, 0.0, "")),
    ("", 200, ("isv.TEMPLATE_PARAMS_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isv.PARAM_LENGTH_LIMIT", REFUSED, 0.0, "")),
    ("", 200, ("isv.BLACK_KEY_CONTROL_LIMIT", REFUSED, 0.0, "")),
    ("", 200, ("isv.MOBILE_NUMBER_ILLEGAL", REFUSED, 0.0, "number")),
    ("", 200, ("isv.MOBILE_COUNT_OVER_LIMIT", REFUSED, 0.0, "")),
    ("", 200, ("isv.EXTEND_CODE_ERROR", REFUSED, 0.0, "")),
    ("", 200, ("isv.OUT_OF_SERVICE", REFUSED, 0.0, "account")),
    ("", 200, ("isv.SMS_CONTENT_ILLEGAL", REFUSED, 0.0, "")),
    ("", 200, ("isp.RAM_PERMISSION_DENY", REFUSED, 0.0, "account")),
    ("", 200, ("isv.DENY_IP_RANGE", REFUSED, 0.0, "account")),
    ("", 400, ("SignatureDoesNotMatch", REFUSED, 0.0, "account")),
    ("", 400, ("Throttling.User", RETRY, 2.0, "")),
    ("", 200, ("isp.SYSTEM_ERROR", RETRY, 5.0, "")),
    ("", 500, ("ServiceUnavailable", UNCERTAIN, 0.0, "")),
]


@pytest.mark.parametrize(
    ("says", "status", "row"), ALIYUN_ROWS, ids=[f"{r[0]}{r[2][0]}" for r in ALIYUN_ROWS]
)
def test_aliyun(says: str, status: int, row: Row) -> None:
    sender = AliyunSender(ALIYUN, CLOCK)
    check(sender._send_result(Answer(status, {"Code": row[0], "Message": says})), row)


TWILIO_ROWS: list[tuple[int, Row]] = [
    (400, ("21610", REFUSED, 0.0, "number")),
    (400, ("21211", REFUSED, 0.0, "number")),
    (400, ("21614", REFUSED, 0.0, "number")),
    (400, ("21408", REFUSED, 0.0, "")),
    (400, ("21608", REFUSED, 0.0, "")),
    (401, ("20003", REFUSED, 0.0, "account")),
    (401, ("20005", REFUSED, 0.0, "account")),
    (403, ("20008", REFUSED, 0.0, "account")),
    (400, ("21212", REFUSED, 0.0, "account")),
    (400, ("21603", REFUSED, 0.0, "account")),
    (400, ("21606", REFUSED, 0.0, "account")),
    (400, ("21659", REFUSED, 0.0, "account")),
    (400, ("21660", REFUSED, 0.0, "account")),
    (400, ("30002", REFUSED, 0.0, "account")),
    (429, ("20429", RETRY, 2.0, "")),
    (400, ("21611", RETRY, 60.0, "")),
    (429, ("63038", RETRY, MIDNIGHT, "")),
    (500, ("20500", UNCERTAIN, 0.0, "")),
]


@pytest.mark.parametrize(("status", "row"), TWILIO_ROWS, ids=[row[1][0] for row in TWILIO_ROWS])
def test_twilio(status: int, row: Row) -> None:
    answer = Answer(status, {"code": int(row[0]), "message": "why", "status": status})
    check(TwilioSender(TWILIO, CLOCK)._send_result(answer), row)


def test_twilio_says_failed_at_once() -> None:
    answer = Answer(201, {"sid": "SM1", "status": "failed", "error_code": 30004})
    result = TwilioSender(TWILIO, CLOCK)._send_result(answer)
    assert (result.outcome, result.code) == (REFUSED, "30004")
