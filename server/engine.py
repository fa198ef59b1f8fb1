"""Rasa from outside: its environment, training cached by the hash of its inputs, its command line."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from server.settings import ROOT, Settings, SettingsError

PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
DATA = ("data/nlu", "data/rules")
_INPUTS = ("config.yml", "data/nlu", "data/rules", "data/stories", "bot/engine", "requirements/rasa.lock")


def environment(settings: Settings) -> dict[str, str]:
    """What every Rasa process gets: our keys and URLs, no telemetry, caches under `var_dir`."""
    env = dict(os.environ)
    env.update(
        RASA_TELEMETRY_ENABLED="false",
        RASA_CACHE_DIRECTORY=str(settings.var_dir / "rasa-cache"),
        BANYI_SENTENCE_MODEL_DIR=str(settings.models / "sentence-onnx"),
        BANYI_ACTION_URL=f"http://127.0.0.1:{settings.internal_port}/webhook",
        BANYI_ACTION_TOKEN=settings.secrets.action_token,
        BANYI_TRACKER_URL=settings.tracker_database,
        BANYI_DATA_KEYS=settings.secrets.data_keys,
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS="1",
        PYTHONPATH=str(ROOT),
        PYTHONWARNINGS="ignore",
        SQLALCHEMY_SILENCE_UBER_WARNING="1",
    )
    # Where bytecode is not to be written, Rasa's 2,500 modules are compiled anew at every start: two thirds of it.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def require_python() -> Path:
    """Rasa's interpreter. Raises `SettingsError` when set-up has not been run."""
    if not PYTHON.exists():
        raise SettingsError("Rasa's environment (.venv-rasa) is missing: run `make setup` first.")
    return PYTHON


def input_hash(settings: Settings) -> str:
    """Changes with anything the trained model depends on."""
    digest = hashlib.sha256()
    for path in (path for name in _INPUTS for path in _files(ROOT / name)):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    sentence_model = settings.models / "sentence-onnx" / "meta.json"
    if sentence_model.is_file():
        digest.update(sentence_model.read_bytes())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return (
        sorted(p for p in path.rglob("*") if p.suffix in (".yml", ".py", ".json", ".txt"))
        if path.is_dir()
        else []
    )


def model_path(settings: Settings) -> Path:
    return settings.models / "rasa" / f"{input_hash(settings)}.tar.gz"


def train(settings: Settings, *, force: bool = False) -> Path:
    """Train unless a model of the same inputs is there; returns its path. Raises `SettingsError` when Rasa fails."""
    target = model_path(settings)
    if target.exists() and not force:
        print(f"✓ engine model is up to date ({target.name})", flush=True)
        return target
    print("… training the engine (about a minute)", flush=True)
    started = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    log = settings.var_dir / "train.log"
    part = target.with_name(
        f"part-{os.getpid()}-{target.name}"
    )  # killed half-way, it must not pass for a model
    with log.open("w") as out:
        done = subprocess.run(
            train_command(part),
            cwd=ROOT,
            env=environment(settings),
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0 or not part.exists():
        part.unlink(missing_ok=True)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SettingsError(f"training failed; the end of {log}:\n{tail}")
    part.replace(target)
    print(f"✓ engine trained in {time.monotonic() - started:.0f} s ({target.name})", flush=True)
    return target


def train_command(target: Path, data: Sequence[str] = DATA) -> list[str]:
    """Rasa's training of `data` (files or folders) into the archive `target`."""
    return [
        str(require_python()), "-m", "bot.engine", "train",
        "--domain", "bot/engine/domain", "--data", *data, "--config", "config.yml",
        "--out", str(target.parent), "--fixed-model-name", target.name.removesuffix(".tar.gz"),
    ]  # fmt: skip


def serve_command(settings: Settings, model: Path | None = None) -> list[str]:
    """Rasa's server on loopback with `model`, or with the current one."""
    (settings.var_dir / "log").mkdir(parents=True, exist_ok=True)  # Rasa does not make the folder of its log
    return [
        str(require_python()), "-m", "bot.engine", "run", "--model", str(model or model_path(settings)),
        "--endpoints", "endpoints.yml", "--credentials", "credentials.yml",
        "--interface", "127.0.0.1", "--port", str(settings.engine_port), "--enable-api",
        "--log-file", str(settings.var_dir / "log" / "rasa.log"),
    ]  # fmt: skip


def parse_command(model: Path) -> list[str]:
    return [str(require_python()), "-m", "bot.engine.parse", str(model)]


def main() -> int:
    from server.settings import load_settings

    try:
        train(load_settings(), force="--force" in sys.argv)
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
