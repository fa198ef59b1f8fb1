"""`ArticleDoc`: everything an editor writes about an article, as one plain value with one canonical form."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from content.media.uses import PATH, ids_in

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
TITLE_MOST, SUMMARY_MOST, SMS_MOST = 32, 80, 50
"""Characters: what fits a WeChat card's title, an answer in the chat, and the short text of an SMS."""
BODY_MOST = 60_000
"""Characters of one body that are taken at all."""
FORMS = ("long", "short")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts come from. `year` of publication; `url` only where the work itself stands on the web."""

    title: str
    publisher: str = ""
    year: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Video:
    """A film shown as a link; nothing of it is loaded from elsewhere before it is tapped."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom it is written: hints for rules, and the condition of a variation.

    Ages in years, both ends included; `weeks` of pregnancy or after surgery, both included; `conditions` are ICD-10 prefixes (any
    of them); `sex` male or female. What is None or empty is no condition.
    """

    min_age: int | None = None
    max_age: int | None = None
    sex: str | None = None
    weeks: tuple[int, int] | None = None
    conditions: tuple[str, ...] = ()
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Variation:
    """What somebody reads instead, when `when` fits: the part under the heading `replaces` (empty: the whole body).

    `body` is Markdown; empty leaves that part out. The first variation of a part that fits is taken.
    """

    name: str
    when: Audience
    body: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class ArticleDoc:
    """`body` is the page's Markdown; `wechat` the WeChat article's where it differs; `sms` the short text.

    `conditions` are ICD-10 prefixes it is about; `questions` what patients ask that it answers; `related` are slugs; `reviewer` a
    name printed beside the author's; `review_by` and `expires_on` override the house's terms.
    """

    title: str = ""
    summary: str = ""
    topic: str = ""
    stage: str = "any"
    form: str = "long"
    body: str = ""
    wechat: str = ""
    sms: str = ""
    conditions: tuple[str, ...] = ()
    audience: Audience = field(default_factory=Audience)
    variations: tuple[Variation, ...] = ()
    questions: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    author: str = ""
    reviewer: str = ""
    ai_made: bool = False
    sample: bool = False
    related: tuple[str, ...] = ()
    video: Video | None = None
    cover: str = ""
    """Media id of the picture on cards and lists; empty: none."""
    review_by: date | None = None
    expires_on: date | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them back."""
        raw = asdict(self)
        for name in ("review_by", "expires_on"):
            raw[name] = raw[name].isoformat() if raw[name] else None
        plain: dict[str, Any] = json.loads(json.dumps(raw, ensure_ascii=False))
        return plain

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ArticleDoc:
        """Reads what `to_json` wrote; unknown names are ignored, missing ones have their default."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if raw.get(name) is not None}
        for name in ("conditions", "questions", "related"):
            known[name] = tuple(str(one) for one in known.get(name, ()))
        known["audience"] = audience_of(known.get("audience") or {})
        known["sources"] = tuple(_only(Source, one) for one in known.get("sources", ()))
        known["variations"] = tuple(
            Variation(
                name=str(one.get("name", "")),
                when=audience_of(one.get("when") or {}),
                body=str(one.get("body") or ""),
                replaces=str(one.get("replaces") or ""),
            )
            for one in known.get("variations", ())
        )
        if "video" in known:
            known["video"] = _only(Video, known["video"])
        for name in ("review_by", "expires_on"):
            if isinstance(known.get(name), str):
                known[name] = date.fromisoformat(known[name])
        return cls(**known)

    @property
    def digest(self) -> str:
        """What a reviewer signs; see `digest_of`."""
        return digest_of(self.to_json())

    def tidy(self) -> ArticleDoc:
        """The same text without what nobody sees: blank ends, carriage returns. What is handed in and what is imported is tidy."""

        def body(text: str) -> str:
            return f"{text}\n" if (text := text.replace("\r\n", "\n").strip()) else ""

        names = ("title", "summary", "sms", "author", "reviewer", "topic", "stage", "form", "cover")
        lines: dict[str, Any] = {name: " ".join(getattr(self, name).split()) for name in names}
        return replace(
            self,
            **lines,
            body=body(self.body),
            wechat=body(self.wechat),
            variations=tuple(replace(one, body=body(one.body)) for one in self.variations),
        )

    def media(self) -> set[UUID]:
        """Ids of the library's pictures it shows, on any channel."""
        texts = (self.body, self.wechat, f"{PATH}{self.cover}", *(one.body for one in self.variations))
        return {found for text in texts for found in ids_in(text)}

    def changed(self, **values: Any) -> ArticleDoc:
        return replace(self, **values)


def digest_of(raw: Mapping[str, Any]) -> str:
    """SHA-256 of a document's plain values in canonical form (sorted names, no spaces, UTF-8)."""
    plain = json.dumps(raw, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def audience_of(raw: Mapping[str, Any]) -> Audience:
    """An audience from plain values. Raises `ValueError` for a range that runs backwards or a sex that is none."""
    weeks = raw.get("weeks")
    found = Audience(
        min_age=_number(raw.get("min_age")),
        max_age=_number(raw.get("max_age")),
        sex=str(raw["sex"]) if raw.get("sex") else None,
        weeks=(int(weeks[0]), int(weeks[1])) if weeks else None,
        conditions=tuple(str(one) for one in raw.get("conditions") or ()),
        stage=str(raw["stage"]) if raw.get("stage") else None,
    )
    if found.sex not in (None, "male", "female"):
        raise ValueError(f"sex {found.sex!r}")
    for low, high in ((found.min_age, found.max_age), found.weeks or (None, None)):
        if low is not None and high is not None and low > high:
            raise ValueError(f"{low} > {high}")
    return found


def _number(value: Any) -> int | None:
    return None if value is None or value == "" else int(value)


def _only(kind: Any, raw: Mapping[str, Any]) -> Any:
    return kind(**{name: raw[name] for name in kind.__dataclass_fields__ if raw.get(name) is not None})
