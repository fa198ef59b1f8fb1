"""What keeps an article from being handed in, and what its editor should look at: `data/seed/article_lint.yml`, and its form.

Errors block `workflow.submit`; warnings are shown. Patients' own questions are not checked for words: they ask what they ask.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import yaml

from content.articles.doc import BODY_MOST, FORMS, SMS_MOST, SUMMARY_MOST, TITLE_MOST, ArticleDoc
from content.articles.errors import say
from content.articles.profiles import headings
from content.articles.readability import HARD, measure
from content.articles.rendering import WECHAT_AUTHOR, WECHAT_CONTENT, render_wechat, safe_html
from content.media.uses import PATH
from content.sms import lint as sms_lint
from content.sms.lint import SmsFrame

FILE = Path(__file__).parents[2] / "data" / "seed" / "article_lint.yml"
TOPICS = Path(__file__).parents[2] / "data" / "seed" / "article_topics.yml"
_ICD = re.compile(r"[A-Z]\d{2}(\.\d{1,2})?")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)|<img\b[^>]*>", re.IGNORECASE)
_HTML = re.compile(
    r"<\s*(script|style|iframe|object|embed|svg|form|input|link|meta)\b|\son\w+\s*=", re.IGNORECASE
)
_BEFORE = 10
"""Characters before a word, in its clause, in which a negation counts; a group's `reach` says otherwise."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change. `field` as in `ArticleDoc` (`variations.0.body` for a variation); `start` and `end` are places in the
    field's text, `line` counts from 1 (0: the whole field). `message` says what is wrong, `suggestion` what to write, `source` the
    rule behind it; all Chinese."""

    field: str
    code: str
    severity: Severity
    message: str
    suggestion: str = ""
    source: str = ""
    excerpt: str = ""
    start: int = 0
    end: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What the house has, to check names against. `media` None or `slugs` None: not checked. `frame` None: the SMS is not measured."""

    media: Collection[UUID] | None = None
    slugs: Collection[str] | None = None
    frame: SmsFrame | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    group: str
    severity: Severity
    find: re.Pattern[str]
    unless: re.Pattern[str] | None
    negatable: bool
    reach: int
    instead: str
    source: str


@cache
def _rules() -> tuple[tuple[_Rule, ...], re.Pattern[str], re.Pattern[str]]:
    raw: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    rules = tuple(
        _Rule(
            group=group,
            severity=rule.get("severity", entry["severity"]),
            find=re.compile(rule["find"]),
            unless=re.compile(rule["unless"]) if rule.get("unless") else None,
            negatable=bool(entry.get("negatable")),
            reach=int(entry.get("reach", _BEFORE)),
            instead=rule["instead"],
            source=entry["source"],
        )
        for group, entry in raw["groups"].items()
        for rule in entry["rules"]
    )
    return rules, re.compile(raw["negation"]), re.compile(raw["question"])


@cache
def topics() -> Mapping[str, Any]:
    """`topics` and `stages` of the house: key to names."""
    read: dict[str, Any] = yaml.safe_load(TOPICS.read_text("utf-8"))
    return read


def check(doc: ArticleDoc, known: Known | None = None) -> list[Finding]:
    """Everything found, errors first, in the order of the fields."""
    given = known or Known()
    found = [*_form(doc, given), *_words(doc), *_pictures(doc, given), *_sms(doc, given.frame)]
    return sorted(found, key=lambda one: one.severity != "error")


def basics(doc: ArticleDoc) -> list[Finding]:
    """What no draft may lack, when it comes from a file: a title, names the house knows, lengths that fit."""
    return [one for one in _names(doc) if one.severity == "error"]


def errors(findings: Collection[Finding]) -> int:
    """How many keep it from being handed in."""
    return sum(one.severity == "error" for one in findings)


def check_words(field: str, text: str) -> Iterator[Finding]:
    """Words of advertising, diagnosis and prescribing in any text of any channel."""
    rules, negation, question = _rules()
    for rule in rules:
        spared = [match.span() for match in rule.unless.finditer(text)] if rule.unless else []
        for match in rule.find.finditer(text):
            start, end = match.span()
            if any((a <= start and end <= b) or (start <= a < end) for a, b in spared):
                continue
            if rule.negatable and (
                negation.search(_clause_before(text, start, rule.reach))
                or question.search(text[end : end + 12])
            ):
                continue
            yield Finding(
                field=field,
                code=rule.group,
                severity=rule.severity,
                message=say("findings", rule.group, word=match.group()),
                suggestion=rule.instead,
                source=rule.source,
                excerpt=text[max(0, start - 8) : end + 8].replace("\n", " "),
                start=start,
                end=end,
                line=text.count("\n", 0, start) + 1,
            )


def _clause_before(text: str, start: int, reach: int) -> str:
    """What the word belongs to, `reach` characters back at most; a clause with 就 goes on with what stands before it."""
    goes_on = "就" in text[max(0, start - 1) : start + 1]
    ends = r"[。！？；\n]|，(?!就|$)" if goes_on else r"[。！？；，\n]"
    return re.split(ends, text[max(0, start - reach) : start])[-1]


