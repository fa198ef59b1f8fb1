"""The mapping of a hospital's views and 中间表: which column is which of our words, which code means what."""

from __future__ import annotations

from pydantic import model_validator

from care.systems.mapped.reading import REASONS, STATUSES, WHO, Formats, Strict, needs, one_of

_SLOT = ("id", "practitioner", "start", "free")
_SLOT_MORE = ("service", "date", "end", "capacity", "fee")
_APPOINTMENT = ("id", "status", "changed")
_APPOINTMENT_MORE = ("key", "start", "date", "slot", "practitioner", "service", "said", *WHO)
_REQUEST = ("request", "appointment", "kind", "status")
_REQUEST_MORE = (
    "slot", "practitioner", "service", "start", "end", "fee", "record_number", "name", "sex", "birth_date", "phone", "id_number",
    "previous", "made_at", "id", "reason", "said",
)  # fmt: skip
_ANSWERS = ("waiting", "accepted", "refused")


class SchedulesView(Strict):
    view: str
    columns: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> SchedulesView:
        needs("columns", self.columns, _SLOT, _SLOT_MORE)
        return self


class AppointmentsView(Strict):
    """`record_number` (and `name`, `sex`…) say whose an appointment is that was made there: without, those are not heard of."""

    view: str
    columns: dict[str, str]
    status: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> AppointmentsView:
        needs("columns", self.columns, _APPOINTMENT, _APPOINTMENT_MORE)
        one_of("status", self.status, STATUSES)
        return self


class RequestTable(Strict):
    """`kinds`: our words (`book`, `cancel`, `move`) as theirs; without `move` a move is a booking and a cancelling. `new`: the status
    a fresh row is given. `sex`: ours as theirs."""

    table: str
    columns: dict[str, str]
    kinds: dict[str, str]
    new: str
    status: dict[str, str]
    reasons: dict[str, str] = {}
    sex: dict[str, str] = {}

    @model_validator(mode="after")
    def _complete(self) -> RequestTable:
        needs("columns", self.columns, _REQUEST, _REQUEST_MORE)
        needs("kinds", self.kinds, ("book", "cancel"), ("move",))
        one_of("status", self.status, _ANSWERS)
        one_of("reasons", self.reasons, REASONS)
        return self


class ViewsMapping(Strict):
    """`appointments` may be left out where the hospital has no such view: then its own changes are not heard."""

    schedules: SchedulesView
    requests: RequestTable
    appointments: AppointmentsView | None = None
    formats: Formats = Formats()
