"""The seed library of health education: every file keeps the contract, and reads like one library, not one text.

Length counts Chinese characters of the body. SMS texts obey the vendors' template review and the house's lock-screen
rule as the FAQ's do (data/seed/faq_rules.yml).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

SEED = Path(__file__).parents[2] / "data" / "seed"
LIBRARY = SEED / "articles"
CATALOGUE = yaml.safe_load((SEED / "article_topics.yml").read_text(encoding="utf-8"))
RULES = yaml.safe_load(Path(__file__).with_name("seed_articles_rules.yml").read_text(encoding="utf-8"))
FAQ_RULES = yaml.safe_load((SEED / "faq_rules.yml").read_text(encoding="utf-8"))
TRIAGE = yaml.safe_load((SEED.parent / "language" / "triage.yml").read_text(encoding="utf-8"))

KEYS = [
    "slug", "title", "summary", "topic", "conditions", "stage", "for", "form", "sms", "questions", "sources",
    "author", "ai_made", "sample", "related", "video",
]  # fmt: skip
LENGTH = {"long": (600, 1200), "short": (150, 300)}  # Chinese characters
HAN = re.compile(r"[\u3400-\u9fff]")
SMS = re.compile(r"[\u4e00-\u9fffA-Za-z0-9，。、；？:\-]+")
ICD = re.compile(r"[A-Z]\d{2}(\.\d{1,2})?")
SHARED_AT_MOST = 20  # Chinese characters of a paragraph, list item or table row that may stand twice


def read(path: Path) -> tuple[dict[str, Any], str]:
    """Front matter and body of an article file."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body.strip()


FILES = sorted(LIBRARY.glob("*/*.md"))
ARTICLES = {path: read(path) for path in FILES}
SLUGS = Counter(front["slug"] for front, _ in ARTICLES.values())
BY_FILE = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def test_the_topics_are_complete() -> None:
    assert set(CATALOGUE) == {"topics", "stages"}
    for topic in CATALOGUE["topics"].values():
        assert set(topic) == {"name", "description", "departments"}
        assert topic["departments"]
        assert set(topic["departments"]) <= set(TRIAGE["departments"])
        assert 0 < len(topic["description"]) <= 40
    names = [topic["name"] for topic in CATALOGUE["topics"].values()]
    assert len(names) == len(set(names))
    assert all(HAN.search(name) for name in CATALOGUE["stages"].values())


def test_stages_are_those_that_audiences_know() -> None:
    """Rules over the record and articles name the same stage by the same words."""
    known = yaml.safe_load((SEED / "audiences" / "stages.yml").read_text(encoding="utf-8"))
    assert {key: stage["name"] for key, stage in known.items()} | {"any": "不限阶段"} == CATALOGUE["stages"]


def test_slugs_are_unique() -> None:
    assert [slug for slug, times in SLUGS.items() if times > 1] == []


@BY_FILE
def test_front_matter_keeps_the_contract(path: Path) -> None:
    front, _ = ARTICLES[path]
    assert list(front) == KEYS
    assert front["slug"] == path.stem
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", front["slug"])
    assert front["topic"] == path.parent.name
    assert front["topic"] in CATALOGUE["topics"]
    assert front["stage"] in CATALOGUE["stages"]
    assert 0 < len(front["title"]) <= 32
    assert 20 <= len(front["summary"]) <= 80
    assert front["summary"].endswith("。")
    assert all(ICD.fullmatch(code) for code in front["conditions"])
    assert 2 <= len(front["questions"]) <= 6
    assert len(set(front["questions"])) == len(front["questions"])
    assert front["author"] == "伴医示例库"
    assert front["ai_made"] is True
    assert front["sample"] is True
    assert front["video"] is None


@BY_FILE
def test_the_audience_hints_make_sense(path: Path) -> None:
    hints = ARTICLES[path][0]["for"]
    assert list(hints) == ["min_age", "max_age", "sex", "weeks"]
    assert hints["sex"] in (None, "female", "male")
    low, high = hints["min_age"], hints["max_age"]
    assert all(age is None or 0 <= age <= 120 for age in (low, high))
    assert low is None or high is None or low <= high
    if hints["weeks"] is not None:
        first, last = hints["weeks"]
        assert 0 <= first <= last <= 60


