"""Yes and no, and a "nothing of all that" which may answer a whole group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from care.questionnaires.definition import Item
from care.questionnaires.reading.found import Doubt, Found, Read, Unread
from care.questionnaires.reading.words import any_of, fold, left_over, words

MOST = 6
"""Questions a "nothing of all that" is read back for at once; more would not be read."""


def read_boolean(item: Item, folded: str) -> Found:
    """A yes or no, or the question's own words affirmed or denied ("不疼", "有点红"). Its bare words are asked back."""
    for value, name in ((True, "yes"), (False, "no")):
        if folded in words().set(name):
            return Read(value)
    if any_of("questions").search(folded) or left_over(
        folded, of=item.text, names=("fillers", "affirmations", "denials")
    ):
        return Unread("not_an_option")
    denials = any_of("denials").pattern
    if re.search(f"(?:{denials}).?(?:{denials})", folded):  # the opposite, or the symptom's own "not"
        return Doubt(False)
    if re.search(denials, folded):
        return Read(False)
    if any_of("affirmations").search(folded):
        return Read(True)
    return Doubt(True) if sum(one in item.text for one in folded) > 1 else Unread("not_an_option")


def rest_of(items: Sequence[Item], item: Item, answers: Mapping[str, Any], text: str) -> dict[str, bool]:
    """What a "nothing of all that" would answer: this yes-or-no question and those of its group that follow. Else nothing."""
    if item.type != "boolean" or item.group is None or fold(text) not in words().set("none_of_all"):
        return {}
    at = [one.link_id for one in items].index(item.link_id)
    rest = []
    for one in items[at:]:
        if one.type != "boolean" or one.group != item.group:
            break
        if one is item or one.link_id not in answers:
            rest.append(one.link_id)
    return dict.fromkeys(rest, False) if 1 < len(rest) <= MOST else {}
