"""An answer to a questionnaire, from the patient's tap to the next question on the phone, beyond the engine's own time.

The engine's own time: the median of the same answers asked of the same Rasa over its REST channel, in the same run.
Run alone: `.venv/bin/python -m bench.questionnaire`.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import aiohttp

from bench.installation import running
from bench.results import Result, keep
from bench.turn import Phone, at, engine_ids

ROUNDS = 25
ANSWERS = ("满意", "15分钟以内", "跳过")
START = "我要评价"
AIM = 300.0


async def measure() -> list[Result]:
    async with (
        running() as (settings, _),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        phone = Phone(http, f"{settings.loopback}/sim/wechat", "oBenchAnswers")
        await phone.start()
        for words in (
            "你好",
            "停车怎么收费",
            "谢谢",
            "你好",
            "谢谢",
            "你好",
        ):  # warm, and known to `engine_ids`
            await phone.turn(words)
        took = []
        for _ in range(ROUNDS):
            await phone.turn(START)
            took += [await phone.turn(words) for words in ANSWERS]
        [sender] = engine_ids(settings)

        async def direct(words: str) -> float:
            begun = time.perf_counter()
            meta = {"inbound_id": str(uuid.uuid4()), "text": words}
            body = {"sender": sender, "message": words, "metadata": meta}
            async with http.post(f"{settings.engine}/webhooks/rest/webhook", json=body) as response:
                await response.json()
            return time.perf_counter() - begun

        own = []
        for _ in range(ROUNDS):
            await direct(START)
            own += [await direct(words) for words in ANSWERS]
        phone.stop()
    beyond = at(took, 0.95) - at(own, 0.5)
    return [Result("questionnaire_answer_p95", beyond, "ms", "the aim, beyond the engine's own time", AIM)]


if __name__ == "__main__":
    keep(asyncio.run(measure()))
