"""Our engine against Rasa's own defaults for Chinese, trained on the same data in one run: how fast, how large, how right.

Baseline: JiebaTokenizer, counts of words and characters, DIET for 100 epochs, TED, memoization and rules (`bench/nlu_stock.yml`).
Both are asked over Rasa's REST channel, by turns, so many patients at once, with texts no training saw, each of which leads to one
action; one action server answers both. Accuracy is over the texts held aside, both sides given the same words (normalised as the
conversation does it) and the same examples; what an engine was unsure of counts by its likeliest intent.

`python -m bench.nlu` takes some ten minutes on two quiet cores; with `--all` it trains on all examples too, most of an hour.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from bench import nlu_data
from bench.nlu_engines import Engine, Ours, Server, Stock, serving, train, understood
from bench.results import Result
from bot.plan import engine_text
from server.settings import ROOT

AT_ONCE, TURNS, ROUNDS, WARMING = 16, 7, 3, 32
FEW, MANY = 10, 40
SEED = 1
AGAINST = "stock Rasa (jieba, counts, DIET 100 epochs, TED), {} examples an intent, same run"


def measure(*, everything: bool = False) -> list[Result]:
    """Training, speed and memory with `MANY` examples an intent, or with all there are."""
    with tempfile.TemporaryDirectory(prefix="banyi-bench-nlu-") as folder:
        ours, stock = Ours(Path(folder) / "ours"), Stock(Path(folder) / "stock")
        for one in (ours, stock):
            one.folder.mkdir()
        (ours.folder / "models").symlink_to(ROOT / "var" / "models")
        examples = nlu_data.all_examples() if everything else nlu_data.drawn(MANY, SEED)
        _, before = train(ours, "before", examples, whole=True)
        stock_model, stock_seconds = train(stock, "whole", examples, whole=True)
        model, after = train(ours, "after", examples, whole=True)
        known = "all" if everything else str(MANY)
        found = [("training", (before + after) / 2, "s", stock_seconds)]
        found += asyncio.run(_served(ours, model, stock, stock_model))
        found.append((f"accuracy_{known}", _right(ours, model), "%", _right(stock, stock_model)))
        results = [_result(*one, known) for one in found]
        return results + [_few(ours, stock, each) for each in ((FEW, MANY) if everything else (FEW,))]


def _result(name: str, value: float, unit: str, baseline: float, known: str) -> Result:
    return Result(f"nlu_{name}", value, unit, AGAINST.format(known), baseline)


def _few(ours: Engine, stock: Engine, each: int) -> Result:
    """Accuracy with `each` examples an intent."""
    examples = nlu_data.drawn(each, SEED)
    own, other = (_right(one, train(one, f"few-{each}", examples, whole=False)[0]) for one in (ours, stock))
    return _result(f"accuracy_{each}", own, "%", other, str(each))


def _right(one: Engine, model: Path) -> float:
    """Percent of the texts held aside that are understood."""
    rows = nlu_data.held_aside()
    got = understood(one, model, [engine_text(row.text) for row in rows])
    return 100 * statistics.mean(row.intent == intent for row, intent in zip(rows, got, strict=True))


async def _served(
    ours: Engine, model: Path, stock: Engine, stock_model: Path
) -> list[tuple[str, float, str, float]]:
    """Name, value, unit, baseline's value."""
    async with _actions() as actions, aiohttp.ClientSession() as http:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(serving(*given, actions))
                for given in ((ours, model), (stock, stock_model))
            ]
            texts = _texts()
            each = AT_ONCE * TURNS
            # No text twice: our engine remembers the embeddings of the last texts it saw.
            if len(texts) < WARMING + ROUNDS * each:
                raise RuntimeError(f"{len(texts)} texts held aside are too few for {ROUNDS} rounds of {each}")
            for server in servers:
                await _round(http, server, texts[-WARMING:])
            rounds = []
            for number in range(ROUNDS):
                # By turns, so that whatever else the machine does falls on both alike.
                said = texts[number * each : (number + 1) * each]
                rounds.append([await _round(http, server, said) for server in servers])
            memory = [server.memory() for server in servers]
    (rate, middle), (stock_rate, stock_middle) = (
        [statistics.median(one[side][part] for one in rounds) for part in (0, 1)] for side in (0, 1)
    )
    return [
        ("messages_per_second", rate, "messages/s", stock_rate),
        ("p50", middle, "ms", stock_middle),
        ("memory", memory[0], "MiB", memory[1]),
    ]


def _texts() -> list[str]:
    """Texts held aside whose rule runs an action of the action server, in a fixed order."""
    rules = [
        rule["steps"]
        for path in (ROOT / "data" / "rules").glob("*.yml")
        for rule in yaml.safe_load(path.read_text("utf-8"))["rules"]
    ]
    acting = {
        steps[0]["intent"]
        for steps in rules
        if "intent" in steps[0] and steps[1]["action"].startswith("action_")
    }
    return [engine_text(row.text) for row in nlu_data.held_aside() if row.intent in acting]


async def _round(http: aiohttp.ClientSession, server: Server, texts: list[str]) -> tuple[float, float]:
    """Messages a second and the median's ms, `AT_ONCE` new conversations sharing out the texts."""
    took: list[float] = []

    async def patient(said: list[str]) -> None:
        sender = str(uuid.uuid4())
        for words in said:
            begun = time.perf_counter()
            body = {"sender": sender, "message": words}
            async with http.post(f"{server.url}/webhooks/rest/webhook", json=body) as response:
                answer = await response.json()
            if len(answer) != 1:
                raise RuntimeError(f"{server.url} answered {answer!r} to {words!r}")
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(patient(texts[n::AT_ONCE]) for n in range(AT_ONCE)))
    return len(took) / (time.perf_counter() - begun), statistics.median(took) * 1000


@asynccontextmanager
async def _actions() -> AsyncIterator[str]:
    """The action server of both: every action says one thing and changes nothing."""

    async def act(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"events": [], "responses": [{"custom": {"key": "bench.heard"}}]})

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/webhook", act)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/webhook"
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    from bench.results import keep

    keep(measure(everything="--all" in sys.argv))
