"""What Alibaba Cloud pushes to us: patients' answers (SmsUp) and delivery reports (SmsReport).

https://help.aliyun.com/document_detail/101867.html: JSON arrays, unsigned, times in UTC+8; anything but our exact answer is
repeated after 1, 5 and 10 minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.chinatime import read_stamp
from channels.ports import ChannelName, Inbound, Receipt
from channels.sms.numbers import to_e164
from channels.sms.push import JsonCallbacks, Unreadable, digest, text_of

TEXT_LIMIT = 5000


class AliyunCallbacks(JsonCallbacks):
    """Implements `Callbacks`."""

    accepted = '{"code":0,"msg":"接收成功"}'.encode()

    def _inbound(self, item: Mapping[str, Any]) -> Inbound:
        """One SmsUp item. Without a sequence_id the key is a digest of number, time and text."""
        number = to_e164(text_of(item, "phone_number", 32))
        if number is None:
            raise Unreadable("phone_number is no number")
        content = text_of(item, "content", TEXT_LIMIT)
        stamp = text_of(item, "send_time", 32)
        sequence = text_of(item, "sequence_id", 64) or "h:" + digest(number, stamp, content)
        return Inbound(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            address=number,
            vendor_key=f"up:{sequence}",
            kind="text",
            text=content,
            sent_at=read_stamp(stamp) or self._clock.now(),
            raw=dict(item),
        )

    def _receipt(self, item: Mapping[str, Any]) -> Receipt:
        """One SmsReport item; `ok` only for `success: true`."""
        vendor_id, client_ref = text_of(item, "biz_id", 64), text_of(item, "out_id", 256)
        if not vendor_id and not client_ref:
            raise Unreadable("neither biz_id nor out_id")
        success = item.get("success")
        if not isinstance(success, bool):
            raise Unreadable("success is missing")
        return Receipt(
            channel=ChannelName.SMS,
            account_id=self.account.account_id,
            vendor_id=vendor_id,
            client_ref=client_ref,
            ok=success,
            code=text_of(item, "err_code", 64),
            at=read_stamp(text_of(item, "report_time", 32)),
        )
