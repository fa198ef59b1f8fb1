"""What Alibaba Cloud pushes to us: patients' answers (SmsUp) and delivery reports (SmsReport).

https://help.aliyun.com/document_detail/101867.html: JSON arrays, unsigned, times in UTC+8; anything but our
exact answer is repeated after 1, 5 and 10 minutes. So: a long secret in the path, whatever is unreadable
quarantined and acknowledged.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from channels.ports import ChannelName, Inbound, InboundSink, Receipt, ReceiptSink, StorageUnavailable
from channels.sms.aliyun import AliyunAccount
from channels.sms.numbers import to_e164
from store.clock import Clock

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
MAX_BODY = 256 * 1024
"""Bytes; a batch holds at most 100 items."""
TEXT_LIMIT = 5000
ACCEPTED = '{"code":0,"msg":"接收成功"}'.encode()


class Unreadable(ValueError):
    """An item that lacks what it must have; the message holds no part of the item."""


def sms_router(
    accounts: Mapping[str, AliyunAccount], inbound_sink: InboundSink, receipt_sink: ReceiptSink, clock: Clock
) -> APIRouter:
    """`POST /sms/aliyun/{secret}/up` and `…/report` for every account in `accounts`."""
    router = APIRouter()

    @router.post("/sms/aliyun/{secret}/up", include_in_schema=False)
    async def up(secret: str, request: Request) -> Response:
        account = _account(accounts, secret)
        if account is None:
            return Response(status_code=404)
        body = await _read(request)
        if body is None:
            return Response(status_code=413)
        messages: list[Inbound] = []
        problems: list[str] = []
        for item in _items(body, problems):
            try:
                messages.append(to_inbound(item, account.account_id, clock))
            except Unreadable as error:
                problems.append(str(error))
        return await _acknowledge(account, inbound_sink, body, problems, messages, [], receipt_sink)

    @router.post("/sms/aliyun/{secret}/report", include_in_schema=False)
    async def report(secret: str, request: Request) -> Response:
        account = _account(accounts, secret)
        if account is None:
            return Response(status_code=404)
        body = await _read(request)
        if body is None:
            return Response(status_code=413)
        receipts: list[Receipt] = []
        problems: list[str] = []
        for item in _items(body, problems):
            try:
                receipts.append(to_receipt(item, account.account_id))
            except Unreadable as error:
                problems.append(str(error))
        return await _acknowledge(account, inbound_sink, body, problems, [], receipts, receipt_sink)

    return router


def to_inbound(item: Mapping[str, Any], account_id: str, clock: Clock) -> Inbound:
    """One SmsUp item. Without a sequence_id the key is a digest of number, time and text."""
    number = to_e164(_text(item, "phone_number", 32))
    if number is None:
        raise Unreadable("phone_number is no number")
    content = _text(item, "content", TEXT_LIMIT)
    stamp = _text(item, "send_time", 32)
    sequence = _text(item, "sequence_id", 64)
    if not sequence:
        sequence = (
            "h:" + hashlib.sha256(f"{number}|{stamp}|{content}".encode("utf-8", "replace")).hexdigest()[:40]
        )
    return Inbound(
        channel=ChannelName.SMS,
        account_id=account_id,
        address=number,
        vendor_key=f"up:{sequence}",
        kind="text",
        text=content,
        sent_at=_time(stamp) or clock.now(),
        raw=dict(item),
    )


def to_receipt(item: Mapping[str, Any], account_id: str) -> Receipt:
    """One SmsReport item; `ok` only for `success: true`."""
    vendor_id, client_ref = _text(item, "biz_id", 64), _text(item, "out_id", 256)
    if not vendor_id and not client_ref:
        raise Unreadable("neither biz_id nor out_id")
    success = item.get("success")
    if not isinstance(success, bool):
        raise Unreadable("success is missing")
    return Receipt(
        channel=ChannelName.SMS,
        account_id=account_id,
        vendor_id=vendor_id,
        client_ref=client_ref,
        ok=success,
        code=_text(item, "err_code", 64),
        at=_time(_text(item, "report_time", 32)),
    )


def _account(accounts: Mapping[str, AliyunAccount], given: str) -> AliyunAccount | None:
    found: AliyunAccount | None = None
    for account in accounts.values():
        for secret in account.callback_secrets:
            if hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace")):
                found = account
    return found


async def _read(request: Request) -> bytes | None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _items(body: bytes, problems: list[str]) -> list[Mapping[str, Any]]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        problems.append("not JSON")
        return []
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        problems.append("not an array of objects")
        return []
    return content


def _text(item: Mapping[str, Any], name: str, limit: int) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(f"{name} is not a single value")
    text = str(value).replace("\x00", "")
    if len(text) > limit:
        raise Unreadable(f"{name} is too long")
    return text


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


async def _acknowledge(
    account: AliyunAccount,
    sink: InboundSink,
    body: bytes,
    problems: list[str],
    messages: list[Inbound],
    receipts: list[Receipt],
    receipt_sink: ReceiptSink,
) -> Response:
    """Keeps everything, then acknowledges; 503 when it could not be kept, so that the vendor repeats the
    batch."""
    try:
        if problems:
            reason = "; ".join(sorted(set(problems)))
            await sink.quarantine(ChannelName.SMS, account.account_id, body, reason)
        if messages:
            await sink.accept(messages)
        if receipts:
            await receipt_sink.record(receipts)
    except StorageUnavailable:
        log.error("aliyun push not stored: storage unavailable", extra={"account": account.account_id})
        return Response(status_code=503)
    except Exception as error:
        log.error("aliyun push not stored: %s", type(error).__name__, extra={"account": account.account_id})
        return Response(status_code=503)
    return Response(ACCEPTED, media_type="application/json")
