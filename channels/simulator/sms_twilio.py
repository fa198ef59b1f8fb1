"""Twilio's side of the phones: Basic auth, the Messages resource, signed status callbacks and incoming messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import FastAPI, Request, Response

from channels.simulator.faults import Faults
from channels.simulator.sms_faults import API_FAULTS, after, before
from channels.simulator.sms_handsets import Fate, Handsets, UpResult
from channels.simulator.sms_push import Item, Pusher, PushRules, Reports
from channels.simulator.sms_twilio_rules import SimTwilioConfig, TwilioRefusal, TwilioRules, TwilioSent

VERSION = "2010-04-01"


class TwilioLine:
    """Implements `Line`."""

    name = "twilio"

    def __init__(
        self, config: SimTwilioConfig, rules: TwilioRules, handsets: Handsets, pusher: Pusher, faults: Faults
    ) -> None:
        self.config, self.rules = config, rules
        self._handsets, self._pusher, self._faults = handsets, pusher, faults
        self._push = PushRules(
            config.push_retries, config.push_timeout, lambda status, _: 200 <= status < 300
        )
        self.reports = Reports(pusher, faults, self._send_reports, delay=config.receipt_delay, batch=1)

    async def up(self, number: str, text: str) -> UpResult:
        self.rules.heard(number, text)
        account = next(iter(self.config.accounts))
        sid = "SM" + secrets.token_hex(16)
        fields = {
            "MessageSid": sid,
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "AccountSid": account,
            "From": number,
            "To": self.config.numbers[0],
            "Body": text,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": VERSION,
        }
        return await self._call(self.config.up_url, fields, account)

    def routes(self, app: FastAPI) -> None:
        @app.post(f"/{VERSION}/Accounts/{{account}}/Messages.json")
        async def create(account: str, request: Request) -> Response:
            body = await request.body()
            fault = self._faults.take(API_FAULTS, "Messages") if self._faults else None
            early = await before(fault)
            if early is not None:
                return early
            try:
                self._authenticate(account, request)
                if fault is not None and fault.kind == "errcode":
                    raise TwilioRefusal(int(fault.seconds(20500)), "ordered")
                message = self.rules.send(account, dict(parse_qsl(body.decode("utf-8", "replace"))))
            except TwilioRefusal as refusal:
                return _error(refusal)
            self._report(message, self._handsets.show(message.to, message.text, message.parts, self.name))
            await self.reports.early()
            late = await after(fault)
            return late if late is not None else _json(describe(message) | {"status": "queued"}, 201)

        @app.get(f"/{VERSION}/Accounts/{{account}}/Messages/{{sid}}.json")
        async def fetch(account: str, sid: str, request: Request) -> Response:
            try:
                self._authenticate(account, request)
                if sid not in self.rules.sent:
                    raise TwilioRefusal(20404, "The requested resource was not found", 404)
            except TwilioRefusal as refusal:
                return _error(refusal)
            return _json(describe(self.rules.sent[sid]), 200)

    def _authenticate(self, account: str, request: Request) -> None:
        token = self.config.accounts.get(account, "")
        wanted = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        given = request.headers.get("authorization", "")
        if not token or not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
            raise TwilioRefusal(20003, "Authenticate", 401)

    def _report(self, message: TwilioSent, fate: Fate) -> None:
        fault = self.reports.fault()
        codes = {
            "blocked": self.config.blocked_code,
            "off": self.config.off_code,
            "keyword": self.config.keyword_code,
        }
        code = codes.get(fate, "")
        if fault is not None and fault.kind == "failed_receipt":
            code = str(fault.value or self.config.off_code)
        message.status, message.error = ("undelivered", int(code)) if code else ("delivered", None)
        if not message.callback:
            return
        if fault is None:
            self._pusher.start(self._send_reports([_state(message, "sent")]))
        self.reports.add(_state(message, message.status), fault)

    async def _send_reports(self, items: list[Item]) -> None:
        for item in items:
            message = self.rules.sent.get(item["MessageSid"])
            if message is not None:
                await self._call(message.callback, item, message.account_sid)

    async def _call(self, url: str, fields: Mapping[str, str], account: str) -> UpResult:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": _signature(self.config.accounts[account], url, fields),
        }
        return await self._pusher.post(url, urlencode(fields).encode(), headers, self._push)


def describe(message: TwilioSent) -> dict[str, Any]:
    """The Message resource."""
    path = f"/{VERSION}/Accounts/{message.account_sid}/Messages/{message.sid}"
    stamp = format_datetime(message.at)
    return {
        "sid": message.sid,
        "account_sid": message.account_sid,
        "api_version": VERSION,
        "body": message.text,
        "date_created": stamp,
        "date_sent": None,
        "date_updated": stamp,
        "direction": "outbound-api",
        "error_code": message.error,
        "error_message": None,
        "from": None if message.service else message.sender,
        "messaging_service_sid": message.service,
        "num_media": "0",
        "num_segments": str(message.parts),
        "price": None,
        "price_unit": "USD",
        "status": message.status,
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": message.to,
        "uri": f"{path}.json",
    }


def _state(message: TwilioSent, status: str) -> dict[str, str]:
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "AccountSid": message.account_sid,
        "From": message.sender,
        "To": message.to,
        "ApiVersion": VERSION,
    }
    if message.error is not None and status == "undelivered":
        fields["ErrorCode"] = str(message.error)
    return fields


def _signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """Written from https://www.twilio.com/docs/usage/security, apart from the adapter's."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _error(refusal: TwilioRefusal) -> Response:
    body = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": refusal.status,
    }
    return _json(body, refusal.status)


def _json(content: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")
