"""The rule tree: groups (`all`, `any`, `not`: none of them) over leaves, each of which may be turned round (`negate`).

Days count back from the hospital's today, both ends included: `at_most: 30` of a diagnosis is today and the thirty days before.
What is not recorded does not hold: an age rule leaves out who has no year of birth, its negation takes them in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MOST_NODES = 60
DEEPEST = 6
"""A tree beyond these is nobody's audience any more, and no sentence anybody reads."""

Code = Annotated[str, Field(min_length=1, max_length=40)]
Codes = Annotated[list[Code], Field(max_length=30)]
Bound = Annotated[int, Field(ge=0, le=36_500)]


Path: TypeAlias = tuple[int, ...]
"""Where a node is: the positions of its ancestors and its own; the root is `()`."""


class RuleError(ValueError):
    """The stored or sent rule is no rule tree; the message names the place."""


class Part(BaseModel):
    """What every node has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Leaf(Part):
    """`negate`: those for whom it does not hold."""

    negate: bool = False


class Ranged(Leaf):
    """`at_least` and `at_most` bound a number, both included; None: open."""

    at_least: Bound | None = None
    at_most: Bound | None = None

    @property
    def upside_down(self) -> bool:
        return self.at_least is not None and self.at_most is not None and self.at_least > self.at_most


class Everyone(Leaf):
    """Every patient in the hospital's care."""

    kind: Literal["everyone"] = "everyone"


class Age(Ranged):
    """Years by the year of birth: exact birthdays are sealed, so a bound is one year blurred."""

    kind: Literal["age"] = "age"


class Sex(Leaf):
    """`among`: `male`, `female`, `other`, `unknown`."""

    kind: Literal["sex"] = "sex"
    among: Codes = []


class Residence(Leaf):
    """`codes`: beginnings of a GB/T 2260 division code (`33`, `3301`, `330106`)."""

    kind: Literal["residence"] = "residence"
    codes: Codes = []


class Language(Leaf):
    """`among`: BCP 47 tags. Who has none speaks Chinese (`zh`)."""

    kind: Literal["language"] = "language"
    among: Codes = []


class Diagnosis(Ranged):
    """A condition that is present, by beginnings of ICD-10 codes (none: any), diagnosed so many days ago."""

    kind: Literal["condition"] = "condition"
    codes: Codes = []


class Stage(Leaf):
    """A stage of care (`data/seed/article_topics.yml`), put together from other leaves in `data/seed/audiences/stages.yml`.

    `codes` narrow the conditions it asks for.
    """

    kind: Literal["stage"] = "stage"
    stage: str = Field(default="", max_length=40)
    codes: Codes = []


class Event(Ranged):
    """The newest of its kind was so many days ago; for `planned_surgery` the nearest is so many days ahead.

    `codes`: beginnings of ICD-9-CM-3 codes, for the surgeries.
    """

    kind: Literal["event"] = "event"
    event: Literal["surgery", "planned_surgery", "admission", "discharge", "birth"] = "surgery"
    codes: Codes = []


class Gestation(Ranged):
    """Pregnant now, in these completed weeks from the last period."""

    kind: Literal["pregnancy"] = "pregnancy"


class Visit(Ranged):
    """The newest visit (outpatient or emergency), in one of `departments` (codes; none: any), was so many days ago."""

    kind: Literal["visit"] = "visit"
    departments: Codes = []


class Answer(Ranged):
    """The newest answer to `item` of a questionnaire: one of `codes`, or a number in the bounds. `item` empty: its score.

    `within`: answered at most so many days ago.
    """

    kind: Literal["answer"] = "answer"
    questionnaire: str = Field(default="", max_length=60)
    item: str = Field(default="", max_length=60)
    codes: Codes = []
    within: Bound | None = None


class Reading(Leaf):
    """`read`: opened one of them; `finished`: reached the end; `ignored`: was sent one and opened none of them since.

    `topics` or `articles` (slugs) name them, both empty: any. `within`: in so many days; `ignored` counts what was sent before
    the last `grace` days only.
    """

    kind: Literal["reading"] = "reading"
    how: Literal["read", "finished", "ignored"] = "read"
    topics: Codes = []
    articles: Codes = []
    within: Bound | None = None
    grace: Annotated[int, Field(ge=0, le=365)] = 3


class Tag(Leaf):
    """Has one of the tags."""

    kind: Literal["tag"] = "tag"
    among: Codes = []


class Channel(Leaf):
    """A contact that is alive is bound: `wechat`, `sms`."""

    kind: Literal["channel"] = "channel"
    among: Codes = []


class Agreed(Leaf):
    """The patient agreed to the purpose and did not withdraw."""

    kind: Literal["consent"] = "consent"
    purpose: str = Field(default="", max_length=20)


AnyLeaf: TypeAlias = (
    Everyone
    | Age
    | Sex
    | Residence
    | Language
    | Diagnosis
    | Stage
    | Event
    | Gestation
    | Visit
    | Answer
    | Reading
    | Tag
    | Channel
    | Agreed
)


class Group(Part):
    """`all` of the rules hold, `any` of them, or `not` one of them. Without rules `all` and `not` hold for everybody."""

    kind: Literal["all", "any", "not"] = "all"
    rules: list[Annotated[AnyLeaf | Group, Field(discriminator="kind")]] = []

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if sum(1 for _ in nodes(self)) > MOST_NODES:
            raise ValueError(f"more than {MOST_NODES} conditions")
        return self


Rule: TypeAlias = AnyLeaf | Group
Group.model_rebuild()
LEAVES: dict[str, type[Leaf]] = {
    one.model_fields["kind"].default: one
    for one in (
        Diagnosis,
        Stage,
        Event,
        Gestation,
        Visit,
        Reading,
        Answer,
        Age,
        Sex,
        Residence,
        Language,
        Tag,
        Channel,
        Agreed,
        Everyone,
    )
}
"""The kinds of leaves, in the order they are offered."""


def nodes(rule: Rule) -> Iterator[Rule]:
    """The node and everything under it."""
    yield rule
    if isinstance(rule, Group):
        for one in rule.rules:
            yield from nodes(one)


def depth(rule: Rule) -> int:
    """1 for a leaf or an empty group."""
    below = [depth(one) for one in rule.rules] if isinstance(rule, Group) else []
    return 1 + max(below, default=0)


def read(raw: Any) -> Group:
    """A stored or sent tree (its root is a group). Raises `RuleError`."""
    try:
        tree = Group.model_validate(raw)
    except (ValidationError, RecursionError) as error:
        raise RuleError(str(error)) from error
    if depth(tree) > DEEPEST:
        raise RuleError(f"more than {DEEPEST} levels")
    return tree


def dump(rule: Group) -> dict[str, Any]:
    """As `read` takes it; fields at their usual value are left out."""
    return {"kind": rule.kind, "rules": [_dump(one) for one in rule.rules]}


def _dump(rule: Rule) -> dict[str, Any]:
    return (
        dump(rule)
        if isinstance(rule, Group)
        else {"kind": rule.kind, **rule.model_dump(exclude_defaults=True)}
    )
