"""What the Tencent Cloud stand-in enforces: application, signature and templates, variables, numbers, limits. No I/O.

Sources: https://cloud.tencent.com/document/api/382/55981 (SendSms), 382/39023 (templates), 382/3771 (limits and hours), codes:
`tencentcloud.sms.v20210111.errorcodes` of the vendor's SDK.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from channels.chinatime import CHINA
from channels.simulator.sms_handsets import parts_of
from channels.simulator.sms_windows import DAY, HOUR, Windows
from channels.sms.template import SmsTemplate
from store.clock import Clock

_PLACE = re.compile(r"\$\{(\w+)\}")
_URL = re.compile(r"https?:|www\.|\b[a-z0-9-]+\.(?:com|cn|net)\b", re.IGNORECASE)
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")
PHONE_LIMITS = {30.0: "ThirtySecond", HOUR: "OneHour", DAY: "Daily"}


@dataclass(frozen=True, slots=True)
class SimTencentConfig:
    """One simulated account. `up_url` and `report_url` are the hospital's callbacks. Secrets are for demonstration only."""

    up_url: str = ""
    report_url: str = ""
    keys: Mapping[str, str] = field(default_factory=lambda: {"demo-secret-id": "demo-secret-key"}, repr=False)
    """SecretId → SecretKey."""
    sdk_app_ids: tuple[str, ...] = ("1400006666",)
    phone_limits: Mapping[float, int] = field(default_factory=lambda: {30.0: 1, HOUR: 5, DAY: 10})
    """Seconds (30, 3600, 86400) → messages to one number; the console's defaults [M]."""
    same_content_daily: int = 5
    """Messages of one text to one number in 24 h [M]."""
    app_daily: int = 0
    """The application's own cap for a day; 0 is none."""
    delivery_seconds: Mapping[float, int] = field(default_factory=dict)
    """Further windows to one number, refused with DeliveryFrequencyLimit: the console's own rules."""
    balance: int = 1_000_000
    """Parts left in the package."""
    max_numbers: int = 200
    content_chars: int = 500
    """With the signature; 382/39023."""
    variable_chars: int = 12
    """6 for accounts opened since 2024-01-25, more for older ones (errorcodes of the vendor's SDK)."""
    marketing_hours: tuple[int, int] = (8, 22)
    sensitive_words: tuple[str, ...] = ()
    max_skew: float = 300.0
    """Seconds X-TC-Timestamp may differ; AuthFailure.SignatureExpire beyond."""
    context_in_reports: bool = False
    """Whether reports carry SessionContext as `ext`: only for accounts it was opened for."""
    receipt_delay: float = 0.5
    receipt_batch: int = 100
    push_timeout: float = 5.0
    push_retries: tuple[float, ...] = (60.0, 60.0)
    """Two repetitions (382/59178); the spacing is not published [?]."""
    blocked_code: str = "BLACK"
    off_code: str = "MK:0001"
    keyword_code: str = "KEYWORD"
    """Report codes of a blacklisted number, a phone that is off, a filtered word. [M] all three."""


