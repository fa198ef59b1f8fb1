"""The route WeChat pushes to: check, decrypt, hand to the sink, acknowledge. It decides nothing about the
message.

Answers: 403 for what cannot be trusted, 413 for too much, 503 when the message could not be kept (WeChat
sends it again), `success` or a passive reply for the rest, unreadable bodies included (those are
quarantined: refusing them would only make WeChat repeat them and show the patient an error).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response

from channels.body import read_limited
from channels.ports import Accepted, Answers, ChannelName, Inbound, InboundSink, Rendered, StorageUnavailable
from channels.wechat.account import WeChatAccount
from channels.wechat.codec import (
    CannotDecrypt,
    Format,
    Malformed,
    Push,
    decrypt_any,
    field_text,
    passive_text,
    read_envelope,
    sign,
    signature_ok,
    to_inbound,
)
from channels.wechat.nonces import MemoryNonces, Nonces
from channels.wechat.window import grant_of
from channels.wechat.wording import as_text, split_text
from store.clock import Clock

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
"""Bytes; WeChat's own pushes stay under 10 KiB."""
HARD_STOP = 4.0
"""Seconds to read a message, and to store it; WeChat cuts the connection at 5. Who dribbles holds no connection open."""
LATEST = 4.6
"""Seconds after which no answer is waited for any more, whatever the account says."""
SUCCESS = b"success"


class Refused(Exception):
    """A push that is not trusted; `reason` goes to the log, never to the caller."""


def callback_router(
    accounts: Mapping[str, WeChatAccount],
    sink: InboundSink,
    clock: Clock,
    answers: Answers | None = None,
    nonces: Nonces | None = None,
) -> APIRouter:
    """`GET` and `POST /wx/{account}` for every account in `accounts` (looked up at each call, so it may change).

    `answers` gives passive replies to accounts that wait for them (`passive_wait`); `nonces` is what plain mode remembers."""
    router = APIRouter()
    seen = nonces or MemoryNonces()

    @router.get("/wx/{account_id}", include_in_schema=False)
    async def verify(account_id: str, request: Request) -> Response:
        account = accounts.get(account_id)
        if account is None:
            return Response(status_code=404)
        query = request.query_params
        try:
            _check_plain(account, query, clock)
        except Refused as error:
            return _forbidden(account_id, error)
        return Response(query.get("echostr", ""), media_type="text/plain")

    @router.post("/wx/{account_id}", include_in_schema=False)
    async def receive(account_id: str, request: Request) -> Response:
        account = accounts.get(account_id)
        if account is None:
            return Response(status_code=404)
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(HARD_STOP):
                body = await read_limited(request, MAX_BODY)
        except TimeoutError:
            return Response(status_code=408)
        if body is None:
            return Response(status_code=413)
        query = request.query_params
        try:
            message, push = _open(account, query, body, clock)
            stamp, nonce = query["timestamp"], query["nonce"]
            if account.mode == "plain" and await seen.reused(
                account_id, stamp, nonce, body, clock.now().timestamp()
            ):
                raise Refused("nonce used with another body")
        except Refused as error:
            return _forbidden(account_id, error)
        try:
            async with asyncio.timeout(HARD_STOP):
                kept = await _keep(account, sink, message)
            if kept is None:
                return Response(SUCCESS, media_type="text/plain")
            left = began + LATEST - asyncio.get_running_loop().time()
            return await _answer(account, kept, push, clock, answers, left)
        except StorageUnavailable:
            log.error(
                "wechat push not stored: storage unavailable",
                extra={"account": account_id},
            )
        except TimeoutError:
            log.error("wechat push not stored in time", extra={"account": account_id})
        except Exception as error:
            log.error(
                "wechat push not stored: %s",
                type(error).__name__,
                extra={"account": account_id},
            )
        return Response(status_code=503)

    return router


@dataclass(frozen=True, slots=True)
class _Kept:
    """A stored message, its envelope's form and whom it was sent to."""

    inbound: Inbound
    form: Format
    recipient: str
    accepted: Accepted


