"""What is wrong with a plan, in words an editor can act on."""

from __future__ import annotations

from functools import cache

from care.plans.paths import WORDS
from web.words import Words


@cache
def words() -> Words:
    return Words(WORDS)


class PlanError(ValueError):
    """The plan cannot be used or run as it is. `key`: the rule it breaks; `step`, `field`: where, None for the plan itself."""

    def __init__(
        self, key: str, step: str | None = None, field: str | None = None, /, **values: object
    ) -> None:
        self.key, self.step, self.field = key, step, field
        said = words()("errors", key, **values)
        named = words()("fields", field) if field is not None else None
        if named is not None:
            said = words()("errors", "in_field", field=named, problem=said)
        super().__init__(said if step is None else words()("errors", "at_step", step=step, problem=said))
