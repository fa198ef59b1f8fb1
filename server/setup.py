"""All of the set-up that needs Python: pages, sentence model, trained engine. Idempotent, says what it does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from server import engine
from server.settings import ROOT, Settings, SettingsError, load_settings

NEEDED_GB = 1.0


def run(settings: Settings) -> None:
    """Raises `SettingsError` with what is missing."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.var_dir).free / 1e9
    if free < NEEDED_GB:
        raise SettingsError(
            f"only {free:.1f} GB free under {settings.var_dir}; set-up needs about {NEEDED_GB:.0f} GB."
        )
    _step("pages", [sys.executable, "-m", "web.build"])
    command = [sys.executable, "-m", "language.sentence_model.build", "--out", str(settings.models)]
    if settings.embedding_model:
        command += ["--model", settings.embedding_model]
    _step("sentence model", command)
    engine.train(settings)


def _step(name: str, command: list[str]) -> None:
    started = time.monotonic()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False)
    if done.returncode != 0:
        raise SettingsError(f"setting up the {name} failed; what went wrong stands above.")
    took = time.monotonic() - started
    if took > 5:
        print(f"  ({name}: {took:.0f} s)", flush=True)


def main() -> int:
    try:
        run(load_settings())
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
