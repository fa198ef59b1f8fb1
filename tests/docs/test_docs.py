"""The documents are true where a program can tell: links, commands, targets, settings, paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from server.cli.__main__ import app
from server.cli.files import Exportable, Loadable
from server.settings import ROOT, Settings

DOCS = sorted([ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").rglob("*.md")])
ROOMS = "server|bot|actions|content|care|channels|web|language|store|data|tests|tools|docs|migrations|requirements|bench"
WHAT = {"load": Loadable, "export": Exportable}
FOR_RASA = {
    "BANYI_SENTENCE_MODEL_DIR",
    "BANYI_ACTION_URL",
    "BANYI_ACTION_TOKEN",
    "BANYI_TRACKER_URL",
    "BANYI_DATA_KEYS",
}
FORBIDDEN = (
    "/" + "work/",
    ".." + "/shared",
    "py" + "pi.org",
    "python" + "hosted",
    "npm" + "js.org",
    "npm" + "mirror",
    "tuna." + "tsinghua",
)


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """GitHub's anchors of the headings."""
    heads = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands_in(path: Path) -> list[list[str]]:
    """Every `./banyi …` of a document, cut at the end of its code, without its redirections."""
    found = re.findall(r"\./banyi((?: [^\s`|>]+)+)", text_of(path))
    return [command.split() for command in found]


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_relative_links_resolve(path: Path) -> None:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            missing.append(target)
    assert not missing


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_documented_commands_exist(path: Path) -> None:
    for words in commands_in(path):
        command: Any = typer.main.get_command(app)
        rest = list(words)
        while rest and not rest[0].startswith("--") and (known := getattr(command, "commands", None)):
            assert rest[0] in known, f"./banyi {' '.join(words)}: no {rest[0]!r}"
            command = known[rest.pop(0)]
        options = {name for one in command.params for name in one.opts} | {"--help"}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in options, f"./banyi {' '.join(words)}: no {word}"
        if command.name in WHAT and rest and not rest[0].startswith("--"):
            assert rest[0] in [one.value for one in WHAT[command.name]], f"./banyi {' '.join(words)}"


def test_the_readmes_show_every_command() -> None:
    root: Any = typer.main.get_command(app)
    for path in (ROOT / "README.md", ROOT / "README.zh-CN.md"):
        shown = {words[0] for words in commands_in(path)}
        assert set(root.commands) <= shown, name_of(path)


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text_of(path), re.MULTILINE))
    assert {one or other for one, other in named} <= targets


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_named_settings_exist(path: Path) -> None:
    known = {f"BANYI_{name.upper()}" for name in Settings.model_fields} | FOR_RASA
    named = set(re.findall(r"BANYI_[A-Z0-9_]*[A-Z0-9]", text_of(path)))
    assert named <= known


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_named_paths_exist(path: Path) -> None:
    named = re.findall(rf"`((?:{ROOMS})/[\w./*-]*)`", text_of(path))
    missing = [one for one in named if not list(ROOT.glob(one.rstrip("/")))]
    assert not missing


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_nothing_of_the_workshop_is_named(path: Path) -> None:
    text = text_of(path)
    assert [word for word in FORBIDDEN if word in text] == []
    assert not re.search(r"\bissue[s]?\b", text, re.IGNORECASE)


def test_every_decision_is_listed_and_short() -> None:
    listed = text_of(ROOT / "docs" / "architecture.md")
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        assert f"decisions/{path.name}" in listed
        assert len(text_of(path).splitlines()) <= 45, path.name
        assert text_of(path).startswith(f"# {int(path.name[:4])}. ")


def test_the_two_readmes_have_the_same_parts() -> None:
    def commands(name: str) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", text_of(ROOT / name), re.DOTALL)
        lines = [line.split("  #")[0].rstrip() for block in blocks for line in block.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    def heads(name: str) -> int:
        return len(re.findall(r"^## ", text_of(ROOT / name), re.MULTILINE))

    assert commands("README.md") == commands("README.zh-CN.md")
    assert heads("README.md") == heads("README.zh-CN.md")
