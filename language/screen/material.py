"""What the screen's two classifiers learn from: the project's labelled sentences, made ones, and the texts of ordinary life.

``screen_fresh*.jsonl`` are never learned from: they judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from language.screen.contrast import Made, calm, contrasted
from language.screen.engine import by_rules
from language.triage.table import DEPARTMENTS

ROOT = Path(__file__).resolve().parents[2]
EVALUATION = ROOT / "data" / "nlu_eval"
OWN = (
    "screen_cases.jsonl",
    "screen_batch.jsonl",
    "screen_more.jsonl",
    "screen_talk.jsonl",
    "screen_wide.jsonl",
)
COMPLAINTS = ("triage_cases.jsonl", "triage_more.jsonl")
_EMERGENCY = DEPARTMENTS[-1]


def material() -> list[Made]:
    """Every sentence once. Of ``data/nlu``, the seeded FAQ and the complaints only what the rules find harmless, since nobody
    labelled them."""
    judging = {text for path in EVALUATION.glob("screen_fresh*.jsonl") for text, _ in _cases(path)}
    found: dict[str, Made] = {}
    for one in (*_own(), *contrasted(), *calm()):
        if one.text not in judging:
            found.setdefault(one.text, one)
    for kind, texts in (("nlu", _nlu()), ("faq", _faq()), ("complaints", _complaints())):
        for text in texts:
            if text not in found and text not in judging and by_rules(text).verdict == "none":
                found[text] = Made(text, "none", kind, text)
    return list(found.values())


def titles(path: Path) -> list[Made]:
    """Titles of ordinary questions (JSON Lines with a ``title``) the rules find harmless."""
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = dict.fromkeys(str(json.loads(line)["title"]) for line in lines if line.strip())
    return [Made(text, "none", "titles", text) for text in texts if by_rules(text).verdict == "none"]


def _cases(path: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], row.get("label") or row["department"]) for row in rows]


def _own() -> list[Made]:
    return [
        Made(text, label, "own", text, (text,)) for name in OWN for text, label in _cases(EVALUATION / name)
    ]


def _nlu() -> Iterator[str]:
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for item in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu", []):
            if "intent" in item:
                lines = str(item["examples"]).splitlines()
                yield from (line.strip().removeprefix("- ") for line in lines if line.strip())


def _faq() -> Iterator[str]:
    for path in sorted((ROOT / "data" / "seed" / "faq").glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]:
            yield from (str(text) for text in (entry["question"], *(entry.get("similar") or ())))


def _complaints() -> list[str]:
    rows = [row for name in COMPLAINTS for row in _cases(EVALUATION / name)]
    return [text for text, department in rows if department != _EMERGENCY]
