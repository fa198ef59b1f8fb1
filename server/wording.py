"""Chinese words of pages the server puts together, from `data/seed/wording_pages.yml`."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from server.settings import ROOT


@cache
def page_words() -> dict[str, Any]:
    """The whole file. Treat as read-only."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "data" / "seed" / "wording_pages.yml").read_text("utf-8"))
    return loaded
