"""What Tencent Cloud's codes mean for the message that got them.

Names: `tencentcloud.sms.v20210111.errorcodes` of the vendor's SDK; meanings:
https://cloud.tencent.com/document/product/382/3771. Waiting times are those of the limit's own name, or ours.
"""

from __future__ import annotations

from datetime import datetime

from channels.chinatime import until_hour
from channels.ports import SendResult
from channels.sms.transport import later, refused, unclear

WAITS = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.PhoneNumberOneHourLimit": 3600.0,
    "LimitExceeded.DeliveryFrequencyLimit": 60.0,
    "LimitExceeded.GlobalSmsSendingRateLimit": 2.0,
    "RequestLimitExceeded": 2.0,
}
"""Seconds before another try."""
UNTIL_HOUR = {
    "LimitExceeded.PhoneNumberDailyLimit": 0,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": 0,
    "LimitExceeded.AppDailyLimit": 0,
    "LimitExceeded.AppMainlandChinaDailyLimit": 0,
    "LimitExceeded.AppGlobalDailyLimit": 0,
    "LimitExceeded.AppCountryOrRegionDailyLimit": 0,
    "LimitExceeded.DailyLimit": 0,
    "FailedOperation.MarketingSendTimeConstraint": 8,
}
"""The hour in China at which it may be tried again: days begin at 0:00, marketing is sent from 8 to 22."""
STOPS = frozenset(
    {
        "FailedOperation.PhoneNumberInBlacklist",
        "FailedOperation.PhoneNumberParseFail",
        "InvalidParameterValue.IncorrectPhoneNumber",
    }
)
"""This number takes nothing, now and later."""
UNCLEAR = frozenset(
    {
        "InternalError",
        "InternalError.OtherError",
        "InternalError.ParseBackendResponseFail",
        "InternalError.SendAndRecvFail",
        "InternalError.Timeout",
        "InternalError.UnknownError",
    }
)
"""The vendor does not know either whether it left."""
ACCOUNT = (
    "AuthFailure",
    "UnauthorizedOperation",
    "FailedOperation.InsufficientBalance",
    "InvalidParameterValue.SdkAppIdNotExist",
)
"""How codes begin that no message of the account survives: wrong keys, missing rights, no money."""
ALERTS = (
    "AuthFailure",
    "UnauthorizedOperation",
    "FailedOperation.InsufficientBalance",
    "FailedOperation.Missing",
    "FailedOperation.NotEnterprise",
    "FailedOperation.Signature",
    "FailedOperation.Template",
    "InternalError.RequestTimeException",
    "InternalError.Sig",
    "InvalidParameter.AppidAndBizId",
    "InvalidParameterValue.SdkAppIdNotExist",
    "LimitExceeded.App",
    "LimitExceeded.DailyLimit",
)
"""How codes begin that mean the account, its keys, signature or templates: every message suffers, people must look."""


def verdict(code: str, detail: str, now: datetime) -> SendResult:
    """`now` is aware; it decides how long "until eight o'clock" is."""
    if code in WAITS or code.split(".")[0] == "RequestLimitExceeded":
        return later(code, detail, WAITS.get(code, 2.0))
    if code in UNTIL_HOUR:
        return later(code, detail, until_hour(now, UNTIL_HOUR[code]))
    if code in UNCLEAR:
        return unclear(code, detail)
    return refused(code, detail, stop=code in STOPS, stop_account=code.startswith(ACCOUNT))
