"""What is counted, as rows of plain numbers: they are kept as JSON and read back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple


class Reached(NamedTuple):
    """Patients of one arm of a campaign by channel; a patient counts once a campaign, from the first time on.

    `arm`: `holdout` or the variant's, whose article is `article` (a title). `planned` to `back` as in docs/insight.md; `over`: those
    whose days are over, and of them `fair` came back without a link of this campaign, `booked` made an appointment; `due` had an
    appointment before and its time came, of them `noshow` did not come.
    """

    campaign: str
    audience: str
    article: str
    arm: str
    channel: str
    planned: int
    sent: int
    delivered: int
    counted: int
    opened: int
    finished: int
    back: int
    over: int
    fair: int
    booked: int
    due: int
    noshow: int


class ArticleRow(NamedTuple):
    """One article: patients it reached, who opened and finished it (by name), looks of nobody by name, answers to 有帮助吗."""

    slug: str
    title: str
    sent: int
    opened: int
    finished: int
    looks: int
    helpful: int
    unhelpful: int


class VisitRow(NamedTuple):
    """Appointments of one month (its place in the period) for a clinic's day in it."""

    month: int
    department: str
    via: str
    status: str
    number: int


class SurveyRow(NamedTuple):
    """Questionnaires begun in the period."""

    title: str
    status: str
    number: int


class LostRow(NamedTuple):
    """Patients noticed as overdue in the period (`Loss.reason`, `Loss.stage`)."""

    reason: str
    stage: str
    number: int


class PlanRow(NamedTuple):
    """Care plans begun in the period (`CarePlan.status`)."""

    title: str
    status: str
    number: int


class TouchRow(NamedTuple):
    """Touches of care plans planned for the period (`Touch.kind`, `Touch.status`)."""

    title: str
    kind: str
    status: str
    number: int


class MarkRow(NamedTuple):
    """Satisfaction: answers of one month with a score of 1 (very unhappy) to 5."""

    month: int
    score: int
    number: int


class TalkRow(NamedTuple):
    """Conversations (a patient's messages of one day) of a month and channel; `people`: those in which people were needed."""

    month: int
    channel: str
    talks: int
    people: int


class WaitRow(NamedTuple):
    """Requests for a person in a month (-1: all of the period): how many were answered, in time, and the seconds it took."""

    month: int
    asked: int
    answered: int
    in_time: int
    median: int | None
    ninetieth: int | None


class GrumbleRow(NamedTuple):
    """Complaints that people follow up, and messages understood as one, of a month."""

    month: int
    tasks: int
    messages: int


class QuestionRow(NamedTuple):
    """Questions without a good answer in a month: how often asked, by how many askers."""

    month: int
    asks: int
    askers: int


@dataclass(slots=True)
class Figures:
    """Everything a page or report shows. `open_questions`, `answered_questions`: groups of questions as they stand now."""

    reached: list[Reached] = field(default_factory=list)
    articles: list[ArticleRow] = field(default_factory=list)
    visits: list[VisitRow] = field(default_factory=list)
    surveys: list[SurveyRow] = field(default_factory=list)
    lost: list[LostRow] = field(default_factory=list)
    plans: list[PlanRow] = field(default_factory=list)
    touches: list[TouchRow] = field(default_factory=list)
    marks: list[MarkRow] = field(default_factory=list)
    talks: list[TalkRow] = field(default_factory=list)
    waits: list[WaitRow] = field(default_factory=list)
    grumbles: list[GrumbleRow] = field(default_factory=list)
    questions: list[QuestionRow] = field(default_factory=list)
    open_questions: int = 0
    answered_questions: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Figures:
        made = cls()
        for one in fields(cls):
            value = kept.get(one.name, getattr(made, one.name))
            row = _ROWS.get(one.name)
            setattr(made, one.name, value if row is None else [row(*given) for given in value])
        return made


_ROWS: dict[str, Any] = {
    "reached": Reached,
    "articles": ArticleRow,
    "visits": VisitRow,
    "surveys": SurveyRow,
    "lost": LostRow,
    "plans": PlanRow,
    "touches": TouchRow,
    "marks": MarkRow,
    "talks": TalkRow,
    "waits": WaitRow,
    "grumbles": GrumbleRow,
    "questions": QuestionRow,
}
