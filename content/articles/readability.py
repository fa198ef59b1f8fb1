"""How hard a Chinese text is to read, as a school grade.

Formula (荆溪昱《中文国文教材的适读性研究：适读年级值的推估》, 教育研究资讯 3(3), 1995), fitted on Chinese school books:
grade = 17.52547988 + 0.00242523 · length + 0.04414527 · sentence − 18.33435443 · common
with `length` the text's characters, `sentence` the mean characters of a sentence and `common` the share of common characters.
`length` is capped at `LONGEST`: the school books it was fitted on are about that long, and an article is read in parts.
Common characters: `data/seed/common_characters.txt`, see there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from content.articles.plain import plain_of

FILE = Path(__file__).parents[2] / "data" / "seed" / "common_characters.txt"
LONGEST = 800
EASY, HARD = 6.0, 9.0
"""Grades: patient leaflets are advised to stay at or below the sixth (AHRQ Health Literacy Universal Precautions Toolkit, tool 11);
above the ninth most adults need help."""

_HAN = re.compile(r"[\u4e00-\u9fff]")
_ENDS = re.compile(r"[。！？；!?\n]+")


@dataclass(frozen=True, slots=True)
class Level:
    """`grade` 1-16 (school year); `sentence` mean characters of a sentence; `common` 0-1; `longest` its longest sentence.

    `verdict`: easy, fair, hard; empty where there is too little text to tell.
    """

    grade: float | None
    characters: int
    sentence: float
    common: float
    longest: str
    verdict: str


@cache
def common_characters() -> frozenset[str]:
    lines = FILE.read_text("utf-8").splitlines()
    return frozenset("".join(line for line in lines if not line.startswith("#")))


def measure(markdown: str) -> Level:
    """The level of a Markdown text; `grade` None below 30 characters."""
    sentences = [piece for piece in _ENDS.split(plain_of(markdown)) if _HAN.search(piece)]
    han = [character for piece in sentences for character in _HAN.findall(piece)]
    if len(han) < 30:
        return Level(None, len(han), 0.0, 0.0, "", "")
    common = sum(character in common_characters() for character in han) / len(han)
    sentence = len(han) / len(sentences)
    grade = 17.52547988 + 0.00242523 * min(len(han), LONGEST) + 0.04414527 * sentence - 18.33435443 * common
    grade = round(min(max(grade, 1.0), 16.0), 1)
    longest = max(sentences, key=lambda piece: len(_HAN.findall(piece))).strip()
    verdict = "easy" if grade <= EASY else "fair" if grade <= HARD else "hard"
    return Level(grade, len(han), round(sentence, 1), round(common, 3), longest, verdict)
