"""Tencent Cloud's side of the phones: TC3 checked, SendSms and PullSmsSendStatusByPhoneNumber, both callbacks.

Errors carry Content-Type application/json exactly: the vendor's SDK reads no error from anything else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request, Response

from channels.chinatime import CHINA
from channels.simulator.faults import Fault, Faults
from channels.simulator.sms_faults import API_FAULTS, after, before
from channels.simulator.sms_handsets import Fate, Handsets, UpResult
from channels.simulator.sms_push import Item, Pusher, PushRules, Reports, numeric_answer
from channels.simulator.sms_tencent_rules import SimTencentConfig, TencentRefusal, TencentRules, TencentSent
from store.clock import Clock

VERSION = "2021-01-11"
JSON = {"Content-Type": "application/json"}
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


class TencentLine:
    """Implements `Line`."""

    name = "tencent"

    def __init__(
        self,
        config: SimTencentConfig,
        rules: TencentRules,
        handsets: Handsets,
        pusher: Pusher,
        faults: Faults,
        clock: Clock,
        request_clock: Clock,
    ) -> None:
        self.config, self.rules = config, rules
        self._handsets, self._pusher, self._faults = handsets, pusher, faults
        self._clock, self._request_clock = clock, request_clock
        self._push = PushRules(config.push_retries, config.push_timeout, numeric_answer("result"))
        self.reports = Reports(
            pusher, faults, self._send_reports, delay=config.receipt_delay, batch=config.receipt_batch
        )

    async def up(self, number: str, text: str) -> UpResult:
        last = next((one for one in reversed(self.rules.sent) if one.number == number), None)
        item = {
            "extend": last.extend if last else "",
            "mobile": number.removeprefix("+86"),
            "nationcode": "86",
            "sign": last.sign if last else "",
            "text": text,
            "time": int(self._clock.now().timestamp()),
        }
        return await self._pusher.post(self.config.up_url, orjson.dumps(item), JSON, self._push)

    async def serve(self, request: Request) -> Response:
        """One call of the API."""
        payload = await request.body()
        action = request.headers.get("x-tc-action", "")
        fault = self._faults.take(API_FAULTS, action) if self._faults else None
        early = await before(fault)
        if early is not None:
            return early
        try:
            self._authenticate(request, payload)
            response = self._act(action, request, payload, fault)
        except TencentRefusal as refusal:
            response = {"Error": {"Code": refusal.code, "Message": refusal.message}}
        await self.reports.early()
        late = await after(fault)
        if late is not None:
            return late
        content = {"Response": response | {"RequestId": str(uuid.uuid4())}}
        return Response(orjson.dumps(content), headers=JSON)

    def _act(self, action: str, request: Request, payload: bytes, fault: Fault | None) -> dict[str, Any]:
        if request.headers.get("x-tc-version") != VERSION:
            raise TencentRefusal("NoSuchVersion", "The version does not exist.")
        if action not in ("SendSms", "PullSmsSendStatusByPhoneNumber"):
            raise TencentRefusal("InvalidAction", "The action does not exist.")
        try:
            body = orjson.loads(payload)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise TencentRefusal("InvalidParameter", "The body is no JSON object.")
        if fault is not None and fault.kind == "errcode":
            return self._ordered(str(fault.value or "InternalError.OtherError"), body)
        if action == "PullSmsSendStatusByPhoneNumber":
            return {"PullSmsSendStatusSet": self.rules.statuses(body)}
        return {"SendStatusSet": [self._shown(*one) for one in self.rules.send(body)]}

    def _ordered(self, code: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The code a fault asks for, where the vendor would put it."""
        if not code.startswith(("LimitExceeded.", "FailedOperation.", "InvalidParameterValue.")):
            raise TencentRefusal(code, code.split(".")[-1])
        numbers = body.get("PhoneNumberSet") or [""]
        return {
            "SendStatusSet": [
                {"SerialNo": "", "PhoneNumber": one, "Fee": 0, "Code": code, "Message": code.split(".")[-1]}
                for one in numbers
            ]
        }

    def _shown(self, status: dict[str, Any], message: TencentSent | None) -> dict[str, Any]:
        if message is not None:
            self._report(message, self._handsets.show(message.number, message.text, message.parts, self.name))
        return status

    def _report(self, message: TencentSent, fate: Fate) -> None:
        fault = self.reports.fault()
        code = {
            "delivered": "DELIVRD",
            "blocked": self.config.blocked_code,
            "off": self.config.off_code,
            "keyword": self.config.keyword_code,
        }[fate]
        if fault is not None and fault.kind == "failed_receipt":
            fate, code = "off", str(fault.value or "UNDELIV")
        ok = fate == "delivered"
        message.status, message.status_at = ("SUCCESS" if ok else "FAIL"), self._clock.now().timestamp()
        if not self.config.report_url:
            return
        item = {
            "user_receive_time": self._clock.now().astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            "nationcode": "86",
            "mobile": message.number.removeprefix("+86"),
            "report_status": message.status,
            "errmsg": code,
            "description": "用户短信送达成功" if ok else "用户短信接收失败",
            "sid": message.serial,
        }
        if self.config.context_in_reports:
            item["ext"] = message.context
        self.reports.add(item, fault)

    async def _send_reports(self, items: list[Item]) -> UpResult:
        return await self._pusher.post(self.config.report_url, orjson.dumps(items), JSON, self._push)

    def _authenticate(self, request: Request, payload: bytes) -> None:
        """TC3-HMAC-SHA256 over the request as it came."""
        given = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        stamp = request.headers.get("x-tc-timestamp", "")
        if given is None or not stamp.isdecimal() or len(stamp) > 12:
            raise TencentRefusal("AuthFailure.InvalidAuthorization", "The Authorization header is malformed.")
        secret = self.config.keys.get(given[1])
        if secret is None:
            raise TencentRefusal("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
        names = given[3].split(";")
        if not {"content-type", "host"} <= set(names) or not hmac.compare_digest(
            _signature(secret, given[2], stamp, names, request, payload), given[4]
        ):
            raise TencentRefusal(
                "AuthFailure.SignatureFailure", "The provided credentials could not be validated."
            )
        if abs(self._request_clock.now().timestamp() - int(stamp)) > self.config.max_skew:
            raise TencentRefusal("AuthFailure.SignatureExpire", "Signature expired.")


def _signature(secret: str, day: str, stamp: str, names: list[str], request: Request, payload: bytes) -> str:
    """Written from https://cloud.tencent.com/document/api/382/52072, apart from the adapter's."""
    lines = "".join(f"{name}:{request.headers.get(name, '').strip().lower()}\n" for name in names)
    canonical = f"POST\n/\n\n{lines}\n{';'.join(names)}\n{hashlib.sha256(payload).hexdigest()}"
    to_sign = (
        f"TC3-HMAC-SHA256\n{stamp}\n{day}/sms/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )

    def keyed(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    return keyed(keyed(keyed(keyed(b"TC3" + secret.encode(), day), "sms"), "tc3_request"), to_sign).hex()