class TencentRefusal(Exception):
    """The whole request is refused: `Response.Error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


@dataclass(slots=True)
class TencentSent:
    """One accepted message to one number (E.164)."""

    number: str
    text: str
    parts: int
    serial: str
    context: str
    extend: str
    sign: str
    at: float
    status: Literal["", "SUCCESS", "FAIL"] = ""
    status_at: float = 0.0


class TencentRules:
    """State and decisions of one account. `templates` and `signs` are the registry all lines share; `opted_out` are numbers
    the vendor does not write to any more."""

    def __init__(
        self,
        config: SimTencentConfig,
        clock: Clock,
        templates: Mapping[str, SmsTemplate],
        signs: Mapping[str, str],
        opted_out: set[str],
    ) -> None:
        self.config, self._clock = config, clock
        self._templates, self._signs, self._opted_out = templates, signs, opted_out
        self._windows = Windows()
        self.balance = config.balance
        self.sent: list[TencentSent] = []

    def send(self, body: Mapping[str, Any]) -> list[tuple[dict[str, Any], TencentSent | None]]:
        """SendSms: each number's SendStatus, with the message when it was accepted."""
        numbers = _strings(body, "PhoneNumberSet")
        if not numbers:
            raise TencentRefusal("MissingParameter.EmptyPhoneNumberSet", "The list of numbers is empty.")
        if len(numbers) > self.config.max_numbers:
            raise TencentRefusal(
                "LimitExceeded.PhoneNumberCountLimit", "More than 200 numbers in one request."
            )
        if str(body.get("SmsSdkAppId", "")) not in self.config.sdk_app_ids:
            raise TencentRefusal(
                "UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId verification failed."
            )
        context = str(body.get("SessionContext") or "")
        if len(context.encode()) >= 512:
            raise TencentRefusal("InvalidParameter.InvalidParameters", "SessionContext is too long.")
        return [self._one(number, body, context) for number in numbers]

    def _one(
        self, given: str, body: Mapping[str, Any], context: str
    ) -> tuple[dict[str, Any], TencentSent | None]:
        sign = str(body.get("SignName") or "")
        status: dict[str, Any] = {
            "SerialNo": "",
            "PhoneNumber": given,
            "Fee": 0,
            "SessionContext": context,
            "IsoCode": "",
        }
        match = _MOBILE.fullmatch(given)
        if match is None:
            return status | _status("InvalidParameterValue.IncorrectPhoneNumber"), None
        number, now = "+86" + match[1], self._clock.now().timestamp()
        code, text, template = self._compose(body, sign)
        code = code or self._refuses(number, text, template, now)
        if code or template is None:
            return status | _status(code), None
        parts = parts_of(text)
        self.balance -= parts
        self._windows.count([("app",), ("phone", number), ("content", number, text)], now)
        serial = f"5000:{secrets.randbelow(10**25):025d}"
        message = TencentSent(
            number, text, parts, serial, context, str(body.get("ExtendCode") or ""), sign, now
        )
        self.sent.append(message)
        ok = {"SerialNo": serial, "Fee": parts, "Code": "Ok", "Message": "send success", "IsoCode": "CN"}
        return status | ok, message

    def _compose(self, body: Mapping[str, Any], sign: str) -> tuple[str, str, SmsTemplate | None]:
        """A code when it may not be said; else the text."""
        template = self._templates.get(str(body.get("TemplateId") or ""))
        if self._signs.get(sign) != "approved":
            return "FailedOperation.SignatureIncorrectOrUnapproved", "", None
        if template is None or template.state != "approved":
            return "FailedOperation.TemplateIncorrectOrUnapproved", "", None
        names = list(dict.fromkeys(_PLACE.findall(template.text)))
        values = _strings(body, "TemplateParamSet")
        if len(values) != len(names):
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "", None
        if any(_URL.search(value) for value in values):
            return "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "", None
        if template.kind == "code" and not all(value.isdecimal() and len(value) <= 6 for value in values):
            return "InvalidParameterValue.TemplateParameterFormatError", "", None
        if any(len(value) > self.config.variable_chars for value in values):
            return "InvalidParameterValue.TemplateParameterLengthLimit", "", None
        named = dict(zip(names, values, strict=True))
        text = f"【{sign}】" + _PLACE.sub(lambda match: named[match[1]], template.text)
        if len(text) > self.config.content_chars:
            return "InvalidParameterValue.ContentLengthLimit", "", None
        if any(word in text for word in self.config.sensitive_words):
            return "FailedOperation.ContainSensitiveWord", "", None
        return "", text, template

    def _refuses(self, number: str, text: str, template: SmsTemplate | None, now: float) -> str:
        used, config = self._windows.used, self.config
        hour = datetime.fromtimestamp(now, UTC).astimezone(CHINA).hour
        begin, end = config.marketing_hours
        if template is not None and template.kind == "marketing" and not begin <= hour < end:
            return "FailedOperation.MarketingSendTimeConstraint"
        if number in self._opted_out:
            return "FailedOperation.PhoneNumberInBlacklist"
        if self.balance < parts_of(text):
            return "FailedOperation.InsufficientBalanceInSmsPackage"
        if config.app_daily and used(("app",), DAY, now) >= config.app_daily:
            return "LimitExceeded.AppDailyLimit"
        for seconds, most in config.phone_limits.items():
            if used(("phone", number), seconds, now) >= most:
                return f"LimitExceeded.PhoneNumber{PHONE_LIMITS.get(seconds, 'Daily')}Limit"
        for seconds, most in config.delivery_seconds.items():
            if used(("phone", number), seconds, now) >= most:
                return "LimitExceeded.DeliveryFrequencyLimit"
        if used(("content", number, text), DAY, now) >= config.same_content_daily:
            return "LimitExceeded.PhoneNumberSameContentDailyLimit"
        return ""

    def statuses(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """PullSmsSendStatusByPhoneNumber: what carriers reported of one number's messages."""
        begin, end = _int(body, "BeginTime", 0), _int(body, "EndTime", 2**53)
        limit = _int(body, "Limit", 100)
        if not 0 <= limit <= 100:
            raise TencentRefusal("InvalidParameterValue.LimitVerifyFail", "Limit is 0 to 100.")
        found = [
            one
            for one in self.sent
            if one.number == body.get("PhoneNumber") and one.status and begin <= one.at <= end
        ]
        return [
            {
                "UserReceiveTime": int(one.status_at),
                "CountryCode": "86",
                "SubscriberNumber": one.number.removeprefix("+86"),
                "PhoneNumber": one.number,
                "SerialNo": one.serial,
                "ReportStatus": one.status,
                "Description": "DELIVRD" if one.status == "SUCCESS" else "UNDELIV",
                "SessionContext": one.context if self.config.context_in_reports else "",
            }
            for one in found[:limit]
        ]


def _status(code: str) -> dict[str, str]:
    return {"Code": code, "Message": code.split(".")[-1]}


def _strings(body: Mapping[str, Any], name: str) -> Sequence[str]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TencentRefusal("InvalidParameter", f"{name} is no array of strings.")
    return value


def _int(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int):
        raise TencentRefusal("InvalidParameter", f"{name} is no integer.")
    return value
