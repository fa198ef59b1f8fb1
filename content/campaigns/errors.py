"""What an editor hears when something cannot be done: Chinese, from `data/seed/campaign_words.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "data" / "seed" / "campaign_words.yml"


@cache
def words() -> dict[str, Any]:
    """All of `FILE`; treat as read-only."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def say(kind: str, code: str, **values: object) -> str:
    """The sentence for `code` among those of `kind` (errors, states, kinds…); a code without one is shown as it is."""
    text = words()[kind].get(code)
    return code if text is None else str(text).format(**values)


class CampaignError(ValueError):
    """Something cannot be done; `code` says which rule, the message (Chinese) what to do, `field` where it was typed."""

    def __init__(self, code: str, field: str = "", **values: object) -> None:
        super().__init__(say("errors", code, **values))
        self.code, self.field, self.values = code, field, values
