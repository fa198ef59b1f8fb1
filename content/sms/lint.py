"""An SMS text before it is handed in: signature, variables, links, words, opt-out by kind, parts and cost.

The vendors' rules: https://help.aliyun.com/document_detail/463270.htm (templates, links, 拒收请回复R),
https://cloud.tencent.com/document/product/382/39023 (words, links), https://help.aliyun.com/document_detail/414224.html (length).
Words and limits: `data/seed/faq_rules.yml`; what a template's form must be is `channels.sms.template`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from channels.sms.template import OPT_OUT_TAIL, Kind, SmsTemplate, count_parts

FILE = Path(__file__).parents[2] / "data" / "seed" / "faq_rules.yml"
WORDS = FILE.with_name("sms_words.yml")
MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
VARIABLE = re.compile(r"\$\{\w+\}")
_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}-?\d{7,8}(?!\d)")
_ODD = re.compile(r"[^\u4e00-\u9fffA-Za-z0-9，。、；？:\-]")
_LINK = re.compile(r"https?:|www\.|(?<![a-z0-9])[a-z0-9-]+\.(?:com|cn|net|org|top|cc|io|me)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a field. `code` has its words in data; `value` is the word, number or time."""

    field: str
    code: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SmsFrame:
    """What stands around a text in its SMS: 【sign】 before, the ending with the landline after; by `kind` the way to refuse more.

    `price` is what one part costs, in yuan."""

    sign: str
    tail: str
    kind: Kind = "notice"
    price: float = 0.0

    def whole(self, text: str) -> str:
        """As the phone shows it."""
        return f"【{self.sign}】{self.body(text)}"

    def body(self, text: str) -> str:
        """The template without its signature."""
        if self.kind != "marketing":
            return f"{text.rstrip('。')}{self.tail}"
        return f"{text.rstrip('。')}{self.tail}，{OPT_OUT_TAIL}"


@dataclass(frozen=True, slots=True)
class SmsReport:
    """`whole` as the phone shows it, its `characters` and `parts`, `cost` in yuan, and what is to be changed."""

    whole: str
    characters: int
    parts: int
    cost: float
    findings: tuple[Finding, ...]


@cache
def rules() -> dict[str, Any]:
    """The numbers and words of `FILE`."""
    read: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return read


@cache
def words() -> dict[str, str]:
    """What an editor reads, by the code of a finding; `{value}` is filled in."""
    read: dict[str, str] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return read


def article_tail() -> str:
    """What every article's SMS ends with; the catalogue fills in `{site}` and `{landline}`, sending `${path}`."""
    return words()["article_tail"]


def say(finding: Finding) -> str:
    return words().get(finding.code, finding.code).format(value=finding.value)


def report(text: str, frame: SmsFrame, *, most: int | None = None) -> SmsReport:
    """Everything an editor is told while writing; `most` characters of the text itself (default: the FAQ's)."""
    whole = frame.whole(text)
    parts = count_parts(whole)
    found = tuple(check(text, frame, most=most))
    return SmsReport(whole, len(whole), parts, round(parts * frame.price, 4), found)


def check(text: str, frame: SmsFrame, *, most: int | None = None, field: str = "sms") -> Iterator[Finding]:
    """What keeps a text from being sent as it stands inside `frame`."""
    limits = rules()["sms"]
    longest = most or int(limits["most"])
    bare = VARIABLE.sub("", text)
    if odd := "".join(dict.fromkeys(_ODD.findall(_LINK.sub("", bare)))):
        yield Finding(field, "characters", odd)
    if len(text) > longest:
        yield Finding(field, "too_long", str(longest))
    elif count_parts(frame.whole(text)) > limits["parts"]:
        yield Finding(field, "parts", str(limits["parts"]))
    if text.endswith(("。", "，", "、", "；", "：")):
        yield Finding(field, "ends_with_mark")
    if MOBILE.search(text):
        yield Finding(field, "mobile")
    if _LANDLINE.search(text):
        yield Finding(field, "landline")
    if link := _LINK.search(text):
        yield Finding(field, "link", link.group())
    for code in ("forbidden_in_sms", "sensitive_in_sms"):
        for word in rules()[code]:
            if word in text:
                yield Finding(field, code, word)
    yield from _form(text, frame, field)


_SAID = frozenset({"mobile_number", "empty", "forbidden_word"})
"""What a template's own check finds and is told above, or by who asks whether there is a text at all."""


def _form(text: str, frame: SmsFrame, field: str) -> Iterator[Finding]:
    """What the vendor's review would refuse in the template itself: brackets, signature, variables, opt-out by kind."""
    template = SmsTemplate(code="", key="", text=frame.body(text), sign=frame.sign, kind=frame.kind)
    for one in template.problems():
        if one.problem.value not in _SAID and not (one.problem.value == "brackets" and "【" not in text):
            yield Finding(field, one.problem.value, one.where)
