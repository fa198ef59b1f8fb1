"""Whether a slot lies in a block: what closures ask too, before they open a slot again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists

from care.appointments.blocks.models import ClinicBlock
from care.appointments.models import Slot


def blocked_still() -> Any:
    """A slot lies in a block that stands."""
    return exists().where(
        ClinicBlock.undone_at.is_(None),
        ClinicBlock.practitioner_id == Slot.practitioner_id,
        ClinicBlock.start <= Slot.start,
        ClinicBlock.end > Slot.start,
    )
