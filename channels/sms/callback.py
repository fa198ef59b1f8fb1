"""The public routes SMS vendors call: patients' answers and delivery reports, `POST /sms/{driver}/{secret}/up|report`.

Most vendors do not sign. So: a long secret in the path, perhaps a list of networks, a size limit; what a vendor does sign is
checked. Nothing is acknowledged before it is kept; whatever is unreadable or matches no message of ours is quarantined.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from channels.body import read_limited
from channels.ports import ChannelName, Inbound, InboundSink, Receipt, ReceiptSink, StorageUnavailable
from channels.sms.port import CallbackAccount
from channels.sms.push import Callbacks, Parsed, Push

log = logging.getLogger(__name__)

SECOND_LOOK = 1.0
"""Seconds until a report without our reference is looked up again: the answer with its number may still be on the way."""
READ_STOP = 10.0
"""Seconds a caller has to send its body; ours."""
T = TypeVar("T")
Keep = Callable[[list[T]], Awaitable[list[T]]]
"""Stores what was read; gives back what belongs to nothing of ours."""


def callback_router(
    drivers: Mapping[str, Sequence[Callbacks]], inbound_sink: InboundSink, receipt_sink: ReceiptSink
) -> APIRouter:
    """The routes of every account, by driver. Raises `ValueError` when two accounts of a driver share a secret."""
    for driver, several in drivers.items():
        secrets = [secret for one in several for secret in one.account.callback_secrets]
        if len(secrets) != len(set(secrets)):
            raise ValueError(f"SMS driver {driver}: two accounts share a callback secret")
    router = APIRouter()

    async def accept(messages: list[Inbound]) -> list[Inbound]:
        await inbound_sink.accept(messages)
        return []

    async def record(receipts: list[Receipt]) -> list[Receipt]:
        unmatched = await receipt_sink.record(receipts)
        early = [receipt for receipt in unmatched if not receipt.client_ref]
        if not early:
            return unmatched
        await asyncio.sleep(SECOND_LOOK)
        named = [receipt for receipt in unmatched if receipt.client_ref]
        return named + await receipt_sink.record(early)

    async def take(
        driver: str,
        secret: str,
        request: Request,
        read: Callable[[Callbacks, Push], Parsed[T]],
        keep: Keep[T],
    ) -> Response:
        callbacks = _find(drivers.get(driver, ()), secret)
        if callbacks is None:
            return Response(status_code=404)
        account = callbacks.account
        if not _allowed(account, request):
            log.warning("sms push from an address that is not allowed", extra={"account": account.account_id})
            return Response(status_code=403)
        try:
            async with asyncio.timeout(READ_STOP):
                body = await read_limited(request, account.max_body)
        except TimeoutError:
            return Response(status_code=408)
        if body is None:
            return Response(status_code=413)
        push = _push(request, body)
        if not callbacks.genuine(push):
            log.warning("sms push with a wrong signature", extra={"account": account.account_id})
            return Response(status_code=403)
        try:
            await _store(account, body, read(callbacks, push), keep, inbound_sink)
        except StorageUnavailable:
            log.error("sms push not stored: storage unavailable", extra={"account": account.account_id})
            return Response(status_code=503)
        except Exception as error:
            log.error("sms push not stored: %s", type(error).__name__, extra={"account": account.account_id})
            return Response(status_code=503)
        return Response(callbacks.accepted, media_type=callbacks.media_type)

    @router.post("/sms/{driver}/{secret}/up", include_in_schema=False)
    async def up(driver: str, secret: str, request: Request) -> Response:
        return await take(driver, secret, request, lambda one, push: one.inbound(push), accept)

    @router.post("/sms/{driver}/{secret}/report", include_in_schema=False)
    async def report(driver: str, secret: str, request: Request) -> Response:
        return await take(driver, secret, request, lambda one, push: one.receipts(push), record)

    return router


async def _store(
    account: CallbackAccount, body: bytes, parsed: Parsed[T], keep: Keep[T], sink: InboundSink
) -> None:
    """Good items beside bad ones are kept; the whole body is quarantined once when anything was left over."""
    problems = set(parsed.problems)
    if parsed.items and (unmatched := await keep(parsed.items)):
        problems.add(f"{len(unmatched)} of {len(parsed.items)} match no message of ours")
    if problems:
        await sink.quarantine(ChannelName.SMS, account.account_id, body, "; ".join(sorted(problems)))


def _find(several: Sequence[Callbacks], given: str) -> Callbacks | None:
    """Compared with every secret, whichever fits, so that the time taken tells nothing."""
    found: Callbacks | None = None
    for one in several:
        for secret in one.account.callback_secrets:
            if hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace")):
                found = one
    return found


def _allowed(account: CallbackAccount, request: Request) -> bool:
    """Whether the caller's address is in the account's networks. X-Forwarded-For is read from its end, and only as far as
    proxies are trusted."""
    if not account.callback_networks:
        return True
    hops = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    caller = request.client.host if request.client else ""
    while _within(caller, account.trusted_proxies) and hops:
        caller = hops.pop()
    return _within(caller, account.callback_networks)


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        one: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(one, IPv6Address) and one.ipv4_mapped is not None:
        one = one.ipv4_mapped
    return any(one in ip_network(network, strict=False) for network in networks)


def _push(request: Request, body: bytes) -> Push:
    raw = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string") or b""
    target = raw.split(b"?")[0] + (b"?" + query if query else b"")
    return Push(
        target=target.decode("ascii", "replace"),
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )
