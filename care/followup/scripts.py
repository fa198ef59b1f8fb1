"""What to say on the phone: a template with the patient's facts. Never a diagnosis: who answers may be anybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from care.followup.models import FollowUpCall
from care.patients.models import Patient
from web.words import Words

words = Words(Path(__file__).parents[2] / "data" / "seed" / "followup_words.yml")
_FIELD = re.compile(r"{(\w+)}")


def script_of(call: FollowUpCall, patient: Patient, facts: Mapping[str, str], hospital: str) -> list[str]:
    """Paragraphs to read out. `call.script` names a template, or is the words themselves; a field nobody knows stays empty."""
    told = call.script or ""
    text = words.known("scripts").get(told) or told or words("scripts", "staff")
    known = {"hospital": hospital, "name": patient.name, "polite": polite(patient), **facts}
    filled = _FIELD.sub(lambda found: known.get(found[1], ""), text)
    return [
        words("scripts", "opening", hospital=hospital, polite=known["polite"]),
        *[line.strip() for line in filled.splitlines() if line.strip()],
        words("scripts", "closing"),
    ]


def polite(patient: Patient) -> str:
    """王女士, 李先生; the whole name where the sex is not known."""
    title = words.known("titles").get(patient.sex, "")
    return f"{patient.name[:1]}{title}" if title else patient.name
