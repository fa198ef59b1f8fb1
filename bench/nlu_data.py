"""What both engines of `bench.nlu` learn from: all of `data/nlu`, or so many examples an intent, drawn by a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from server.settings import ROOT

TRAINING = ROOT / "data" / "nlu"
HELD_ASIDE = ROOT / "data" / "nlu_eval" / "intents_held_out.jsonl"

Examples = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """What somebody wrote, and what was meant."""

    text: str
    intent: str


def all_examples() -> Examples:
    """Every intent's examples, in the order of the files."""
    found: dict[str, list[str]] = {}
    for path in sorted(TRAINING.glob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8"))["nlu"]:
            lines = [line.removeprefix("- ").strip() for line in block["examples"].splitlines()]
            found.setdefault(block["intent"], []).extend(lines)
    return found


def drawn(each: int, seed: int) -> Examples:
    """`each` examples of every intent. Of one seed, fewer are always among the more."""
    picked = {}
    for intent, texts in all_examples().items():
        shuffled = list(texts)
        random.Random(f"{seed}/{intent}").shuffle(shuffled)
        picked[intent] = shuffled[:each]
    return picked


def write(examples: Examples, path: Path) -> Path:
    """As a training file of Rasa's."""
    nlu = [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)}
        for intent, texts in examples.items()
    ]
    path.write_text(yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True), "utf-8")
    return path


def held_aside() -> list[Labelled]:
    """The texts no training saw, in a fixed shuffled order."""
    rows = [json.loads(line) for line in HELD_ASIDE.read_text("utf-8").splitlines()]
    found = [Labelled(row["text"], row["intent"]) for row in rows]
    random.Random(0).shuffle(found)
    return found
