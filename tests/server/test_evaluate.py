"""`banyi eval`: our own sets hold their floors; a labelled file gives figures and a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.__main__ import app
from server.cli.evaluate import under_floor
from server.settings import SettingsError

RUNNER = CliRunner()


@pytest.mark.parametrize("kind", ["intents", "faq", "articles", "when", "triage", "screen", "sentiment"])
def test_our_own_sets_hold_their_floors(kind: str) -> None:
    done = RUNNER.invoke(app, ["eval", kind, "--check"])
    assert done.exit_code == 0, done.output


def test_a_labelled_file_gives_figures_and_a_report(tmp_path: Path) -> None:
    rows = tmp_path / "mine.jsonl"
    rows.write_text(json.dumps({"text": "膝盖疼，上下楼更厉害", "department": "骨科"}) + "\n")
    page = tmp_path / "out" / "report.html"
    done = RUNNER.invoke(app, ["eval", "triage", str(rows), "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.output
    assert "科室建议" in page.read_text("utf-8")


def test_a_file_of_the_wrong_form_is_named(tmp_path: Path) -> None:
    rows = tmp_path / "mine.jsonl"
    rows.write_text('{"text": "膝盖疼"}\n')
    done = RUNNER.invoke(app, ["eval", "triage", str(rows)])
    assert isinstance(done.exception, SettingsError)
    assert "line 1: needs department" in str(done.exception)


def test_falling_under_a_floor_is_told() -> None:
    from language.evaluation.figures import Evaluation

    assert under_floor([Evaluation("when", {"accuracy": 1.0, "wrong": 0.0})]) == []
    assert "wrong" in under_floor([Evaluation("when", {"accuracy": 1.0, "wrong": 0.2})])[0]
