"""Alibaba Cloud's side of the phones: its RPC API with ACS3 checked, and both callbacks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
from fastapi import Request, Response

from channels.chinatime import CHINA
from channels.simulator.faults import Faults
from channels.simulator.sms_faults import API_FAULTS, after, before
from channels.simulator.sms_handsets import Fate, Handsets, UpResult
from channels.simulator.sms_push import Item, Pusher, PushRules, Reports, numeric_answer
from channels.simulator.sms_rules import Sent, SmsRefusal, SmsRules
from channels.simulator.sms_templates import Reviewers
from channels.sms.numbers import to_e164
from store.clock import Clock

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2017-05-25"
JSON = {"Content-Type": "application/json;charset=UTF-8"}
STATUS = {"waiting": 1, "failed": 2, "delivered": 3}
Action = Callable[[Mapping[str, str]], dict[str, Any]]


class AliyunLine:
    """Implements `Line`. `rules` is replaced when the simulator starts again."""

    name = "aliyun"

    def __init__(
        self,
        rules: SmsRules,
        up_url: str,
        report_url: str,
        handsets: Handsets,
        pusher: Pusher,
        faults: Faults,
        clock: Clock,
        request_clock: Clock,
    ) -> None:
        self.rules, self.up_url, self.report_url = rules, up_url, report_url
        self._handsets, self._pusher, self._faults = handsets, pusher, faults
        self._clock, self._request_clock = clock, request_clock
        config = rules.config
        self._push = PushRules(config.push_retries, config.push_timeout, numeric_answer("code"))
        self.reports = Reports(
            pusher, faults, self._send_reports, delay=config.receipt_delay, batch=config.receipt_batch
        )
        self._sequence = time.time_ns() // 1_000_000 * 1000
        self._nonces: dict[str, float] = {}
        self.actions: dict[str, Action] = {
            "SendSms": self.send,
            "SendBatchSms": self.send_batch,
            "QuerySendDetails": self.details,
        }
        self.actions = Reviewers(lambda: self.rules, clock).actions(self.actions)

    # -- the patient

    async def up(self, number: str, text: str) -> UpResult:
        if text.strip().upper() in self.rules.config.opt_out_words:
            self.rules.blacklist.add(number)
        self._sequence += 1
        item = {
            "phone_number": number.removeprefix("+86"),
            "send_time": self.stamp(),
            "content": text,
            "sign_name": self.rules.last_sign.get(number, next(iter(self.rules.signs), "")),
            "dest_code": self.rules.config.dest_code + self.rules.last_extend.get(number, ""),
            "sequence_id": self._sequence,
        }
        return await self._pusher.post(self.up_url, orjson.dumps([item]), JSON, self._push)

    # -- the API

    async def serve(self, request: Request) -> Response:
        """One RPC call."""
        body = await request.body()
        action = request.headers.get("x-acs-action") or request.query_params.get("Action", "")
        fault = self._faults.take(API_FAULTS, action) if self._faults else None
        early = await before(fault)
        if early is not None:
            return early
        try:
            self._authenticate(request, body)
            if action not in self.actions or request.headers.get("x-acs-version") != VERSION:
                raise SmsRefusal("InvalidAction.NotFound", "Specified api is not found.", 404)
            caller = request.client.host if request.client else ""
            self.rules.admit(action, caller, self._request_clock.now().timestamp())
            if fault is not None and fault.kind == "errcode":
                raise SmsRefusal(str(fault.value or "isp.SYSTEM_ERROR"), "系统错误")
            answer = self.actions[action](_fields(request, body))
        except SmsRefusal as refusal:
            return _answer({"Code": refusal.code, "Message": refusal.message}, refusal.status)
        await self.reports.early()
        late = await after(fault)
        return late if late is not None else _answer(answer, 200)

    def send(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """SendSms: shows the message on the handsets and schedules the reports."""
        sent = self.rules.send(fields)
        for message in sent:
            opted_out = message.kind == "marketing" and message.number in self.rules.blacklist
            fate: Fate = "blocked"
            if not opted_out:
                fate = self._handsets.show(message.number, message.text, message.parts, self.name)
            self._report(message, fate)
        return {"Code": "OK", "Message": "OK", "BizId": sent[0].biz_id}

    def send_batch(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """SendBatchSms: arrays of numbers, signatures and variables, at most 100."""
        try:
            numbers = orjson.loads(fields.get("PhoneNumberJson", ""))
            signs = orjson.loads(fields.get("SignNameJson", ""))
            params = orjson.loads(fields.get("TemplateParamJson", "") or b"[]") or [{}] * len(numbers)
        except (orjson.JSONDecodeError, TypeError):
            raise SmsRefusal("isv.INVALID_JSON_PARAM", "参数格式错误") from None
        if not all(isinstance(given, list) for given in (numbers, signs, params)):
            raise SmsRefusal("isv.INVALID_JSON_PARAM", "参数格式错误")
        if not 1 <= len(numbers) <= 100 or not len(numbers) == len(signs) == len(params):
            raise SmsRefusal("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
        answer: dict[str, Any] = {}
        for number, sign, values in zip(numbers, signs, params, strict=True):
            given = {
                "PhoneNumbers": str(number),
                "SignName": str(sign),
                "TemplateParam": orjson.dumps(values).decode(),
            }
            answer = self.send(
                {"TemplateCode": fields.get("TemplateCode", ""), "OutId": fields.get("OutId", "")} | given
            )
        return answer

    def details(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """QuerySendDetails: the messages of one number and day, newest first."""
        number, day = to_e164(fields.get("PhoneNumber", "")), fields.get("SendDate", "")
        found = [
            message
            for message in reversed(self.rules.accepted)
            if message.number == number
            and datetime.fromtimestamp(message.at, CHINA).strftime("%Y%m%d") == day
            and fields.get("BizId", message.biz_id) == message.biz_id
        ]
        given = fields.get("PageSize", "10"), fields.get("CurrentPage", "1")
        if not all(text.isdecimal() and 1 <= int(text) <= 50 for text in given):
            raise SmsRefusal("isv.INVALID_PARAMETERS", "参数异常")
        size, page = int(given[0]), int(given[1])
        rows = [
            {
                "PhoneNum": message.number.removeprefix("+86"),
                "Content": message.text,
                "OutId": message.out_id,
                "SendDate": self.stamp(message.at),
                "ReceiveDate": self.stamp(message.at) if message.status != "waiting" else "",
                "SendStatus": STATUS[message.status],
                "ErrCode": message.code,
            }
            for message in found[(page - 1) * size : page * size]
        ]
        return {
            "Code": "OK",
            "Message": "OK",
            "TotalCount": len(found),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows},
        }

    # -- reports

    def _report(self, message: Sent, fate: Fate) -> None:
        fault = self.reports.fault()
        config = self.rules.config
        code = {
            "delivered": "DELIVERED",
            "blocked": config.blocked_code,
            "off": config.off_code,
            "keyword": config.keyword_code,
        }[fate]
        if fault is not None and fault.kind == "failed_receipt":
            fate, code = "off", str(fault.value or "UNDELIV")
        ok = fate == "delivered"
        message.code = code

        def settle() -> None:
            message.status = "delivered" if ok else "failed"

        asyncio.get_running_loop().call_later(config.receipt_delay, settle)
        if not self.report_url:
            return
        item = {
            "phone_number": message.number.removeprefix("+86"),
            "send_time": self.stamp(message.at),
            "report_time": self.stamp(),
            "success": ok,
            "err_code": code,
            "err_msg": "用户接收成功" if ok else "用户接收失败",
            "sms_size": str(message.parts),
            "biz_id": message.biz_id,
            "out_id": message.out_id,
        }
        self.reports.add(item, fault)

    async def _send_reports(self, items: list[Item]) -> UpResult:
        return await self._pusher.post(self.report_url, orjson.dumps(items), JSON, self._push)

    def stamp(self, at: float | None = None) -> str:
        """The vendor's way to write a time; `at` in seconds since 1970, default now."""
        moment = self._clock.now() if at is None else datetime.fromtimestamp(at, CHINA)
        return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")

    # -- signatures

    def _authenticate(self, request: Request, body: bytes) -> None:
        """ACS3-HMAC-SHA256 over the request as it came."""
        header = request.headers.get("authorization", "")
        if not header.startswith(ALGORITHM + " "):
            raise SmsRefusal("MissingAuthorization", "Authorization is mandatory for this action.", 400)
        given = dict(
            part.strip().split("=", 1) for part in header[len(ALGORITHM) + 1 :].split(",") if "=" in part
        )
        secret = self.rules.config.access_keys.get(given.get("Credential", ""))
        if secret is None:
            raise SmsRefusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        names = given.get("SignedHeaders", "").split(";")
        body_hash = hashlib.sha256(body).hexdigest()
        must = {"host", "x-acs-action", "x-acs-date", "x-acs-version", "x-acs-content-sha256"}
        wanted = _signature(secret, request, names, body_hash)
        sound = must <= set(names) and request.headers.get("x-acs-content-sha256") == body_hash
        if not sound or not hmac.compare_digest(wanted.encode(), given.get("Signature", "").encode()):
            raise SmsRefusal(
                "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 400
            )
        self._fresh(request)

    def _fresh(self, request: Request) -> None:
        now = self._request_clock.now().timestamp()
        try:
            date = datetime.fromisoformat(request.headers.get("x-acs-date", "")).timestamp()
        except ValueError:
            raise SmsRefusal(
                "InvalidTimeStamp.Format", "Specified time stamp is not well formatted.", 400
            ) from None
        skew = self.rules.config.max_skew
        if abs(now - date) > skew:
            raise SmsRefusal(
                "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.", 400
            )
        nonce = request.headers.get("x-acs-signature-nonce", "")
        while self._nonces and (oldest := next(iter(self._nonces.items())))[1] <= now - skew:
            del self._nonces[oldest[0]]
        if nonce in self._nonces:
            raise SmsRefusal("SignatureNonceUsed", "Specified signature nonce was used already.", 400)
        self._nonces[nonce] = now


def _signature(secret: str, request: Request, names: list[str], body_hash: str) -> str:
    pairs = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(pairs))
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    canonical = "\n".join((request.method, request.url.path, query, headers, ";".join(names), body_hash))
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _fields(request: Request, body: bytes) -> dict[str, str]:
    fields = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return fields


def _answer(answer: dict[str, Any], status: int) -> Response:
    content = answer | {"RequestId": str(uuid.uuid4()).upper()}
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")
