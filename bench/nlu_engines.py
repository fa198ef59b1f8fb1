"""The two engines of `bench.nlu`: ours as it is deployed, and Rasa's own defaults for Chinese. Both train and serve the same way.

Ours runs as `server.engine` runs it: our components, channel, encrypted tracker store. The stock one runs as `rasa run` does: its
tracker store in memory, its REST channel. Both hand actions to one server and send it no domain (Rasa's default sends the
whole domain with every action, which would only make the stock one slower).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
import yaml

from bench import nlu_data
from server import engine
from server.settings import ROOT, Settings
from server.supervisor import free_ports

STOCK_CONFIG = "bench/nlu_stock.yml"
NICE = ("nice", "-n", "5")


class Engine(Protocol):
    """What is measured. `folder` is an empty one of the engine's own."""

    folder: Path

    def train_command(self, target: Path, examples: Path, whole: bool) -> list[str]:
        """Training from the file `examples`; not `whole`: what is needed to tell intents."""
        ...

    def serve_command(self, model: Path, port: int, actions: str) -> list[str]: ...

    def environment(self, actions: str) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Ours:
    """`config.yml`, through the application's own commands."""

    folder: Path

    def _settings(self, port: int = 0) -> Settings:
        return Settings(var_dir=self.folder, **({"engine_port": port} if port else {}))

    def train_command(self, target: Path, examples: Path, whole: bool) -> list[str]:
        return engine.train_command(target, (str(examples), "data/rules"))

    def serve_command(self, model: Path, port: int, actions: str) -> list[str]:
        return engine.serve_command(self._settings(port), model)

    def environment(self, actions: str) -> dict[str, str]:
        return {**engine.environment(self._settings()), "BANYI_ACTION_URL": actions}


@dataclass(frozen=True, slots=True)
class Stock:
    """`bench/nlu_stock.yml`, through `rasa train` and `rasa run`."""

    folder: Path

    def train_command(self, target: Path, examples: Path, whole: bool) -> list[str]:
        data = ["--data", str(examples), "data/rules", str(self._stories())]
        return [
            str(engine.require_python()), "-m", "rasa", "train", *([] if whole else ["nlu"]),
            "--domain", "bot/engine/domain", *(data if whole else ["--nlu", str(examples)]),
            "--config", STOCK_CONFIG,
            "--out", str(target.parent), "--fixed-model-name", target.name.removesuffix(".tar.gz"),
        ]  # fmt: skip

    def serve_command(self, model: Path, port: int, actions: str) -> list[str]:
        endpoints, credentials = self.folder / "endpoints.yml", self.folder / "credentials.yml"
        endpoints.write_text(
            yaml.safe_dump({"action_endpoint": {"url": actions, "enable_selective_domain": True}})
        )
        credentials.write_text("rest:\n")
        return [
            str(engine.require_python()), "-m", "rasa", "run", "--model", str(model),
            "--endpoints", str(endpoints), "--credentials", str(credentials),
            "--interface", "127.0.0.1", "--port", str(port), "--enable-api",
        ]  # fmt: skip

    def environment(self, actions: str) -> dict[str, str]:
        quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        env = {**os.environ, **quiet, "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # as ours
        return env

    def _stories(self) -> Path:
        """Each rule "intent, action" as a story too: TED learns from stories alone, and it shall know the same."""
        known = nlu_data.all_examples().keys()
        rules = [
            rule
            for path in sorted((ROOT / "data" / "rules").glob("*.yml"))
            for rule in yaml.safe_load(path.read_text("utf-8"))["rules"]
        ]
        stories = [
            {"story": f"story of {rule['rule']}", "steps": rule["steps"]}
            for rule in rules
            if rule["steps"][0].get("intent") in known
        ]
        path = self.folder / "stories.yml"
        path.write_text(yaml.safe_dump({"version": "3.1", "stories": stories}, allow_unicode=True), "utf-8")
        return path


def train(one: Engine, name: str, examples: nlu_data.Examples, *, whole: bool) -> tuple[Path, float]:
    """The model and the seconds it took, imports included and nothing cached. Raises `RuntimeError` with the log's end."""
    data = nlu_data.write(examples, one.folder / f"{name}-nlu.yml")
    target, log = one.folder / f"{name}.tar.gz", one.folder / f"{name}.log"
    env = {**one.environment(""), "RASA_CACHE_DIRECTORY": str(one.folder / f"{name}-cache")}
    begun = time.perf_counter()
    with log.open("wb") as out:
        done = subprocess.run(
            [*NICE, *one.train_command(target, data, whole)], cwd=ROOT, env=env, stdout=out, stderr=out, check=False
        )  # fmt: skip
    took = time.perf_counter() - begun
    if done.returncode or not target.exists():
        raise RuntimeError(f"training {name} failed:\n{log.read_text(errors='replace')[-3000:]}")
    return target, took


def understood(one: Engine, model: Path, texts: Sequence[str]) -> list[str]:
    """The likeliest intent of each text, whether or not the engine was sure of it."""
    done = subprocess.run(
        engine.parse_command(model), cwd=ROOT, env=one.environment(""), text=True, capture_output=True, check=False,
        input="".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts),
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{model} could not parse:\n{done.stderr[-3000:]}")
    ranked = [json.loads(line)["ranking"] for line in done.stdout.splitlines()]
    return [next(name for name, _ in ranking if name != "nlu_fallback") for ranking in ranked]


@dataclass(frozen=True, slots=True)
class Server:
    """An engine that answers."""

    url: str
    process: psutil.Process

    def memory(self) -> float:
        """Resident MiB now."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def serving(one: Engine, model: Path, actions: str) -> Iterator[Server]:
    """`model` behind its REST channel, until the end of the block."""
    port = free_ports(1)[0]
    log = one.folder / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            one.serve_command(model, port, actions), cwd=ROOT, env=one.environment(actions), stdout=out, stderr=out
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 180
            while not _answers(f"{url}/webhooks/rest/"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{model} is not served:\n{log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.5)
            yield Server(url, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
