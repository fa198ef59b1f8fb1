"""Reads the sentences that are made for the screen's ear: dangers and talk of the same dangers (``contrast.yml``), ordinary ones
(``calm.yml``). Every sentence knows its family and the danger's words in it, so that folds can be kept apart by both."""

from __future__ import annotations

import itertools
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from language.screen.lexicon import DATA

SEED = 11
_SLOT = re.compile(r"\{(\w+)\}")
_DANGERS = frozenset({"now", "crisis", "thing", "had", "idiom"})


@dataclass(frozen=True)
class Made:
    """A sentence; ``label``: none, emergency, crisis; ``family``: the frame it was made by; ``words``: the danger's words in it."""

    text: str
    label: str
    kind: str
    family: str
    words: tuple[str, ...] = ()

    def fold(self, folds: int) -> int:
        """The fold its family is judged in."""
        return _place(self.family, folds)

    def touches(self, fold: int, folds: int) -> bool:
        """Whether it holds words that belong to ``fold``."""
        return any(_place(word, folds) == fold for word in self.words)


def _place(name: str, folds: int) -> int:
    return zlib.crc32(name.encode()) % folds


def contrasted(path: Path = DATA / "contrast.yml") -> list[Made]:
    """The sentences of ``contrast.yml``: of each block about ``take``, evenly over its frames, drawn by a fixed seed."""
    read: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    found: dict[str, Made] = {}
    draw = random.Random(SEED)
    for label, block in _blocks(read):
        each = -(-block["take"] // len(block["frames"]))
        for frame in block["frames"]:
            made = _fill(frame, label, each, read["words"], draw)
            found.update((one.text, one) for one in made if one.text not in found)
    return list(found.values())


def _blocks(read: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in read["danger"]:
        yield block.get("label", "emergency"), block
    for block in read["calm"]:
        yield "none", block


def _fill(
    frame: str, label: str, wanted: int, words: dict[str, list[str]], draw: random.Random
) -> list[Made]:
    made: dict[str, Made] = {}
    for _ in range(wanted * 3):
        used: list[str] = []

        def put(slot: re.Match[str], used: list[str] = used) -> str:
            word = draw.choice(words[slot[1]])
            if slot[1] in _DANGERS:
                used.append(word)
            return word

        text = _SLOT.sub(put, frame)
        made.setdefault(text, Made(text, label, "contrast", frame, tuple(used)))
        if len(made) == wanted:
            break
    return list(made.values())


def calm(path: Path = DATA / "calm.yml") -> list[Made]:
    """The ordinary sentences of ``calm.yml``: of each block's combinations ``take``, evenly spread."""
    made: dict[str, Made] = {}
    for number, block in enumerate(yaml.safe_load(path.read_text("utf-8"))):
        every = ["".join(str(part) for part in one) for one in itertools.product(*block["parts"])]
        for place in np.linspace(0, len(every) - 1, min(block["take"], len(every))):
            text = every[int(place)]
            made.setdefault(text, Made(text, "none", "calm", f"calm {number}"))
    return list(made.values())
