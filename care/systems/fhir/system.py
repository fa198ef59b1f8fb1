"""`HospitalSystem` over FHIR R4."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from care.systems.fhir import resources
from care.systems.fhir.client import FhirClient, Resource, outcome_codes, outcome_text
from care.systems.port import (
    Accepted,
    Changes,
    Checked,
    Found,
    Merged,
    NotThere,
    OfferedSlot,
    Outcome,
    Person,
    Refused,
    SystemAway,
    Unclear,
    Unread,
    Waiting,
    Wanted,
)
from care.systems.wire import NotSaid

PAGE = 200
CHANGED_AT_ONCE = 500
AT_ONCE = 50
"""Ids asked for in one search: its address stays short."""
_NEEDED = {"Appointment", "Patient", "Slot", "Schedule"}
_NOT_ALLOWED = {"business-rule", "forbidden", "duplicate"}
_PASSES = {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
"""What may be otherwise the next time (https://hl7.org/fhir/R4/valueset-issue-type.html, "transient")."""
_BEGUN = {"arrived", "fulfilled", "noshow"}


class FhirSystem:
    """`record_system`: the naming system of the hospital's patient numbers there; `zone`: where its days begin."""

    name = "fhir"
    repeatable = True  # our key is the appointment's identifier, and creates are conditional on it

    def __init__(self, client: FhirClient, *, record_system: str, zone: ZoneInfo) -> None:
        self._client, self._record_system, self._zone = client, record_system, zone

    async def close(self) -> None:
        await self._client.close()

    # --- reading ---

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot]:
        start = datetime.combine(first, time(), self._zone)
        end = datetime.combine(last + timedelta(days=1), time(), self._zone)
        params = {
            "start": [f"ge{start.isoformat()}", f"lt{end.isoformat()}"],
            "_include": "Slot:schedule",
            "_include:iterate": "Schedule:actor",
            "_count": PAGE,
        }
        every: dict[tuple[str, str], dict[str, Any]] = {}
        try:
            async for one in self._client.search("Slot", params):
                every[str(one.get("resourceType")), str(one.get("id"))] = one
            slots = [one for (kind, _), one in every.items() if kind == "Slot"]
            await self._fetch(every, "Schedule", [resources.schedule_of(one) for one in slots])
            planned = [one for (kind, _), one in every.items() if kind == "Schedule"]
            for kind in ("Practitioner", "HealthcareService"):
                named = [one for schedule in planned for one in resources.references(schedule, "actor", kind)]
                await self._fetch(every, kind, named)
        except NotSaid as error:
            raise error.away from error
        return [offered for one in slots if (offered := _offered(one, every)) is not None]

    async def _fetch(
        self, every: dict[tuple[str, str], dict[str, Any]], kind: str, ids: Sequence[str]
    ) -> None:
        """What a server that does not know `_include` has left out; read by id, many at a time."""
        missing = sorted({one for one in ids if one and (kind, one) not in every})
        for at in range(0, len(missing), AT_ONCE):
            wanted = {"_id": ",".join(missing[at : at + AT_ONCE]), "_count": PAGE}
            async for one in self._client.search(kind, wanted):
                every[str(one.get("resourceType")), str(one.get("id"))] = one

    async def find(self, wanted: Wanted) -> Found | NotThere:
        try:
            there = [
                resources.found(one)
                async for one in self._client.search(
                    "Appointment", {"identifier": f"{resources.OURS}|{wanted.key}"}
                )
                if one.get("resourceType") == "Appointment"  # an OperationOutcome may stand in a bundle too
            ]
        except NotSaid as error:
            raise error.away from error
        live = [one for one in there if one.status != "cancelled"] or there
        if live or not wanted.external_id:
            return live[0] if live else NotThere()
        body = await self._read(
            "Appointment", wanted.external_id
        )  # made at its own counter: not under our key
        return NotThere() if body is None else resources.found(body)

    async def person(self, external_id: str) -> Person | None:
        body = await self._read("Patient", external_id)
        return None if body is None else resources.person(body, self._record_system)

    async def _read(self, kind: str, external_id: str) -> dict[str, Any] | None:
        """None: it is not there. Raises `SystemAway`."""
        try:
            answer = await self._client.read(f"{kind}/{external_id}")
        except NotSaid as error:
            raise error.away from error
        if answer.status in (404, 410):
            return None
        if not answer.ok:
            raise SystemAway("not_understood", outcome_text(answer.body))
        return answer.body

    async def changed_since(self, cursor: str | None) -> Changes:
        """The cursor is two `lastUpdated`: of appointments, and of patients that were closed."""
        if cursor is None:
            ends = [await self._newest(kind) for kind in ("Appointment", "Patient")]
            return Changes([], "|".join(ends))
        since, _, closed_since = cursor.partition("|")
        changed = await self._changed("Appointment", since)
        closed = await self._changed("Patient", closed_since or since, active="false")
        last = changed[-1][0] if changed else since
        closed_last = closed[-1][0] if closed else closed_since or since
        return Changes(
            [_read_or_not(one) for _, one in changed],
            f"{last}|{closed_last}",
            more=len(changed) >= CHANGED_AT_ONCE and last != since,
            merges=[merge for _, one in closed if (merge := await self._merged(one)) is not None],
        )

    async def _merged(self, body: dict[str, Any]) -> Merged | None:
        kept_id = resources.replaced_by(body)
        gone = resources.person(body, self._record_system)
        kept = await self.person(kept_id) if kept_id and gone is not None else None
        return Merged(gone, kept) if gone is not None and kept is not None else None

    async def _newest(self, kind: str) -> str:
        newest = await self._rows(kind, {"_sort": "-_lastUpdated", "_count": 1}, 1)
        return newest[0][0] if newest else "1970-01-01T00:00:00Z"

    async def _changed(self, kind: str, since: str, **more: str) -> list[tuple[str, dict[str, Any]]]:
        params = {"_lastUpdated": f"ge{since}", "_sort": "_lastUpdated", "_count": PAGE, **more}
        return await self._rows(kind, params, CHANGED_AT_ONCE, since)

    async def _rows(
        self, kind: str, params: dict[str, Any], most: int, since: str = ""
    ) -> list[tuple[str, dict[str, Any]]]:
        """Resources of the kind with their `lastUpdated`. Of one moment all are read, however many: reading goes on after it."""
        rows: list[tuple[str, dict[str, Any]]] = []
        try:
            async for one in self._client.search(kind, params):
                if one.get("resourceType") == kind:
                    rows.append((str((one.get("meta") or {}).get("lastUpdated") or ""), one))
                if len(rows) >= most and rows[-1][0] != since:
                    break
        except NotSaid as error:
            raise error.away from error
        return [row for row in rows if row[0]]

    async def check(self) -> Checked:
        try:
            answer = await self._client.read("metadata")
        except NotSaid as error:
            return Checked(error.away.reason, error.away.said)
        version = str(answer.body.get("fhirVersion") or "")
        kinds = {
            str(one.get("type"))
            for rest in answer.body.get("rest") or []
            for one in rest.get("resource") or []
        }
        facts = {"fhir": version, "software": str((answer.body.get("software") or {}).get("name") or "")}
        if not version.startswith(("4.0", "4.3")):
            return Checked("version", version or f"HTTP {answer.status}", facts)
        if missing := _NEEDED - kinds:
            return Checked("missing", ", ".join(sorted(missing)), facts)
        return Checked(facts=facts)

    # --- telling ---

    async def book(self, wanted: Wanted) -> Outcome:
        if (
            wanted.slot is None
        ):  # its time has become another's; without one it would be taken beyond all places
            return Refused("gone")
        try:
            patient_id = wanted.patient.external_id or await self._patient(wanted)
            if not isinstance(patient_id, str):
                return patient_id
            unless = f"identifier={resources.OURS}|{wanted.key}"
            body = resources.appointment(wanted, patient_id)
            return _judged(await self._client.create("Appointment", body, unless=unless), patient_id)
        except NotSaid as error:
            return error.outcome
        except ValidationError as error:
            return Refused("other", str(error)[:300])

    async def _patient(self, wanted: Wanted) -> str | Outcome:
        number = quote(wanted.patient.record_number, safe="")
        unless = f"identifier={self._record_system}|{number}"
        answer = await self._client.create(
            "Patient", resources.patient(wanted.patient, self._record_system), unless=unless
        )
        if answer.ok and answer.id:
            return answer.id
        said = outcome_text(answer.body)
        return Refused("patient", said) if _decided(answer) else Unclear("not_understood", said)

    async def cancel(self, wanted: Wanted) -> Outcome:
        return await self._change(wanted, resources.cancelled, ends=True)

    async def move(self, old: Wanted, new: Wanted) -> Outcome:
        if new.slot is None:
            return Refused("gone")
        return await self._change(old, lambda body: resources.moved(body, new), ends=False)

    async def _change(self, wanted: Wanted, change: Any, *, ends: bool) -> Outcome:
        """Read, change, write back the version that was read. Whoever changed it between wins; the caller asks again."""
        path = f"Appointment/{wanted.external_id}"
        try:
            before = await self._client.read(path)
            if before.status in (404, 410):
                return (
                    Accepted(wanted.external_id or "") if ends else Refused("gone", outcome_text(before.body))
                )
            if not before.ok:
                return Unclear("not_understood", outcome_text(before.body))
            there = resources.found(before.body, before.etag)
            if there.status == "cancelled":
                return Accepted(there.external_id, there.etag) if ends else Refused("gone")
            if there.status in _BEGUN:  # seen there, or missed: what was is not undone from here
                return Refused("not_allowed", there.said)
            after = await self._client.update(path, change(before.body), before.etag)
        except NotSaid as error:
            return error.outcome
        except ValidationError as error:
            return Refused("other", str(error)[:300])
        if after.status == 412 or (after.status == 409 and await self._is_newer(path, before.etag)):
            return Unclear("changed", outcome_text(after.body))
        return _judged(after, there.patient_id, ends=ends)

    async def _is_newer(self, path: str, etag: str | None) -> bool:
        """Whether 409 was about the version (some servers say it so) or about what was asked."""
        try:
            now = await self._client.read(path)
        except NotSaid:
            return True  # nobody knows: asked after
        return now.ok and now.etag != etag


