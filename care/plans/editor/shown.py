"""A plan as its pages show it: the timeline's picture, steps in words. Of a draft as well that is not right yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from care.plans import sms
from care.plans.definition import KINDS
from care.plans.editor.desk import HOME, Short, words
from care.plans.editor.drafts import Raw
from care.plans.editor.forms import day_of, in_order, steps_of
from care.plans.errors import words as plan_words
from care.plans.picture import Picture, Spot, draw

Shorts = Mapping[str, Short]


@dataclass(frozen=True, slots=True)
class Line:
    """A step in words. `day`: from the anchor; `rules`: when it goes; `what`: what the patient gets, or the nurse is told."""

    id: str
    kind: str
    day: str
    title: str
    at: str
    rules: str
    what: str
    short: str = ""
    """How it goes by SMS, or why it cannot."""
    wrong: bool = False


def day_said(day: int) -> str:
    return words("picture", "before" if day < 0 else "day", day=abs(day))


def picture(raw: Raw, *, edit: bool) -> Picture:
    """The timeline; in a draft a mark leads to its step's form, else to its line on the page."""
    spots = []
    for entry in in_order(raw):
        kind, step_id = str(entry.get("kind")), str(entry.get("id"))
        said = words(
            "picture",
            "mark",
            day=day_of(entry),
            at=entry.get("at", ""),
            what=plan_words()("kinds", kind),
            title=entry.get("title", ""),
        )
        href = f"{HOME}/{raw.get('name')}/draft/step?id={step_id}" if edit else f"#step-{step_id}"
        spots.append(
            Spot(
                day_of(entry), kind, said, str(abs(day_of(entry))), href, kind, faint=bool(entry.get("when"))
            )
        )
    last = raw.get("closes_after_days")
    known = plan_words().known("kinds")
    lanes = {one: known[one] for one in KINDS}
    return draw(spots, lanes, last if isinstance(last, int) else 0)


def lines(raw: Raw, titles: Mapping[str, Mapping[str, str]], short: Shorts) -> list[Line]:
    """By day and time. `titles`: by field (slug, name) the titles of what steps name. `short`: how steps go by SMS."""
    return [_line(raw, entry, titles, short.get(str(entry.get("id")))) for entry in in_order(raw)]


def shorts(raw: Raw, look: Callable[[str], Short], articles: Collection[str]) -> dict[str, Short]:
    """By step what it is by SMS, of the steps that may go so. `articles`: slugs that have a short text."""
    found = {}
    for entry in steps_of(raw):
        kind, content, channel = str(entry.get("kind")), entry.get("content") or {}, entry.get("channel")
        step_id = str(entry.get("id"))
        if text := sms.said(kind, content, channel):
            found[step_id] = look(text)
        elif kind == "article" and channel != "wechat" and content.get("slug") not in articles:
            found[step_id] = Short(0, [words("short", "no_article")])
    return found


def _short(found: Short | None) -> str:
    if found is None:
        return ""
    if found.problems:
        return words("short", "wrong", problems=words("rules", "and").join(found.problems))
    return words("short", "parts", parts=found.parts)


def _line(raw: Raw, entry: Raw, titles: Mapping[str, Mapping[str, str]], short: Short | None) -> Line:
    said = plan_words()
    content = entry.get("content") or {}
    what = [
        titles.get(name, {}).get(str(content[name]), str(content[name]))
        for name in ("text", "slug", "name", "department", "script")
        if content.get(name)
    ]
    rules = []
    if entry.get("anchor") and entry["anchor"] != raw.get("anchor"):
        rules.append(words("rules", "anchor", what=said("anchors", entry["anchor"])))
    if (workday := entry.get("workday", "any")) != "any":
        rules.append(said("workdays", workday))
    if entry.get("late") == "catch_up":
        rules.append(words("rules", "catch_up", days=entry.get("stale_days", 1)))
    else:
        rules.append(said("late", "skip"))
    if channel := entry.get("channel"):
        rules.append(words("channels", channel))
    rules += _conditions(raw, entry.get("when") or {})
    return Line(
        id=str(entry.get("id")),
        kind=str(entry.get("kind")),
        day=day_said(day_of(entry)),
        title=str(entry.get("title") or entry.get("id")),
        at=str(entry.get("at") or ""),
        rules=words("rules", "and").join(rules),
        what=words("rules", "and").join(what),
        short=_short(short),
        wrong=short is not None and bool(short.problems),
    )


def _conditions(raw: Raw, when: Raw) -> list[str]:
    steps = {one.get("id"): one.get("title", one.get("id")) for one in steps_of(raw)}
    found = []
    if when.get("step"):
        state = words("answers", when.get("is", ""))
        found.append(words("rules", "if_step", title=steps.get(when["step"], when["step"]), state=state))
    if when.get("sex"):
        found.append(words("rules", "if_sex", sex=words("sexes", when["sex"])))
    for name in ("min_age", "max_age"):
        if when.get(name) is not None:
            found.append(words("rules", f"if_{name}", age=when[name]))
    for name in ("codes", "without"):
        if when.get(name):
            found.append(words("rules", f"if_{name}", codes=words("rules", "or").join(when[name])))
    if when.get("questionnaire"):
        found.append(words("rules", "if_answer", name=when["questionnaire"]))
    return found
