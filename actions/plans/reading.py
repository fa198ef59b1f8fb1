"""What a whole message wants of the patient's follow-up plans. Pure; the phrases stand in `data/seed/plan_talk.yml`."""

from __future__ import annotations

from functools import cache

import yaml

from actions.asides import Aside
from care.plans.paths import SEED
from language.normalise import normalise

LIST, HOLD, RESUME, LEAVE, JOIN = "plan_list", "plan_hold", "plan_resume", "plan_leave", "plan_join"
_KINDS = {"list": LIST, "hold": HOLD, "resume": RESUME, "leave": LEAVE, "join": JOIN}


@cache
def _phrases() -> tuple[dict[str, str], list[str], list[str]]:
    """By phrase what it wants; what may stand before and after."""
    read: dict[str, list[str]] = yaml.safe_load((SEED / "plan_talk.yml").read_text(encoding="utf-8"))
    wanted = {one: kind for name, kind in _KINDS.items() for one in read[name]}
    return wanted, read["before"], read["after"]


def wants(text: str) -> Aside | None:
    """None: something else."""
    said = normalise(text).strip(" \u3002.!~,\u3001?")
    wanted, before, after = _phrases()
    while said not in wanted:
        shorter = next((said.removeprefix(one) for one in before if said.startswith(one)), None)
        shorter = shorter or next((said.removesuffix(one) for one in after if said.endswith(one)), None)
        if not shorter:
            return None
        said = shorter
    return Aside(wanted[said])
