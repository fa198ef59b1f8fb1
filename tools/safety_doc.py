"""Writes the figures and tables of `docs/safety.md` from the screen, its sets and its table of readings.

Usage: python -m tools.safety_doc
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import yaml

from language.embed import Embedder
from language.screen import screen
from server.settings import ROOT

TARGET = ROOT / "docs" / "safety.md"
SETS = ROOT / "data" / "nlu_eval"
RULES = ROOT / "data" / "language" / "screen"
FILES = {
    "screen_cases.jsonl": "written before the rules, mended by, learned from",
    "screen_batch.jsonl": "written after, mended by, learned from",
    "screen_more.jsonl": "written after, learned from",
    "screen_fresh.jsonl": "written after, never learned from; looked at again when mended",
    "screen_fresh2.jsonl": "violence, spoken numbers, dialects; written before the mending of that day, never learned from, looked at",
    "screen_fresh3.jsonl": "written with it, never learned from, never looked into",
    "screen_fresh4.jsonl": "written before the next mending, never learned from, looked at",
    "screen_fresh5.jsonl": "written with it, never learned from, looked at after its first run",
    "screen_fresh6.jsonl": "written after that mending, never learned from, looked at",
    "screen_fresh7.jsonl": "written after the ear was made anew, never learned from, looked at after its first run",
    "screen_fresh8.jsonl": "written after that, never learned from or mended by",
    "screen_talk.jsonl": "dangers and talk of the same dangers, learned from",
    "screen_wide.jsonl": "600 plain tellings of every kind; first run 0.978 and 0.052, then mended by and learned from",
    "screen_fresh9.jsonl": "by an author who had seen no sentence of the project; run once, mended by not at all: the estimate",
    "screen_english.jsonl": "English, written before the rules, mended by",
    "screen_english_fresh.jsonl": "English, looked at once, after the rules were done",
}
DANGER = ("emergency", "crisis")


def _rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (SETS / name).read_text("utf-8").splitlines()]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def figures() -> str:
    """A table by set and one by category, as Markdown."""
    ear = Embedder(ROOT / "var" / "models" / "sentence-onnx", threads=2)
    by_set = ["| set | what it is | danger | recall | ordinary | false alarms |", "|---|---|---|---|---|---|"]
    categories: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, about in FILES.items():
        total = [0, 0, 0, 0]
        for row in _rows(name):
            danger, found = row["label"] in DANGER, screen(row["text"], ear).verdict in DANGER
            category = str(row.get("category") or f"{name.removesuffix('.jsonl')} ({row['label']})")
            for count in (total, categories[category]):
                count[0 if danger else 2] += 1
                count[1 if danger else 3] += found
        by_set.append(
            f"| `{name}` | {about} | {total[0]} | {_share(total[1], total[0])} | {total[2]} | {_share(total[3], total[2])} |"
        )
    by_category = ["| category | danger | recall | ordinary | false alarms |", "|---|---|---|---|---|"]
    for name, count in sorted(categories.items()):
        by_category.append(
            f"| {name} | {count[0]} | {_share(count[1], count[0])} | {count[2]} | {_share(count[3], count[2])} |"
        )
    return "\n".join([*by_set, "", *by_category])


def readings() -> str:
    """The table of vital signs, with its unit and source and the line for a signature."""
    table: dict[str, Any] = yaml.safe_load((RULES / "vitals.yml").read_text("utf-8"))
    lines = ["| reading | unit | alarm below | alarm above | source |", "|---|---|---|---|---|"]
    for one in table["readings"]:
        low, high = one.get("below", "–"), one.get("above", "–")
        lines.append(f"| {'、'.join(one['name'])} | {one['unit']} | {low} | {high} | {one['source']} |")
    pressure = table["blood_pressure"]
    below = f"systolic {pressure['systolic_below']}"
    above = f"systolic {pressure['systolic_above']} or diastolic {pressure['diastolic_above']}"
    lines.append(f"| 血压 | mmHg | {below} | {above} | {pressure['source']} |")
    signed = table["signed_by"]
    lines += [
        "",
        f"Signed by: **{signed}**"
        if signed
        else "Signed by: ______________________ (nobody yet: provisional)",
    ]
    return "\n".join(lines)


def rules() -> str:
    """How many rules there are, by file and id."""
    lines = ["| file | verdict | rules |", "|---|---|---|"]
    for name in ("crisis", "emergency"):
        ids = [
            str(rule["id"]) for rule in yaml.safe_load((RULES / f"{name}.yml").read_text("utf-8"))["rules"]
        ]
        lines.append(f"| `{name}.yml` | {name} | {', '.join(ids)} |")
    english = yaml.safe_load((RULES / "english.yml").read_text("utf-8"))["rules"]
    for verdict in ("crisis", "emergency"):
        ids = [str(rule["id"]) for rule in english if rule["verdict"] == verdict]
        lines.append(f"| `english.yml` | {verdict} | {', '.join(ids)} |")
    return "\n".join(lines)


PARTS = {"figures": figures, "readings": readings, "rules": rules}


def filled(page: str) -> str:
    """`page` with what stands between its marks made anew."""
    for name, make in PARTS.items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = pattern.sub(lambda found, make=make: f"{found[1]}\n{make()}\n\n{found[2]}", page)  # type: ignore[misc]
    return page


def main() -> None:
    TARGET.write_text(filled(TARGET.read_text("utf-8")), "utf-8")
    print(f"{TARGET} written")


if __name__ == "__main__":
    main()
