"""A small FHIR R4 server, written from the standard: versions with ETags, conditional create, If-Match, searches with pages, OperationOutcome.

https://hl7.org/fhir/R4/http.html. As a hospital's it keeps slots too: an appointment takes its slot, a taken one is refused with 409. What can
go wrong is switched: `hold` lets requests wait (before or after they are done), `broken` answers 503 before doing anything, `instead` is
answered to writes without doing them (a status and a body that is no FHIR), `warns` puts an OperationOutcome into every bundle, `stale` is the
status for another version than the one named, `kept_back` are ids that are refused with 403.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from fhir.resources.R4B import get_fhir_model_class

JSON = "application/fhir+json"
PAGE = 50


@dataclass
class FhirServer:
    """`told` lists every POST and PUT that was carried out, as `(method, kind, id)`."""

    page: int = PAGE
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    done: int = 0
    broken: bool = False
    instead: tuple[int, str] | None = None
    warns: bool = False
    stale: int = 412
    kept_back: set[str] = field(default_factory=set)
    hold_before: asyncio.Event | None = None
    hold_after: asyncio.Event | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _serial: int = 0
    _at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    # --- for the tests ---

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Store a resource as the hospital's own staff would, as its next version."""
        kind = body["resourceType"]
        if "id" not in body:
            self._serial += 1
            body = {**body, "id": f"{kind[:1].lower()}{self._serial}"}
        before = self.rows.get((kind, body["id"]))
        version = int(before["meta"]["versionId"]) + 1 if before else 1
        self._at += timedelta(milliseconds=1)
        body = {**body, "meta": {"versionId": str(version), "lastUpdated": self._at.isoformat()}}
        get_fhir_model_class(kind).model_validate(body)
        self.rows[kind, body["id"]] = body
        return body

    def every(self, kind: str) -> list[dict[str, Any]]:
        return [row for (one, _), row in self.rows.items() if one == kind]

    def clinic(self, code: str, service: str, starts: list[datetime], minutes: int = 10) -> list[str]:
        """A doctor's schedule with free slots; the slots' ids."""
        self.put({"resourceType": "Practitioner", "id": f"p-{code}", "identifier": [{"value": code}]})
        self.put(
            {"resourceType": "HealthcareService", "id": f"h-{service}", "identifier": [{"value": service}]}
        )
        actors = [{"reference": f"Practitioner/p-{code}"}, {"reference": f"HealthcareService/h-{service}"}]
        schedule = self.put({"resourceType": "Schedule", "actor": actors})["id"]
        slots = [
            {
                "resourceType": "Slot",
                "schedule": {"reference": f"Schedule/{schedule}"},
                "status": "free",
                "start": start.isoformat(),
                "end": (start + timedelta(minutes=minutes)).isoformat(),
            }
            for start in starts
        ]
        return [self.put(one)["id"] for one in slots]

    # --- serving ---

    @web.middleware
    async def _faults(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        await request.read()  # whoever hangs up later has said it
        if self.broken:
            return _outcome(503, "transient", "maintenance")
        if request.path.rsplit("/", 1)[-1] in self.kept_back:
            return _outcome(403, "forbidden", "restricted")
        if self.instead is not None and request.method in ("POST", "PUT"):
            return web.Response(status=self.instead[0], text=self.instead[1], content_type="text/html")
        writes = request.method in ("POST", "PUT") and "/Appointment" in request.path
        if writes and self.hold_before is not None:
            self.held.set()
            await self.hold_before.wait()
        response: web.StreamResponse = await asyncio.shield(handler(request))
        self.done += 1
        if writes and self.hold_after is not None:
            self.held.set()
            await self.hold_after.wait()
        return response

    async def _metadata(self, _request: web.Request) -> web.Response:
        kinds = ["Appointment", "Patient", "Slot", "Schedule"]
        rest = [{"mode": "server", "resource": [{"type": one} for one in kinds]}]
        body = {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "t"},
            "rest": rest,
        }
        return _json(200, body)

    async def _read(self, request: web.Request) -> web.Response:
        row = self.rows.get((request.match_info["kind"], request.match_info["id"]))
        return _outcome(404, "not-found", "no such resource") if row is None else _shown(200, row)

    async def _search(self, request: web.Request) -> web.Response:
        kind, query = request.match_info["kind"], parse_qsl(request.query_string)
        found = [row for row in self.every(kind) if all(_matches(row, *one) for one in query)]
        sort = dict(query).get("_sort", "_lastUpdated")
        found.sort(key=lambda row: row["meta"]["lastUpdated"], reverse=sort.startswith("-"))
        size = min(int(dict(query).get("_count", self.page)), self.page)
        offset = int(dict(query).get("_offset", 0))
        part = found[offset : offset + size]
        links = [{"relation": "self", "url": str(request.url)}]
        if offset + size < len(found):
            rest = [*(one for one in query if one[0] != "_offset"), ("_offset", str(offset + size))]
            links.append({"relation": "next", "url": f"{self.url}/{kind}?{urlencode(rest)}"})
        entries = [{"resource": row, "search": {"mode": "match"}} for row in part]
        if any(name == "_include" for name, _ in query):
            entries += [{"resource": row, "search": {"mode": "include"}} for row in self._included(part)]
        if self.warns:
            warning = {"severity": "warning", "code": "informational", "diagnostics": "索引重建中"}
            outcome = {"resourceType": "OperationOutcome", "issue": [warning]}
            entries.insert(0, {"resource": outcome, "search": {"mode": "outcome"}})
        body = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "link": links,
            "entry": entries,
        }
        return _json(200, body)

    def _included(self, slots: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        schedules = {one["schedule"]["reference"] for one in slots}
        for one in schedules:
            row = self.rows["Schedule", one.split("/")[1]]
            yield row
            for actor in row["actor"]:
                kind, row_id = actor["reference"].split("/")
                yield self.rows[kind, row_id]

    async def _create(self, request: web.Request) -> web.Response:
        kind, body = request.match_info["kind"], await request.json()
        if unless := request.headers.get("If-None-Exist"):
            same = [row for row in self.every(kind) if all(_matches(row, *one) for one in parse_qsl(unless))]
            if len(same) > 1:
                return _outcome(412, "multiple-matches", "several match If-None-Exist")
            if same:
                return _shown(200, same[0])
        if (no := self._take_slots(None, body)) is not None:
            return no
        row = self.put(body)
        self.told.append(("POST", kind, row["id"]))
        return _shown(201, row, {"Location": f"{self.url}/{kind}/{row['id']}/_history/1"})

    async def _update(self, request: web.Request) -> web.Response:
        kind, row_id = request.match_info["kind"], request.match_info["id"]
        body, before = await request.json(), self.rows.get((kind, row_id))
        wanted = request.headers.get("If-Match")
        if wanted is not None and (before is None or wanted != _etag(before)):
            return _outcome(self.stale, "conflict", "the version has changed")
        if (no := self._take_slots(before, body)) is not None:
            return no
        row = self.put({**body, "id": row_id})
        self.told.append(("PUT", kind, row_id))
        return _shown(200, row)

    def _take_slots(self, before: dict[str, Any] | None, after: dict[str, Any]) -> web.Response | None:
        """Keep the slots' status; a taken one is refused, and nothing is changed."""
        if after["resourceType"] != "Appointment":
            return None
        old, new = _slots_of(before), _slots_of(after)
        for one in new - old:
            if self.rows["Slot", one]["status"] != "free":
                return _outcome(409, "conflict", "该号源已被占用")
        for one, status in [*((one, "free") for one in old - new), *((one, "busy") for one in new - old)]:
            self.put({**self.rows["Slot", one], "status": status})
        return None

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[FhirServer]:
        """On a free port of this machine; afterwards nobody listens there."""
        app = web.Application(middlewares=[self._faults])
        app.router.add_get("/fhir/metadata", self._metadata)
        app.router.add_get("/fhir/{kind}/{id}", self._read)
        app.router.add_get("/fhir/{kind}", self._search)
        app.router.add_post("/fhir/{kind}", self._create)
        app.router.add_put("/fhir/{kind}/{id}", self._update)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/fhir"
        try:
            yield self
        finally:
            await runner.cleanup()


def _slots_of(body: dict[str, Any] | None) -> set[str]:
    if body is None or body["status"] == "cancelled":
        return set()
    return {one["reference"].split("/")[1] for one in body.get("slot", [])}


def _matches(row: dict[str, Any], name: str, value: str) -> bool:
    """One search parameter of the few this server knows (https://hl7.org/fhir/R4/search.html); control parameters match all."""
    match name:
        case "identifier":
            system, _, wanted = value.rpartition("|")
            return any(
                one.get("value") == wanted and (not system or one.get("system") == system)
                for one in row.get("identifier", [])
            )
        case "_lastUpdated":
            return _compares(row["meta"]["lastUpdated"], value)
        case "start":
            return _compares(row["start"], value)
        case "status":
            return row.get("status") == value
        case "active":
            return row.get("active", True) is (value == "true")
        case "_id":
            return row["id"] in value.split(",")
    return True


def _compares(have: str, wanted: str) -> bool:
    prefix, bound = wanted[:2], datetime.fromisoformat(wanted[2:].replace(" ", "+"))
    moment = datetime.fromisoformat(have)
    return {"ge": moment >= bound, "gt": moment > bound, "lt": moment < bound, "le": moment <= bound}[prefix]


def _etag(row: dict[str, Any]) -> str:
    return f'W/"{row["meta"]["versionId"]}"'


def _shown(status: int, row: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return _json(status, row, {"ETag": _etag(row), **(headers or {})})


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, text=json.dumps(body, ensure_ascii=False), content_type=JSON, headers=headers or {}
    )


def _outcome(status: int, code: str, said: str) -> web.Response:
    issue = [{"severity": "error", "code": code, "diagnostics": said}]
    return _json(status, {"resourceType": "OperationOutcome", "issue": issue})
