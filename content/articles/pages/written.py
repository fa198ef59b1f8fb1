"""A draft as the editor's script sends it: checked in form, and turned into an `ArticleDoc`."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from content.articles.doc import BODY_MOST, ArticleDoc, Audience, Source, Variation, Video

Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
Body = Annotated[str, StringConstraints(max_length=BODY_MOST * 2)]
"""Longer than allowed, so that the checks can say by how much."""
Few = Annotated[list[Short], Field(max_length=50)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WrittenSource(_Given):
    title: Short = ""
    publisher: Short = ""
    year: Annotated[int, Field(ge=1900, le=2200)] | None = None
    url: Short = ""


class WrittenAudience(_Given):
    min_age: Annotated[int, Field(ge=0, le=130)] | None = None
    max_age: Annotated[int, Field(ge=0, le=130)] | None = None
    sex: Annotated[str, Field(pattern="^(male|female)$")] | None = None
    weeks_from: Annotated[int, Field(ge=0, le=300)] | None = None
    weeks_to: Annotated[int, Field(ge=0, le=300)] | None = None
    conditions: Few = []
    stage: Short | None = None

    def value(self) -> Audience:
        """Ranges given backwards are turned round; an open end of weeks is closed by the other's."""
        low, high = _ordered(self.min_age, self.max_age)
        first, last = _ordered(self.weeks_from, self.weeks_to)
        either = first if first is not None else last
        weeks = None if either is None else (first if first is not None else 0, last or either)
        return Audience(low, high, self.sex, weeks, tuple(filter(None, self.conditions)), self.stage or None)


class WrittenVariation(_Given):
    name: Short = ""
    when: WrittenAudience = WrittenAudience()
    body: Body = ""
    replaces: Short = ""


class Written(_Given):
    """Every field of the form. Empty lines of lists are left out."""

    title: Short = ""
    summary: Short = ""
    topic: Short = ""
    stage: Short = "any"
    form: Annotated[str, Field(pattern="^(long|short)$")] = "long"
    body: Body = ""
    wechat: Body = ""
    sms: Short = ""
    conditions: Few = []
    audience: WrittenAudience = WrittenAudience()
    variations: Annotated[list[WrittenVariation], Field(max_length=20)] = []
    questions: Few = []
    sources: Annotated[list[WrittenSource], Field(max_length=30)] = []
    author: Short = ""
    reviewer: Short = ""
    ai_made: bool = False
    sample: bool = False
    related: Few = []
    video_title: Short = ""
    video_url: Short = ""
    cover: Short = ""
    review_by: date | None = None
    expires_on: date | None = None

    def doc(self) -> ArticleDoc:
        """The document, as it is stored and signed."""
        plain = self.model_dump(
            include={
                "title", "summary", "topic", "stage", "form", "body", "wechat", "sms", "author", "reviewer",
                "ai_made", "sample", "cover", "review_by", "expires_on",
            }
        )  # fmt: skip
        return ArticleDoc(
            **plain,
            conditions=tuple(filter(None, self.conditions)),
            questions=tuple(filter(None, self.questions)),
            related=tuple(filter(None, self.related)),
            audience=self.audience.value(),
            sources=tuple(Source(**one.model_dump()) for one in self.sources if one.title or one.publisher),
            variations=tuple(
                Variation(one.name, one.when.value(), one.body, one.replaces) for one in self.variations
            ),
            video=Video(self.video_title, self.video_url) if self.video_url else None,
        )


def _ordered(low: int | None, high: int | None) -> tuple[int | None, int | None]:
    return (high, low) if low is not None and high is not None and low > high else (low, high)
