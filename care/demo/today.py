"""How today's clinics stand at this moment: who was seen, who sits in the room, who waits. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from care.appointments.models import Status
from care.appointments.queue.models import TicketState

Row = dict[str, Any]


def under_way(
    rows: Sequence[Row], now: datetime, rule: Mapping[str, int | float], chance: random.Random
) -> Iterator[Row]:
    """Tickets of who has reported among today's appointments, which change with them (`status`, `changed_at`).

    Who never reported stays booked: the nurse says so at the end of the half-day.
    """
    late, early = timedelta(minutes=rule["late"]), timedelta(minutes=rule["early"])
    for line in _lines(rows):
        came = [one for one in line if chance.random() >= rule["absent"]]
        here = [one for one in came if one["start"] - early * chance.random() <= now]
        turn = [one for one in here if one["start"] + late <= now]
        room = turn[-1] if turn and turn[-1]["start"] + late * 3 > now else None
        for number, one in enumerate(here, 1):
            seen = one in turn and one is not room
            one["status"] = (Status.FULFILLED if seen else Status.ARRIVED).value
            arrived = min(now, one["start"]) - timedelta(minutes=chance.randint(2, 9))
            called = None if one not in turn else one["start"] + late
            one["changed_at"] = min(now, called + late) if seen and called is not None else arrived
            yield {
                "appointment_id": one["id"],
                **{
                    name: one[name]
                    for name in ("patient_id", "practitioner_id", "department_id", "day", "part")
                },
                "number": number,
                "state": (
                    TicketState.DONE if seen else TicketState.CALLED if one is room else TicketState.WAITING
                ).value,
                "order_at": max(one["start"], arrived),
                "arrived_at": arrived,
                "called_at": called,
                "calls": int(called is not None),
                "by": "staff",
            }


def _lines(rows: Sequence[Row]) -> list[list[Row]]:
    """A doctor's half-days, each in the order of the times booked."""
    found: dict[tuple[Any, str], list[Row]] = {}
    for one in sorted(rows, key=lambda row: (row["start"], str(row["id"]))):
        found.setdefault((one["practitioner_id"], one["part"]), []).append(one)
    return list(found.values())
