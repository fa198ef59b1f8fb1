"""The outbox over HTTP: the same queue, sent to the SMS stand-in in a process of its own.

Baseline: a bare aiohttp client that posts the same requests to the same stand-in, signed beforehand, as many at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bench import outbox
from bench.outbox_rows import ACCOUNT, REPLY, fill
from bench.results import Result
from channels.ports import Rendered
from channels.sms.acs3 import EMPTY_BODY, authorization, canonical_query
from channels.sms.aliyun import VERSION, AliyunAccount, AliyunSender
from channels.wording.catalogue import Catalogue
from server.settings import ROOT
from server.supervisor import free_ports
from store.clock import Clock

COUNT, ROUNDS = 4_000, 3
AT_ONCE = (64, 256)
"""Requests at once of the bare client: the better of the two is the baseline."""
SIGN = "云江示范医院"


def _words() -> Rendered:
    catalogue = Catalogue(ROOT / "data" / "seed" / "wording", outbox.FACTS)
    catalogue.use_templates(catalogue.sms_templates())
    rendered = catalogue.render_sms(REPLY)
    if rendered is None:
        raise RuntimeError(f"no SMS template for {REPLY.key}")
    return rendered


@asynccontextmanager
async def stand_in(words: Rendered) -> AsyncIterator[AliyunAccount]:
    """The vendor, without limits on how much one number may get; the account it knows."""
    [port] = free_ports(1)
    template = {"code": words.template_code, "key": REPLY.key, "text": words.text, "sign": SIGN}
    settings = {
        "port": port,
        "up_url": "http://127.0.0.1:9/up",
        "access_keys": {"bench": "bench-secret"},
        "templates": [template],
        "queries_per_second": 1_000_000,
    }
    account = AliyunAccount(
        account_id=ACCOUNT,
        access_key_id="bench",
        access_key_secret="bench-secret",
        sign=SIGN,
        callback_secrets=("bench-secret-of-the-callback",),
        base_url=f"http://127.0.0.1:{port}",
    )
    with tempfile.TemporaryDirectory(prefix="banyi-bench-") as folder:
        path = Path(folder) / "simulator.json"
        path.write_text(json.dumps({"sms": settings}))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "channels.simulator", str(path), cwd=ROOT, env=dict(os.environ)
        )
        try:
            await _up(port)
            yield account
        finally:
            process.terminate()
            await process.wait()


async def _up(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def _signed(account: AliyunAccount, words: Rendered, number: str) -> tuple[URL, dict[str, str]]:
    base = urlsplit(account.base_url)
    text = canonical_query(
        {
            "PhoneNumbers": number,
            "SignName": account.sign,
            "TemplateCode": words.template_code,
            "OutId": secrets.token_hex(16),
        }
    )
    headers = {
        "host": base.netloc,
        "x-acs-action": "SendSms",
        "x-acs-content-sha256": EMPTY_BODY,
        "x-acs-date": Clock().now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": VERSION,
    }
    headers["Authorization"] = authorization(
        account.access_key_id, account.access_key_secret, "POST", "/", text, headers, EMPTY_BODY
    )
    return URL(f"{account.base_url}/?{text}", encoded=True), headers


async def _bare(account: AliyunAccount, words: Rendered, first: int, at_once: int) -> float:
    """Requests a second."""
    requests = [_signed(account, words, f"13{n:09d}") for n in range(first, first + COUNT)]
    todo = iter(requests)
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:

        async def client() -> None:
            for url, headers in todo:
                async with http.post(url, headers=headers) as response:
                    body = await response.json()
                    if body.get("Code") != "OK":
                        raise RuntimeError(f"the stand-in refused: {body}")

        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(at_once)))
        return COUNT / (time.perf_counter() - begun)


async def measure() -> list[Result]:
    words = _words()
    ours, bare = [], []
    async with outbox.on_sqlite() as database, stand_in(words) as account:
        for n in range(ROUNDS + 1):
            first = n * 4 * COUNT
            await fill(database, COUNT, campaign=f"http-{n}", now=outbox.MORNING, first=first)
            sender = AliyunSender(account, Clock())
            took = await outbox.drain(database, outbox.delivery(database, sender), f"http-{n}")
            await sender.close()
            best = max(
                [await _bare(account, words, first + k * COUNT, k_) for k, k_ in enumerate(AT_ONCE, 1)]
            )
            if n:  # the first round warms both sides
                ours.append(COUNT / took)
                bare.append(best)
    rate, other = statistics.harmonic_mean(ours), statistics.harmonic_mean(bare)
    against = (
        f"a bare aiohttp client, the better of {' and '.join(map(str, AT_ONCE))} at once, the same stand-in"
    )
    return [Result("outbox_http_per_second", rate, "messages/s", against, other)]
