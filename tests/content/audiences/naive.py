"""The rules read a third time, in the plainest way, over plain values: what SQL and explanation must both say."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from content.audiences.day import Day
from tests.content.audiences.people import Person

STAGES: dict[str, dict[str, Any]] = {
    "newly_diagnosed": {"kind": "condition", "at_most": 90},
    "long_term": {"kind": "condition", "at_least": 91},
    "before_surgery": {"kind": "event", "event": "planned_surgery", "at_most": 30},
    "after_surgery": {"kind": "event", "event": "surgery", "at_most": 90},
    "pregnancy": {"kind": "pregnancy"},
    "after_birth": {"kind": "event", "event": "birth", "at_most": 180},
    "recovery": {"kind": "event", "event": "discharge", "at_most": 90},
    "prevention": {"kind": "condition", "negate": True},
}


def included(rule: dict[str, Any], who: Person, day: Day) -> bool:
    return who.status == "active" and holds(rule, who, day)


def holds(rule: dict[str, Any], who: Person, day: Day) -> bool:
    kind = rule["kind"]
    if kind in ("all", "any", "not"):
        held = [holds(one, who, day) for one in rule.get("rules", [])]
        return {"all": False not in held, "any": True in held, "not": True not in held}[kind]
    return _leaf(kind, rule, who, day) != rule.get("negate", False)


def _leaf(kind: str, rule: dict[str, Any], who: Person, day: Day) -> bool:
    least, most = rule.get("at_least", 0), rule.get("at_most", 10**6)
    codes, among = rule.get("codes", []), rule.get("among", [])

    def back(when: date) -> int:
        return (day.today - when).days

    def local(when: datetime) -> int:
        return back(when.astimezone(day.zone).date())

    def coded(code: str) -> bool:
        return not codes or any(code[: len(one)] == one for one in codes)

    def newest(dates: list[date]) -> bool:
        past = sorted(back(one) for one in dates if back(one) >= 0)
        return bool(past) and least <= past[0] <= most

    if kind == "everyone":
        return True
    if kind == "age":
        return who.birth_year is not None and least <= day.today.year - who.birth_year <= most
    if kind == "sex":
        return who.sex in among
    if kind == "residence":
        return who.region is not None and coded(who.region)
    if kind == "language":
        return (who.language or "zh") in among
    if kind == "condition":
        return any(
            coded(code) and max(least, 0) <= back(made) <= most and (over is None or back(over) < 0)
            for code, made, over in who.conditions
        )
    if kind == "stage":
        meaning = STAGES[rule["stage"]]
        narrowed = {**meaning, "codes": codes} if meaning["kind"] == "condition" else meaning
        return holds(narrowed, who, day)
    if kind == "event":
        event = rule.get("event", "surgery")
        if event == "surgery":
            return newest(
                [when for code, status, when in who.procedures if status == "completed" and coded(code)]
            )
        if event == "planned_surgery":
            ahead = sorted(
                -back(when) for code, status, when in who.procedures if status == "planned" and coded(code)
            )
            ahead = [one for one in ahead if one >= 0]
            return bool(ahead) and least <= ahead[0] <= most
        if event == "birth":
            return newest([end for _, end, outcome in who.pregnancies if outcome == "birth" and end])
        place = 2 if event == "admission" else 3
        dates = [one[place] for one in who.encounters if one[0] == "inpatient"]
        return newest([one for one in dates if isinstance(one, date)])
    if kind == "pregnancy":
        return any(
            back(lmp) >= 0 and (end is None or back(end) < 0) and least <= back(lmp) // 7 <= min(most, 42)
            for lmp, end, _ in who.pregnancies
        )
    if kind == "visit":
        places = rule.get("departments", [])
        return newest(
            [s for k, d, s, _ in who.encounters if k != "inpatient" and (not places or d in places)]
        )
    if kind == "answer":
        within = rule.get("within", 10**6)
        return any(
            (name, item) == (rule.get("questionnaire", ""), rule.get("item", ""))
            and (not codes or code in codes)
            and ("at_least" not in rule or (number is not None and number >= least))
            and ("at_most" not in rule or (number is not None and number <= most))
            and back(when) <= within
            for name, item, code, number, when in who.answers
        )
    if kind == "reading":
        topics, articles, within = rule.get("topics", []), rule.get("articles", []), rule.get("within", 10**6)

        def about(article: Any, topic: str, when: datetime) -> bool:
            named = (not topics and not articles) or topic in topics or article in articles
            return named and local(when) <= within

        read = [done for article, topic, opened, done in who.reads if about(article, topic, opened)]
        how = rule.get("how", "read")
        if how == "read":
            return bool(read)
        if how == "finished":
            return any(one is not None for one in read)
        grace = rule.get("grace", 3)
        sent = [at for article, topic, at in who.sent if about(article, topic, at) and local(at) >= grace]
        return bool(sent) and not read
    if kind == "tag":
        return bool(set(who.tags) & set(among))
    if kind == "channel":
        return any(channel in among and status == "active" for channel, status in who.contacts)
    if kind == "consent":
        return who.consents.get(rule.get("purpose", "")) is True
    raise AssertionError(kind)
