"""A start that was killed half-way, and two first starts at once, leave an installation that starts."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op

from server import engine, migrate
from server import settings as settings_module
from server.settings import Secrets, Settings, SettingsError


def test_a_migration_that_dies_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'banyi.db'}"
    made: list[str] = []
    real = op.create_table

    def dies(name: str, *args: Any, **values: Any) -> Any:
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(name)
        return real(name, *args, **values)

    monkeypatch.setattr(op, "create_table", dies)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(url)
    monkeypatch.undo()
    with migrate.sync_engine(url).connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


def _keys(folder: str, out: Any) -> None:
    made = settings_module._random_key

    def slowly() -> str:
        time.sleep(0.05)
        return made()

    settings_module._random_key = slowly
    out.put(Secrets.load(Settings(var_dir=Path(folder))).data_keys)


def test_processes_that_start_for_the_first_time_at_once_have_the_same_keys(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("fork")
    out = forked.Queue()
    started = [forked.Process(target=_keys, args=(str(tmp_path), out)) for _ in range(6)]
    for process in started:
        process.start()
    keys = {out.get(timeout=30) for _ in started}
    for process in started:
        process.join(30)
    assert keys == {json.loads((tmp_path / "secrets.json").read_text())["data_keys"]}
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_training_that_was_cut_off_does_not_pass_for_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rasa writes its archive in place: what a killed one left must not be found by the next start."""
    settings = Settings(var_dir=tmp_path)

    def cut_off(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        name = command[command.index("--fixed-model-name") + 1]
        (settings.models / "rasa" / f"{name}.tar.gz").write_bytes(b"half a mod")
        return subprocess.CompletedProcess(command, -9)

    monkeypatch.setattr(engine, "require_python", lambda: Path("python"))
    monkeypatch.setattr(subprocess, "run", cut_off)
    with pytest.raises(SettingsError):
        engine.train(settings)
    assert not engine.model_path(settings).exists()
    assert list((settings.models / "rasa").iterdir()) == []
