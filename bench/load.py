"""A vendor pushing from a process of its own: reads one JSON order from stdin, writes one JSON answer to stdout.

Order: `{"url", "token", "appid", "aes_key", "run", "seconds", "rate" | "at_once"}`. With `rate` pushes leave at even distances
whatever the answers do, and each latency counts from when it was due; with `at_once` so many are always on their way.
Answer: `{"pushed", "right", "seconds", "latencies"}` (seconds each).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import uvloop
from yarl import URL

from channels.wechat.codec import cdata, decode_aes_key, encrypt, sign

PATIENTS = 500
TEXT = "我妈妈眼睛看东西模糊，想挂个眼科的号，下周三上午有吗？"


def pushes(order: dict[str, Any]) -> Iterator[tuple[URL, bytes]]:
    """Addresses and bodies as WeChat sends them in safe mode, without end."""
    key, stamp = decode_aes_key(order["aes_key"]), str(int(time.time()))
    number = 0
    while True:
        number += 1
        message_id = int(order["run"]) * 10_000_000 + number
        plain = (
            f"<xml><ToUserName>{cdata('gh_bench')}</ToUserName>"
            f"<FromUserName>{cdata(f'oBench_{number % PATIENTS:05d}_0123456789')}</FromUserName>"
            f"<CreateTime>{stamp}</CreateTime><MsgType>{cdata('text')}</MsgType><Content>{cdata(TEXT)}</Content>"
            f"<MsgId>{message_id}</MsgId></xml>"
        )
        cipher, nonce = encrypt(plain.encode(), key, order["appid"]), str(message_id)
        query = {
            "signature": sign(order["token"], stamp, nonce), "timestamp": stamp, "nonce": nonce, "openid": "o",
            "encrypt_type": "aes", "msg_signature": sign(order["token"], stamp, nonce, cipher),
        }  # fmt: skip
        url = URL(f"{order['url']}?{urlencode(query)}", encoded=True)
        yield (
            url,
            f"<xml><ToUserName>{cdata('gh_bench')}</ToUserName><Encrypt>{cdata(cipher)}</Encrypt></xml>".encode(),
        )


async def run(order: dict[str, Any]) -> dict[str, Any]:
    seconds, rate = float(order["seconds"]), order.get("rate")
    made = pushes(order)
    ahead = int(seconds * rate) if rate else int(seconds * 3000)
    ready = iter([next(made) for _ in range(ahead)])
    latencies: list[float] = []
    right = 0

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def push(url: URL, body: bytes, due: float) -> None:
            nonlocal right
            async with http.post(url, data=body, headers={"Content-Type": "text/xml"}) as answer:
                right += answer.status == 200 and await answer.read() == b"success"
            latencies.append(time.perf_counter() - due)

        begun = time.perf_counter()
        if rate:
            async with asyncio.TaskGroup() as group:
                for number, (url, body) in enumerate(ready):
                    due = begun + number / rate
                    if (wait := due - time.perf_counter()) > 0:
                        await asyncio.sleep(wait)
                    group.create_task(push(url, body, due))
        else:

            async def one_after_another() -> None:
                for url, body in ready:
                    now = time.perf_counter()
                    if now > begun + seconds:
                        return
                    await push(url, body, now)

            await asyncio.gather(*(one_after_another() for _ in range(order["at_once"])))
        took = time.perf_counter() - begun
    return {"pushed": len(latencies), "right": right, "seconds": took, "latencies": latencies}


if __name__ == "__main__":
    json.dump(uvloop.run(run(json.load(sys.stdin))), sys.stdout)
