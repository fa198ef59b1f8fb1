"""Random rule trees over the crowd's vocabularies, as they are sent."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.content.audiences import people
from tests.content.audiences.naive import STAGES

days = st.sampled_from([0, 1, 6, 7, 8, 29, 30, 31, 90, 300])
weeks = st.sampled_from([0, 1, 4, 12, 13, 28, 41, 42, 44])


def _some(values: Any, least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(list(values)), min_size=least, max_size=3, unique=True)


def _leaf(
    kind: str, needed: dict[str, Any] | None = None, **optional: Any
) -> st.SearchStrategy[dict[str, Any]]:
    always = {"kind": st.just(kind), **(needed or {})}
    return st.fixed_dictionaries(always, optional={**optional, "negate": st.booleans()})


ranged: dict[str, Any] = {"at_least": days, "at_most": days}
leaf = st.one_of(
    _leaf("everyone"),
    _leaf("age", at_least=st.integers(0, 90), at_most=st.integers(0, 90)),
    _leaf("sex", {"among": _some(["male", "female", "unknown"])}),
    _leaf("residence", {"codes": _some(["33", "3301", "330106", "31", "99"])}),
    _leaf("language", {"among": _some(["zh", "en", "bo"])}),
    _leaf("condition", codes=_some(["E11", "E1", "E", "I10", "I25.1", "E11.9", "Z"]), **ranged),
    _leaf("stage", {"stage": st.sampled_from(list(STAGES))}, codes=_some(["E11", "I"])),
    _leaf(
        "event",
        {"event": st.sampled_from(["surgery", "planned_surgery"])},
        codes=_some(["80", "81.54", "5"]),
        **ranged,
    ),
    _leaf("event", {"event": st.sampled_from(["admission", "discharge", "birth"])}, **ranged),
    _leaf("pregnancy", at_least=weeks, at_most=weeks),
    _leaf("visit", departments=_some([*people.DEPARTMENTS, "nowhere"]), **ranged),
    _leaf("answer", {"questionnaire": st.just("satisfaction"), "item": st.just("overall")}, codes=_some("12345"), within=days),
    _leaf("answer", {"questionnaire": st.sampled_from(["satisfaction", "phq"])}, at_least=st.integers(0, 27), at_most=st.integers(0, 27)),
    _leaf(
        "reading",
        how=st.sampled_from(["read", "finished", "ignored"]),
        topics=_some([*people.TOPICS, "lung"]),
        articles=_some([*people.ARTICLES, 'gone']),
        within=days,
        grace=st.sampled_from([0, 1, 3, 7]),
    ),
    _leaf("tag", {"among": _some(people.TAGS)}),
    _leaf("channel", {"among": _some(["wechat", "sms"])}),
    _leaf("consent", {"purpose": st.sampled_from([*people.PURPOSES, "marketing"])}),
)  # fmt: skip


def _group(inner: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"kind": st.sampled_from(["all", "any", "not"]), "rules": st.lists(inner, max_size=4)}
    )


trees = _group(st.recursive(leaf, _group, max_leaves=8))
