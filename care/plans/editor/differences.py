"""What sets two states of a plan apart, in words."""

from __future__ import annotations

from care.plans.definition import Plan, Step
from care.plans.editor.desk import words
from care.plans.editor.shown import day_said
from care.plans.errors import words as plan_words

SETTINGS = (
    "title",
    "anchor",
    "codes",
    "departments",
    "audience",
    "stops",
    "closes_after_days",
    "source",
    "signed_by",
    "patients_join",
)
OF_STEP = ("title", "at", "anchor", "when", "channel", "workday", "late", "stale_days", "priority", "content")


def differences(before: Plan, after: Plan) -> list[str]:
    """A sentence each: steps added, dropped, moved, changed; then the plan's own fields."""
    old, new = {one.id: one for one in before.steps}, {one.id: one for one in after.steps}
    found = [
        words("differences", "dropped", title=one.title, day=day_said(one.days))
        for key, one in old.items()
        if key not in new
    ]
    for key, one in new.items():
        if key not in old:
            found.append(words("differences", "added", title=one.title, day=day_said(one.days)))
        else:
            found += _changed(old[key], one)
    fields = [plan_words()("fields", one) for one in SETTINGS if getattr(before, one) != getattr(after, one)]
    if fields:
        found.append(words("differences", "fields", fields=words("rules", "or").join(fields)))
    return found


def _changed(old: Step, new: Step) -> list[str]:
    found = []
    if old.days != new.days:
        found.append(
            words("differences", "moved", title=new.title, old=day_said(old.days), new=day_said(new.days))
        )
    fields = [plan_words()("fields", one) for one in OF_STEP if getattr(old, one) != getattr(new, one)]
    if fields:
        found.append(
            words("differences", "changed", title=new.title, fields=words("rules", "or").join(fields))
        )
    return found
