"""What is asked back under a question, by the page and by the nurse's."""

from __future__ import annotations

from dataclasses import dataclass

from care.questionnaires.outcomes import Doubted, Invalid
from care.questionnaires.pages import forms, screens
from care.questionnaires.pages.public import texts


@dataclass(frozen=True, slots=True)
class Trouble:
    """`link_id` empty: said of the whole page. `sure`: the value a second "yes" stores."""

    said: str = ""
    link_id: str = ""
    sure: str | None = None


def trouble_of(outcome: Doubted | Invalid) -> Trouble:
    item = outcome.item
    if isinstance(outcome, Invalid):
        return Trouble(texts(f"invalid.{outcome.why}"), item.link_id)
    if outcome.why == "rest":
        return Trouble(texts("invalid.not_a_number"), item.link_id)
    low, high = screens.range_of(item)
    value = screens.label_of_value(item, outcome.value)
    between = "between" if low and high else "from" if low else "to" if high else "open"
    key = "doubt.unclear" if outcome.why == "unclear" else f"doubt.{between}"
    return Trouble(texts(key, value=value, low=low, high=high), item.link_id, forms.plain(outcome.value))