async def _keep(account: WeChatAccount, sink: InboundSink, message: bytes) -> _Kept | None:
    """Store the message. None: there is nothing to answer (unreadable and quarantined, or not to be kept)."""
    try:
        form, fields = read_envelope(message)
        inbound = to_inbound(fields, account.account_id)
        recipient = field_text(fields, "ToUserName", 128)
    except Malformed as error:
        await sink.quarantine(ChannelName.WECHAT, account.account_id, message, str(error))
        return None
    if inbound.kind == "event" and inbound.event == "location" and not account.keep_location:
        return None
    if account.passive_wait > 0 and grant_of(inbound) is not None:
        inbound = replace(inbound, answer_within=account.passive_wait)
    accepted = await sink.accept([inbound])
    return _Kept(inbound, form, recipient, accepted[0]) if accepted else None


async def _answer(
    account: WeChatAccount, kept: _Kept, push: Push, clock: Clock, answers: Answers | None, left: float
) -> Response:
    """The stored passive reply, the one that is ready in time, or `success`."""
    reply = kept.accepted.passive_reply
    if reply is None and answers is not None and kept.inbound.answer_within and kept.accepted.inbound_id:
        try:
            reply = await answers.answer(
                kept.accepted.inbound_id,
                min(kept.inbound.answer_within, left),
                customer_messages=account.customer_messages,
            )
        except Exception as error:  # it is stored: the ladder answers
            log.warning("no passive reply: %s", type(error).__name__, extra={"account": account.account_id})
    if reply is None:
        return Response(SUCCESS, media_type="text/plain")
    answer = Push(kept.form, kept.inbound.address, kept.recipient, push.nonce, push.key, push.token)
    return _passive(account, answer, reply, clock)


def _passive(account: WeChatAccount, push: Push, reply: Rendered, clock: Clock) -> Response:
    parts = split_text(as_text(reply))
    if not parts:
        return Response(SUCCESS, media_type="text/plain")
    if len(parts) > 1:
        log.warning(
            "passive reply cut to its first part",
            extra={"account": account.account_id, "parts": len(parts)},
        )
    content = passive_text(push, parts[0], account.appid, int(clock.now().timestamp()))
    return Response(
        content,
        media_type="application/json" if push.form == "json" else "application/xml",
    )


def _open(account: WeChatAccount, query: Mapping[str, str], body: bytes, clock: Clock) -> tuple[bytes, Push]:
    """The plain message and what a reply needs; `Refused` unless signature, time and mode are right."""
    nonce = query.get("nonce", "")
    if account.mode == "plain":
        if query.get("encrypt_type", "raw") not in ("", "raw"):
            raise Refused("encrypted push, but the account is set to plain")
        _check_plain(account, query, clock)
        return body, Push("xml", "", "", nonce)
    if query.get("encrypt_type") != "aes":
        raise Refused("plain push, but the account is set to encrypted")
    stamp = _fresh(account, query, clock)
    try:
        form, outer = read_envelope(body)
        cipher = field_text(outer, "Encrypt")
    except Malformed as error:
        raise Refused(str(error)) from None
    if not cipher:
        raise Refused("nothing encrypted inside")
    given = query.get("msg_signature", "")
    if not signature_ok(account.tokens, given, stamp, nonce, cipher):
        raise Refused("wrong msg_signature")
    token = next(token for token in account.tokens if sign(token, stamp, nonce, cipher) == given)
    try:
        message, key = decrypt_any(cipher, account.keys, account.appid)
    except CannotDecrypt as error:
        raise Refused(str(error)) from None
    return message, Push(form, "", "", nonce, key, token)


def _check_plain(account: WeChatAccount, query: Mapping[str, str], clock: Clock) -> None:
    stamp = _fresh(account, query, clock)
    if not signature_ok(account.tokens, query.get("signature", ""), stamp, query.get("nonce", "")):
        raise Refused("wrong signature")


def _fresh(account: WeChatAccount, query: Mapping[str, str], clock: Clock) -> str:
    stamp = query.get("timestamp", "")
    if not (stamp.isascii() and stamp.isdecimal()) or len(stamp) > 11 or not query.get("nonce"):
        raise Refused("timestamp or nonce is missing")
    if abs(clock.now().timestamp() - int(stamp)) > account.max_skew:
        raise Refused("stale timestamp")
    return stamp


def _forbidden(account_id: str, reason: Any) -> Response:
    log.warning("wechat push refused: %s", reason, extra={"account": account_id})
    return Response(status_code=403)
