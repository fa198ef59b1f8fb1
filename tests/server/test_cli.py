"""The contract of the command line: JSON Lines in, exactly the promised fields out, wrong lines named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.cli.__main__ import app
from server.cli.language import _contract_intent
from server.settings import ROOT, SettingsError

DEPARTMENTS = {
    "心血管内科",
    "呼吸内科",
    "消化内科",
    "神经内科",
    "内分泌科",
    "肾内科",
    "血液科",
    "风湿免疫科",
    "感染科",
    "肝病科",
    "肿瘤科",
    "普通外科",
    "骨科",
    "神经外科",
    "胸外科",
    "心脏外科",
    "血管外科",
    "泌尿外科",
    "乳腺外科",
    "肛肠科",
    "妇产科",
    "男科",
    "儿科",
    "眼科",
    "耳鼻咽喉科",
    "口腔科",
    "皮肤科",
    "精神心理科",
    "康复科",
    "中医科",
    "疼痛科",
    "急诊科",
}


def run(*arguments: str, lines: list[dict[str, Any]] | str = "") -> list[dict[str, Any]]:
    """The rows a command writes; raises what it raises."""
    given = (
        lines
        if isinstance(lines, str)
        else "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    )
    result = CliRunner().invoke(app, list(arguments), input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_when_answers_each_line_in_order() -> None:
    rows = run(
        "when",
        "--now",
        "2026-11-22T10:00",
        "-",
        lines=[{"text": "周四下午三点半"}, {"text": "停车场在哪"}, {"text": "明早九点", "id": 7}],
    )
    assert [row["text"] for row in rows] == ["周四下午三点半", "停车场在哪", "明早九点"]
    assert rows[0].keys() == {"text", "start", "end", "grain", "residue"}
    assert rows[0]["start"] == "2026-11-26T15:30:00"
    assert rows[1]["start"] is None
    assert rows[2]["start"] == "2026-11-23T09:00:00"


def test_triage_names_the_contracts_departments() -> None:
    rows = run("triage", "-", lines=[{"text": "心慌，躺下喘"}, {"text": "眼睛看东西模糊"}, {"text": "你好"}])
    for row in rows:
        assert row.keys() == {"text", "departments", "confidence"}
        assert set(row["departments"]) <= DEPARTMENTS
        assert 0 <= row["confidence"] <= 1
    assert rows[0]["departments"][0] == "心血管内科"
    assert rows[1]["departments"][0] == "眼科"


def test_search_finds_ten_in_any_pool(tmp_path: Path) -> None:
    if not (ROOT / "var" / "models" / "sentence-onnx").exists():
        pytest.skip("the sentence model is not built: make setup")
    pool = tmp_path / "pool.jsonl"
    texts = ["医院几点上班", "停车场在哪里", "怎么退号", *(f"第{n}个别的问题" for n in range(12))]
    pool.write_text(
        "".join(
            json.dumps({"pid": f"p{n}", "text": text}, ensure_ascii=False) + "\n"
            for n, text in enumerate(texts)
        ),
        "utf-8",
    )
    rows = run("search", "--pool", str(pool), "-", lines=[{"query": "车停哪儿"}, {"query": "我想退号"}])
    assert [row["query"] for row in rows] == ["车停哪儿", "我想退号"]
    for row, best in zip(rows, ("p1", "p2"), strict=True):
        assert row.keys() == {"query", "hits"}
        assert len(row["hits"]) == 10
        assert row["hits"][0]["pid"] == best
        scores = [hit["score"] for hit in row["hits"]]
        assert scores == sorted(scores, reverse=True)


def test_parse_names_the_likeliest_intent_when_the_engine_was_unsure() -> None:
    sure = {"intent": "greet", "confidence": 0.9, "ranking": [["greet", 0.9]]}
    unsure = {
        "intent": "nlu_fallback",
        "confidence": 0.3,
        "ranking": [["nlu_fallback", 0.7], ["ask_faq", 0.3]],
    }
    assert _contract_intent(sure) == "greet"
    assert _contract_intent(unsure) == "ask_faq"
    assert _contract_intent({"intent": "nlu_fallback", "confidence": 0.0, "ranking": []}) == "out_of_scope"
    assert _contract_intent({"intent": None, "confidence": 0.0, "ranking": []}) == "out_of_scope"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.jsonl"):
        run("triage", str(tmp_path / "nothing.jsonl"))


def test_empty_lines_are_nothing() -> None:
    assert run("triage", "-", lines="\n\n") == []


@pytest.mark.parametrize(
    "command", ["run", "train", "parse", "search", "when", "triage", "chat", "load", "export", "db"]
)
def test_every_command_helps_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "./banyi " + command in " ".join(result.output.split())
