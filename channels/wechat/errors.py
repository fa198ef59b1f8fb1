"""What WeChat's error codes mean for one message.

Codes: https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html and the
customer-service message page. Waiting times are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from channels.chinatime import until_hour
from channels.ports import Outcome, SendResult

TOKEN_ERRORS = frozenset({40001, 40014, 42001})
"""The access token is wrong, malformed or expired: read it again, once."""
MENU_ERRORS = frozenset({40200, 45098, 45099})
"""This account or this menu cannot be sent as a msgmenu; numbered text can."""
WINDOW_ERRORS = frozenset({45015, 45047})
"""No window, or its count is used up."""
TYPING_ERRORS = frozenset({45072, 45080, 45081})
_RETRY = Outcome.RETRY
_REFUSED = Outcome.REFUSED

TABLE: Mapping[int, SendResult] = {
    -1: SendResult(_RETRY, retry_after=2),
    40001: SendResult(_RETRY, retry_after=60, next_rung=True),
    40014: SendResult(_RETRY, retry_after=60, next_rung=True),
    42001: SendResult(_RETRY, retry_after=60, next_rung=True),
    40003: SendResult(_REFUSED, next_rung=True, stop_contact=True),
    40164: SendResult(_RETRY, retry_after=300, next_rung=True),
    61004: SendResult(_RETRY, retry_after=300, next_rung=True),
    89503: SendResult(_RETRY, retry_after=300, next_rung=True),
    40013: SendResult(_REFUSED, stop_channel=True),
    40125: SendResult(_REFUSED, stop_channel=True),
    40243: SendResult(_REFUSED, stop_channel=True),
    43019: SendResult(_REFUSED, stop_contact=True),
    43117: SendResult(_RETRY, retry_after=60, next_rung=True),
    45011: SendResult(_RETRY, retry_after=60),
    45087: SendResult(_REFUSED, next_rung=True, stop_channel=True),
    48001: SendResult(_REFUSED, next_rung=True, stop_channel=True),
}
"""Rows that differ from `REFUSED, next_rung`."""
ALERT_CODES = frozenset(
    {
        40001,
        40008,
        40013,
        40125,
        40164,
        40037,
        40243,
        41030,
        44004,
        45002,
        45008,
        45009,
        45087,
        47001,
        47003,
        48001,
        61004,
        89503,
    }
)
"""A mistake of ours, of the configuration or a penalty: people must look."""
DAILY_QUOTA = 45009
MINUTE_QUOTA = 45011
STALE_MEDIUM = 40007
"""The medium is older than its three days: upload it again, once."""
SIGN_IN_AGAIN = frozenset({40029, 40163, 42003})
"""A page's code is wrong, used or expired: the browser is sent to sign in once more."""


def closed_until(code: int, now: datetime) -> datetime | None:
    """Until when an endpoint need not be asked again after `code`; None where the next call may go through.

    Daily counters start anew at midnight in China:
    https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html"""
    if code == MINUTE_QUOTA:
        return now + timedelta(seconds=60)
    if code == DAILY_QUOTA:
        return now + timedelta(seconds=until_hour(now, 0))
    return None


@dataclass(frozen=True, slots=True)
class VendorError:
    """An answer with an errcode, or an HTTP status of 300-499 in its place (the request was turned away).
    `detail` is WeChat's errmsg with its rid, as its support asks for it."""

    code: int
    detail: str


def verdict(error: VendorError, now: datetime) -> SendResult:
    """What `error` means for the message that got it."""
    if error.code == DAILY_QUOTA and (midnight := closed_until(error.code, now)) is not None:
        result = SendResult(_RETRY, retry_after=(midnight - now).total_seconds(), next_rung=True)
    else:
        result = TABLE.get(error.code, SendResult(_REFUSED, next_rung=True))
    return replace(result, code=str(error.code), detail=error.detail[:300])