def _words(doc: ArticleDoc) -> Iterator[Finding]:
    for field, text in texts_of(doc):
        yield from check_words(field, text)


def texts_of(doc: ArticleDoc) -> Iterator[tuple[str, str]]:
    """Every text a patient reads, by field."""
    for name in ("title", "summary", "body", "wechat", "sms"):
        if text := getattr(doc, name):
            yield name, text
    for number, variation in enumerate(doc.variations):
        yield f"variations.{number}.body", variation.body
    if doc.video is not None:
        yield "video", doc.video.title


def _found(field: str, code: str, severity: Severity = "error", **values: object) -> Finding:
    return Finding(field, code, severity, say("findings", code, **values))


def _form(doc: ArticleDoc, known: Known) -> Iterator[Finding]:
    yield from _names(doc)
    for name in ("summary", "body", "author"):
        if not getattr(doc, name).strip():
            yield _found(name, "missing")
    if not doc.sources:
        yield _found("sources", "no_source")
    for slug in doc.related:
        if known.slugs is not None and slug not in known.slugs:
            yield _found("related", "unknown_related", "warning", value=slug)
    yield from _variations(doc)
    yield from _reading(doc)


def _names(doc: ArticleDoc) -> Iterator[Finding]:
    for name in ("title", "topic"):
        if not getattr(doc, name).strip():
            yield _found(name, "missing")
    for name, most in (
        ("title", TITLE_MOST),
        ("summary", SUMMARY_MOST),
        ("body", BODY_MOST),
        ("wechat", BODY_MOST),
    ):
        if len(getattr(doc, name)) > most:
            yield _found(name, "too_long", most=most, length=len(getattr(doc, name)))
    if doc.topic and doc.topic not in topics()["topics"]:
        yield _found("topic", "unknown_topic", value=doc.topic)
    if doc.stage not in topics()["stages"]:
        yield _found("stage", "unknown_stage", value=doc.stage)
    if doc.form not in FORMS:
        yield _found("form", "unknown_form", value=doc.form)
    for code in doc.conditions:
        if not _ICD.fullmatch(code):
            yield _found("conditions", "not_icd", value=code)
    for one in doc.sources:
        if not one.title.strip():
            yield _found("sources", "source_untitled")
        if one.url and not one.url.startswith("https://"):
            yield _found("sources", "not_https", value=one.url)
    if doc.video is not None and not doc.video.url.startswith("https://"):
        yield _found("video", "not_https", value=doc.video.url)
    if len(doc.author) > WECHAT_AUTHOR:
        yield _found("author", "too_long", most=WECHAT_AUTHOR, length=len(doc.author))


def _variations(doc: ArticleDoc) -> Iterator[Finding]:
    there = {*headings(doc.body), *headings(doc.wechat)}
    for number, one in enumerate(doc.variations):
        field = f"variations.{number}"
        if not one.name.strip():
            yield _found(field, "variation_unnamed")
        if one.replaces and one.replaces not in there:
            yield _found(field, "no_heading", value=one.replaces)
        if not one.replaces and not one.body.strip():
            yield _found(field, "variation_empty", value=one.name)
        if one.when == type(one.when)():
            yield _found(field, "variation_for_all", value=one.name)


def _reading(doc: ArticleDoc) -> Iterator[Finding]:
    level = measure(doc.body)
    if level.grade is not None and level.grade > HARD:
        yield _found("body", "hard_to_read", "warning", grade=level.grade, sentence=level.longest[:40])
    if doc.body.strip() and not any(say("labels", "come") in one for one in headings(doc.body)):
        yield _found("body", "no_when_to_come", "warning", heading=say("labels", "when_to_come"))
    for name in ("body", "wechat"):
        text = getattr(doc, name)
        if match := _HTML.search(text):
            yield _found(name, "unsafe_html", "warning", value=match.group().strip()[:20])
    if len(doc.wechat or doc.body) < BODY_MOST:
        size = len(render_wechat(doc, {}).html)
        if size >= WECHAT_CONTENT:
            yield _found(
                "wechat" if doc.wechat else "body", "wechat_too_long", length=size, most=WECHAT_CONTENT
            )


def _pictures(doc: ArticleDoc, known: Known) -> Iterator[Finding]:
    for name in ("body", "wechat"):
        for match in _IMAGE.finditer(getattr(doc, name)):
            if match[2] is not None and match[2].startswith(PATH):
                continue
            if match[2] is None and " src=" in safe_html(match[0]):
                continue
            yield _found(name, "outside_picture", value=match[0][:40])
    if known.media is not None:
        for media_id in sorted(doc.media() - set(known.media)):
            yield _found("body", "unknown_picture", value=media_id)


def _sms(doc: ArticleDoc, frame: SmsFrame | None) -> Iterator[Finding]:
    if not doc.sms:
        return
    if frame is None:
        if len(doc.sms) > SMS_MOST:
            yield _found("sms", "too_long", most=SMS_MOST, length=len(doc.sms))
        return
    for one in sms_lint.check(doc.sms, frame, most=SMS_MOST):
        yield Finding("sms", one.code, "error", sms_lint.say(one), excerpt=one.value)
