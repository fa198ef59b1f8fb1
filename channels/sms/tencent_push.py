"""What Tencent Cloud pushes to us, unsigned: delivery reports as an array, a patient's answer as a single object.

https://cloud.tencent.com/document/api/382/59178 (status), 59179 (reply). Anything but our exact answer is repeated twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels.chinatime import read_stamp
from channels.ports import ChannelName, Inbound, Receipt
from channels.sms.numbers import to_e164
from channels.sms.push import JsonCallbacks, Unreadable, digest, text_of

TEXT_LIMIT = 5000


class TencentCallbacks(JsonCallbacks):
    """Implements `Callbacks`."""

    accepted = b'{"result":0,"errmsg":"OK"}'
    single_reply = True

    def _inbound(self, item: Mapping[str, Any]) -> Inbound:
        """A reply has no number of its own: its key is a digest of sender, second and text."""
        number = _number(item)
        content = text_of(item, "text", TEXT_LIMIT)
        stamp = text_of(item, "time", 20)
        return Inbound(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            address=number,
            vendor_key="up:h:" + digest(number, stamp, content),
            kind="text",
            text=content,
            sent_at=_moment(stamp) or self._clock.now(),
            raw=dict(item),
        )

    def _receipt(self, item: Mapping[str, Any]) -> Receipt:
        """`ext` is the SessionContext, only for accounts it was opened for; `sid` the SerialNo of the send."""
        vendor_id, client_ref = text_of(item, "sid", 120), text_of(item, "ext", 512)
        if not vendor_id and not client_ref:
            raise Unreadable("neither sid nor ext")
        status = text_of(item, "report_status", 16)
        if status not in ("SUCCESS", "FAIL"):
            raise Unreadable("report_status is neither SUCCESS nor FAIL")
        return Receipt(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            vendor_id=vendor_id,
            client_ref=client_ref,
            ok=status == "SUCCESS",
            code=text_of(item, "errmsg", 64),
            at=read_stamp(text_of(item, "user_receive_time", 32)),
        )


def _number(item: Mapping[str, Any]) -> str:
    nation, mobile = text_of(item, "nationcode", 8), text_of(item, "mobile", 32)
    number = to_e164(f"+{nation.lstrip('+')}{mobile}" if nation and not mobile.startswith("+") else mobile)
    if number is None:
        raise Unreadable("mobile is no number")
    return number


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