def _read_or_not(body: dict[str, Any]) -> Found | Unread:
    try:
        return resources.found(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        version = str((body.get("meta") or {}).get("lastUpdated") or "")
        return Unread(str(body.get("id") or ""), type(error).__name__, version)


def _decided(answer: Resource) -> bool:
    """Whether a FHIR server has said no, rather than a gateway before it or one that is not well."""
    codes = outcome_codes(answer.body)
    return bool(codes) and not codes & _PASSES


def _judged(answer: Resource, patient_id: str | None, *, ends: bool = False) -> Outcome:
    """What a status says of a create or an update."""
    said = outcome_text(answer.body)
    if answer.ok:
        there = resources.found(answer.body, answer.etag)
        if there.status == "pending":
            return Waiting(there.external_id)
        if there.status == "cancelled" and not ends:
            return Refused("gone", there.said)
        return Accepted(there.external_id, there.etag, patient_id)
    if answer.status == 412:
        return Unclear("several", said)
    if outcome_codes(answer.body) & _PASSES:
        return Unclear("busy", said)
    if answer.status == 409 or "conflict" in outcome_codes(answer.body):
        return Refused("not_allowed" if ends else "full", said)
    if outcome_codes(answer.body) & _NOT_ALLOWED:
        return Refused("not_allowed", said)
    return Refused("other", said) if _decided(answer) else Unclear("not_understood", f"HTTP {answer.status}")


def _offered(slot: dict[str, Any], every: dict[tuple[str, str], dict[str, Any]]) -> OfferedSlot | None:
    """None: not a slot we can use (no times, no doctor)."""
    start, end = resources.moment(slot.get("start")), resources.moment(slot.get("end"))
    schedule = every.get(("Schedule", resources.schedule_of(slot)), {})
    doctors = resources.references(schedule, "actor", "Practitioner")
    services = resources.references(schedule, "actor", "HealthcareService")
    if start is None or end is None or not doctors:
        return None
    service = services[0] if services else ""
    return OfferedSlot(
        external_id=str(slot.get("id")),
        practitioner=doctors[0],
        service=service,
        start=start,
        end=end,
        free=1 if slot.get("status") == "free" else 0,
        practitioner_code=resources.code_of(every.get(("Practitioner", doctors[0]))),
        service_code=resources.code_of(every.get(("HealthcareService", service))),
    )