@BY_FILE
def test_sources_name_a_document_a_publisher_and_a_year(path: Path) -> None:
    sources = ARTICLES[path][0]["sources"]
    assert sources
    for source in sources:
        assert set(source) == {"title", "publisher", "year"}
        assert source["title"]
        assert source["publisher"]
        assert 2005 <= source["year"] <= 2026


@BY_FILE
def test_related_articles_exist(path: Path) -> None:
    front, _ = ARTICLES[path]
    assert [slug for slug in front["related"] if slug not in SLUGS] == []
    assert front["slug"] not in front["related"]
    assert len(set(front["related"])) == len(front["related"])


@BY_FILE
def test_the_body_is_as_long_as_its_form_says(path: Path) -> None:
    front, body = ARTICLES[path]
    least, most = LENGTH[front["form"]]
    assert least <= len(HAN.findall(body)) <= most


@BY_FILE
def test_the_body_ends_with_when_to_seek_help(path: Path) -> None:
    _, body = ARTICLES[path]
    headings = re.findall(r"^#+ .+$", body, re.MULTILINE)
    assert all(heading.startswith(("## ", "### ")) for heading in headings)
    assert headings[-1] == f"## {RULES['last_heading']}"
    assert len(HAN.findall(body.rsplit(headings[-1], 1)[1])) >= 20


@BY_FILE
def test_every_alarm_says_where_to_go(path: Path) -> None:
    """An item of the last section that names a danger and no place or time leaves its reader alone with it."""
    last = ARTICLES[path][1].rsplit(RULES["last_heading"], 1)[1]
    assert RULES["ambulance"] in last
    items = [line for line in last.splitlines() if line.startswith("- ")]
    assert [item for item in items if not any(word in item for word in RULES["where_to"])] == []


@BY_FILE
def test_nothing_reads_like_advertising(path: Path) -> None:
    front, body = ARTICLES[path]
    text = "\n".join([front["title"], front["summary"], front["sms"], *front["questions"], body])
    assert [word for word in RULES["advertising"] if word in text] == []
    assert re.findall(r"[!！~～]|亲[，。]|https?:|www\.|<[a-zA-Z]", text) == []


@BY_FILE
def test_the_sms_can_be_sent_and_gives_nothing_away(path: Path) -> None:
    sms = ARTICLES[path][0]["sms"]
    assert 10 <= len(sms) <= 50
    assert SMS.fullmatch(sms), SMS.sub("", sms)
    assert not sms.endswith(("。", "，", "、", "；", "：")), "the channel adds the full stop"
    words = [*FAQ_RULES["forbidden_in_sms"], *FAQ_RULES["sensitive_in_sms"], *RULES["sms"]]
    assert [word for word in words if word in sms] == []


@BY_FILE
def test_tables_are_whole(path: Path) -> None:
    """Rows of one table have as many cells as its head."""
    for block in re.findall(r"(?:^\|.*\|$\n?)+", ARTICLES[path][1], re.MULTILINE):
        cells = {line.count("|") for line in block.strip().splitlines()}
        assert len(cells) == 1, block
        assert re.fullmatch(r"\|[\s:|-]+\|", block.splitlines()[1])


def test_no_paragraph_stands_in_two_articles() -> None:
    seen: dict[str, Path] = {}
    repeated: list[tuple[str, str, str]] = []
    for path, (_, body) in ARTICLES.items():
        for line in body.splitlines():
            key = "".join(HAN.findall(line))
            if len(key) < SHARED_AT_MOST:
                continue
            if key in seen:
                repeated.append((line, seen[key].stem, path.stem))
            seen[key] = path
    assert repeated == []


def test_no_question_belongs_to_two_articles() -> None:
    questions = Counter("".join(HAN.findall(q)) for front, _ in ARTICLES.values() for q in front["questions"])
    assert [question for question, times in questions.items() if times > 1] == []
