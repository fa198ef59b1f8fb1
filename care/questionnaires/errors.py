"""What is wrong with a definition, in words an editor can act on."""

from __future__ import annotations

from functools import cache

from care.questionnaires.paths import DEFINITION_WORDS
from web.words import Words


@cache
def words() -> Words:
    return Words(DEFINITION_WORDS)


class DefinitionError(ValueError):
    """The definition cannot be used; the message names the item (or scale or rule) and what to mend. `key`: which rule it breaks."""

    def __init__(self, key: str, where: str | None = None, /, **values: object) -> None:
        self.key, self.where = key, where
        said = words()("errors", key, **values)
        super().__init__(said if where is None else words()("errors", "at", where=where, problem=said))
