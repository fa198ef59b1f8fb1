"""The Chinese words a house begins with: what patients are told, and what the pages the server puts together say."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from server.settings import ROOT, Settings

WORDING = ROOT / "data" / "seed" / "wording"


def facts(settings: Settings) -> dict[str, str]:
    """What is true of the hospital in any wording."""
    return {"hospital": settings.hospital_name, "landline": settings.landline, "site": settings.base}


@cache
def page_words() -> dict[str, Any]:
    """The whole of `data/seed/wording_pages.yml`. Treat as read-only."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "data" / "seed" / "wording_pages.yml").read_text("utf-8"))
    return loaded
