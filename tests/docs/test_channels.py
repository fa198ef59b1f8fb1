"""docs/channels.md names, for each line of the channels' behaviour, tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from server.settings import ROOT

PAGE = (ROOT / "docs" / "channels.md").read_text("utf-8")
ROWS = [
    line for line in PAGE.splitlines() if re.match(r"\| (\d+|WeChat|Aliyun|Tencent|Twilio|CMPP) \|", line)
]
NAMED = re.compile(r"`(tests/[\w/]+\.py)`: ((?:`\w+`(?:, )?)+)")


@cache
def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_line_is_there() -> None:
    numbers = [int(found[1]) for row in ROWS if (found := re.match(r"\| (\d+) \|", row))]
    assert numbers == list(range(1, 80))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip() + row.split("|")[2][:24])
def test_a_line_is_held_by_tests_that_exist(row: str) -> None:
    named = [(path, name) for path, names in NAMED.findall(row) for name in re.findall(r"`(\w+)`", names)]
    assert named, row
    assert [f"{path}::{name}" for path, name in named if name not in defined(path)] == []
