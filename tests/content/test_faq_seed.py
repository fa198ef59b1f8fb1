"""The seeded FAQ of the demo hospital: complete, consistent, and sendable by SMS as it stands.

The SMS rules are those of the mainland vendors' template review (Aliyun and Tencent notice templates: no
brackets, links, mobile numbers or certain words; 67 characters a part once a message exceeds 70, the
signature counted) and the house's own: what a lock screen shows names the place, never a sensitive
department, a diagnosis or a product.
"""

from __future__ import annotations

import json
import re
import unicodedata
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import yaml

DATA = Path(__file__).parents[2] / "data"
SEED = DATA / "seed" / "faq"
HELD_OUT = DATA / "nlu_eval" / "faq_held_out.jsonl"  # as patients ask, and what no entry answers (id null)
INDIRECT = DATA / "nlu_eval" / "faq_held_out_indirect.jsonl"  # the hard half: told round the hospital's words

SIGNATURE = "【云江示范医院】"
TAIL = "。更多请致电0571-00000000"
TWO_PARTS = 134  # characters: 2 x 67
FIELDS = {"id", "category", "question", "similar", "answer", "sms", "source", "keywords"}

FORBIDDEN_IN_SMS = (
    "医疗", "问卷调查", "公众号", "小程序", "邀请好评", "回复确认收货", "拒收请回复", "医美", "微信群", "QQ", "http", "www",
)  # fmt: skip
SENSITIVE_IN_SMS = (
    "精神", "心理", "感染", "肿瘤", "男科", "癌", "发热门诊", "肠道门诊", "戒烟", "睡眠", "糖尿病", "高血压", "狂犬", "HPV",
    "流感", "疱疹", "乙肝", "吗啡", "胰岛素",
)  # fmt: skip
SMS_CHARACTERS = re.compile(r"[\u4e00-\u9fffA-Za-z0-9，。、；？:\-]+")
MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
OVER_NOON = re.compile(
    r"上午\d{1,2}:\d{2}[至\-](1[3-9]|2\d):\d{2}"
)  # 上午8:00至17:00: the end needs its own half
DAY_HALVES = {"上午": range(5, 12), "中午": range(11, 14), "下午": range(12, 19), "晚上": range(18, 24)}


def load_entries() -> list[dict[str, Any]]:
    """Every entry of every topic file, in file order."""
    entries: list[dict[str, Any]] = []
    for path in sorted(SEED.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(document) == {"entries"}, path.name
        entries.extend(document["entries"])
    return entries


def load_questions(path: Path) -> list[dict[str, Any]]:
    """Evaluation questions: `{"query", "id"}`, `id` null where no entry answers."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def normalise(text: str) -> str:
    """Compare texts as a retriever would see them: width, case, spaces and punctuation away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LN")


def phrasings(entry: dict[str, Any]) -> list[str]:
    """The canonical question and its variants."""
    return [entry["question"], *entry["similar"]]


ENTRIES = load_entries()
BY_ENTRY = pytest.mark.parametrize("entry", ENTRIES, ids=[e["id"] for e in ENTRIES])


def test_there_are_enough_entries_with_unique_ids() -> None:
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) >= 120
    assert len(ids) == len(set(ids))


@BY_ENTRY
def test_entry_is_complete(entry: dict[str, Any]) -> None:
    assert set(entry) == FIELDS
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", entry["id"])
    for field in FIELDS - {"similar", "keywords"}:
        assert isinstance(entry[field], str)
        assert entry[field] == entry[field].strip() != ""
    assert entry["question"].endswith("？")
    assert 4 <= len(entry["similar"]) <= 8
    assert entry["keywords"]
    assert all(isinstance(item, str) and item.strip() for item in entry["similar"] + entry["keywords"])
    assert re.search(r"《.+》$", entry["source"]), "a source names the document it comes from"


@BY_ENTRY
def test_answer_is_short_and_in_the_house_tone(entry: dict[str, Any]) -> None:
    answer = entry["answer"]
    assert 30 <= len(answer) <= 300
    assert answer.endswith(("。", "？"))
    assert not re.search(r"[!！~～]|亲[，。]|http|www", answer)
    assert not MOBILE.search(answer)


@BY_ENTRY
@pytest.mark.parametrize("field", ["answer", "sms"])
def test_times_say_which_half_of_the_day(entry: dict[str, Any], field: str) -> None:
    """`下午13:30`, or the end of a range whose start says it; and the hour belongs to that half."""
    text = entry[field]
    assert not OVER_NOON.search(text)
    for match in CLOCK.finditer(text):
        half = text[max(0, match.start() - 2) : match.start()]
        assert half in DAY_HALVES or half[-1:] in {"-", "至"}, f"{half}{match.group()}"
        if half in DAY_HALVES:
            assert int(match.group(1)) in DAY_HALVES[half], f"{half}{match.group()}"
        assert int(match.group(1)) < 24
        assert int(match.group(2)) < 60


@BY_ENTRY
def test_sms_is_an_approvable_template(entry: dict[str, Any]) -> None:
    sms = entry["sms"]
    assert SMS_CHARACTERS.fullmatch(sms), SMS_CHARACTERS.sub("", sms)
    assert len(sms) <= 90
    assert len(SIGNATURE + sms + TAIL) <= TWO_PARTS
    assert not sms.endswith(("。", "，", "、", "；", "：")), "the channel adds the full stop"
    assert "0571" not in sms, "the channel adds the landline"
    assert not MOBILE.search(sms)
    assert [word for word in FORBIDDEN_IN_SMS if word in sms] == []


@BY_ENTRY
def test_sms_gives_nothing_away_on_a_lock_screen(entry: dict[str, Any]) -> None:
    assert [word for word in SENSITIVE_IN_SMS if word in entry["sms"]] == []


def test_no_question_belongs_to_two_entries() -> None:
    seen: dict[str, str] = {}
    clashes: list[tuple[str, str, str]] = []
    for entry in ENTRIES:
        for text in phrasings(entry):
            key = normalise(text)
            assert key
            if key in seen:
                clashes.append((text, seen[key], entry["id"]))
            seen[key] = entry["id"]
    assert clashes == []


def test_held_out_questions_cover_the_seed_and_what_it_does_not_answer() -> None:
    rows = load_questions(HELD_OUT)
    answered = [row for row in rows if row["id"] is not None]
    assert len(answered) >= 250
    assert len(rows) - len(answered) >= 60
    assert {row["id"] for row in answered} == {entry["id"] for entry in ENTRIES}
    indirect = load_questions(INDIRECT)
    assert {row["id"] for row in indirect} == {entry["id"] for entry in ENTRIES}
    assert all(set(row) == {"query", "id"} for row in rows + indirect)
    queries = [normalise(row["query"]) or row["query"] for row in rows + indirect]
    assert len(set(queries)) == len(queries)
    assert all(query.strip() for query in queries)


def test_held_out_questions_are_not_the_seed_reworded_lightly() -> None:
    """A held-out text is absent from the whole seed and unlike its own entry's phrasings."""
    seeded = {normalise(text) for entry in ENTRIES for text in phrasings(entry)}
    own = {entry["id"]: [normalise(text) for text in phrasings(entry)] for entry in ENTRIES}
    leaks: list[tuple[str, str]] = []
    for row in load_questions(HELD_OUT) + load_questions(INDIRECT):
        query = normalise(row["query"])
        if query and query in seeded:
            leaks.append((row["query"], "in the seed"))
        for text in own.get(row["id"] or "", []):
            if SequenceMatcher(None, query, text).ratio() > 0.7:
                leaks.append((row["query"], text))
    assert leaks == []
