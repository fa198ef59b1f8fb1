"""Where a booking dialogue stands: the draft's columns, and the rest kept sealed in its `offers`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from uuid import UUID

from actions.turn import Turn
from care.appointments import drafts
from care.appointments.models import BookingDraft, Part
from language.when import Refused

WHO = "who"
WHO_SURE = "who_sure"
DEPARTMENT = "department"
DOCTOR = "doctor"
WHEN = "when"
DATE = "date"
SURE = "sure"
CONFIRM = "confirm"
WHICH = "which"
CANCEL_WHICH = "cancel_which"
CANCEL_SURE = "cancel_sure"

TRAIL = 12
"""Steps that can be taken back."""


_IDS = ("patient_id", "department_id", "practitioner_id", "replaces_id", "slot_id")


class State:
    """A draft being talked about. Change attributes, then `save()`; the turn's session writes the row."""

    def __init__(self, row: BookingDraft) -> None:
        self.row = row
        self.data: dict[str, Any] = dict(cast("dict[str, Any] | None", row.offers) or {})

    @classmethod
    async def load(cls, turn: Turn) -> State | None:
        row = await drafts.load(turn.session, turn.conversation.id)
        return None if row is None else cls(row)

    @classmethod
    async def open(cls, turn: Turn) -> State:
        """A fresh one: whatever was under way, and held, is given up."""
        await drafts.discard(turn.session, turn.conversation.id)
        row = await drafts.open_draft(
            turn.session, turn.conversation.id, now=turn.now, contact_id=turn.contact.id
        )
        return cls(row)

    def save(self) -> None:
        self.row.offers = dict(self.data)

    @property
    def step(self) -> str:
        return self.row.step

    @property
    def part(self) -> Part | None:
        return Part(self.row.part) if self.row.part else None

    @property
    def clock(self) -> time | None:
        """The time of day asked for."""
        said = self.data.get("clock")
        return time.fromisoformat(said) if said else None

    def go(self, step: str, lead: str = "", **params: str) -> None:
        """Ask `step` next; `lead` names why it is asked (a wording variant), with its parameters."""
        self.row.step = step
        self.data.pop("menu", None)
        self.data["lead"] = [lead, params]

    @property
    def lead(self) -> tuple[str, dict[str, str]]:
        found = self.data.get("lead")
        return (str(found[0]), dict(found[1])) if found else ("", {})

    def ids(self, name: str) -> list[UUID]:
        """A remembered list of ids: `offers` (slots), `suggest` (departments), `doctors`."""
        return [UUID(value) for value in self.data.get(name) or ()]

    def remember(self, name: str, values: list[UUID]) -> None:
        self.data[name] = [value.hex for value in values]

    def one_id(self, name: str) -> UUID | None:
        value = self.data.get(name)
        return UUID(value) if value else None

    def want(
        self, start: datetime | None, end: datetime | None, part: Part | None, clock: time | None
    ) -> None:
        """Set the window asked for (aware), the part of the day and the time of day."""
        self.row.wanted_from, self.row.wanted_to = start, end
        self.row.part = part.value if part else None
        self.data["clock"] = clock.isoformat("minutes") if clock else None

    @property
    def one_day(self) -> bool:
        """Whether the window asked for is one day, or less."""
        start, end = self.row.wanted_from, self.row.wanted_to
        return start is not None and end is not None and end - start <= timedelta(days=1)

    @property
    def without(self) -> list[Refused]:
        """The times that were said not to suit."""
        return [
            Refused(
                one["weekday"],
                date.fromisoformat(one["first"]) if one["first"] else None,
                date.fromisoformat(one["until"]) if one["until"] else None,
                (one["hours"][0], one["hours"][1]) if one["hours"] else None,
            )
            for one in self.data.get("without") or ()
        ]

    def refuse(self, times: Iterable[Refused]) -> None:
        """Offer nothing of `times`, in the place of what was refused before."""
        self.data["without"] = [
            {
                "weekday": one.weekday,
                "first": one.first.isoformat() if one.first else None,
                "until": one.until.isoformat() if one.until else None,
                "hours": list(one.hours) if one.hours else None,
            }
            for one in dict.fromkeys(times)
        ]

    def mark(self) -> None:
        """Remember this step so that `back` returns to it."""
        if not self.row.step:
            return
        trail = list(self.data.get("trail") or ())
        here = self._picture()
        if not trail or trail[-1] != here:
            trail.append(here)
        self.data["trail"] = trail[-TRAIL:]

    @property
    def came_from(self) -> str:
        """The step that `back` would return to."""
        trail = self.data.get("trail") or ()
        return str(trail[-1]["step"]) if trail else ""

    def back(self) -> bool:
        """Return to the step before; False when this is the first."""
        trail = list(self.data.get("trail") or ())
        if not trail:
            return False
        picture = trail.pop()
        self.data["trail"] = trail
        row = self.row
        row.step = picture["step"]
        row.for_label = picture["for_label"]
        row.part = picture["part"]
        for name in _IDS:
            setattr(row, name, UUID(picture[name]) if picture[name] else None)
        for name in ("wanted_from", "wanted_to"):
            setattr(row, name, datetime.fromisoformat(picture[name]) if picture[name] else None)
        self.data.update(picture["data"])
        return True

    def _picture(self) -> dict[str, Any]:
        row = self.row
        kept = (
            "clock",
            "lead",
            "offers",
            "suggest",
            "doctors",
            "candidate",
            "sure",
            "which",
            "timed",
            "kind",
            "without",
            "not_doctors",
            "menu",
            "after",
        )
        return {
            "step": row.step,
            "for_label": row.for_label,
            "part": row.part,
            **{name: value.hex if (value := getattr(row, name)) else None for name in _IDS},
            **{
                name: value.isoformat() if (value := getattr(row, name)) else None
                for name in ("wanted_from", "wanted_to")
            },
            "data": {name: self.data.get(name) for name in kept},
        }
