"""FHIR's RESTful interaction: search with paging, conditional create, read, update with the version it was read in.

https://hl7.org/fhir/R4/http.html, sections 3.1.0.5 (conditional create: If-None-Exist), 3.1.0.1.6 and 3.1.0.5 (ETag, If-Match, 409, 412),
3.1.1.4 (paging by `next` links). R4B differs from R4 in no resource used here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from care.systems.port import Unclear
from care.systems.wire import Answer, NotSaid, send

JSON = "application/fhir+json"
PAGES = 2000
"""`next` links followed for one search."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a server returned: the parsed `body`, its `etag` as it is to be sent back, and the HTTP status."""

    body: dict[str, Any]
    etag: str | None
    status: int

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def id(self) -> str:
        return str(self.body.get("id") or "")


class FhirClient:
    """`base` is the service root. Every call raises `NotSaid` where no answer was had; other statuses are returned."""

    def __init__(self, base: str, *, token: str = "", timeout: float = 10.0) -> None:
        self.base = base.rstrip("/")
        headers = {"Accept": JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._http = httpx2.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def read(self, path: str) -> Resource:
        return _resource(await send(self._http, "GET", f"{self.base}/{path}"))

    async def search(self, kind: str, params: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Every resource found, included ones too, page after page; links in a circle end. Raises `NotSaid` for an error of the server's
        as well, and for more pages than can be all."""
        seen: set[str] = set()
        url, query = f"{self.base}/{kind}", {name: value for name, value in params.items() if value}
        for _ in range(PAGES):
            answer = _resource(await send(self._http, "GET", url, params=query or None))
            if not answer.ok:
                raise NotSaid(Unclear("not_understood", outcome_text(answer.body) or f"HTTP {answer.status}"))
            for entry in answer.body.get("entry") or []:
                if isinstance(found := entry.get("resource"), dict):
                    yield found
            following = next(
                (one.get("url") for one in answer.body.get("link") or [] if one.get("relation") == "next"),
                None,
            )
            if not following or following in seen:
                return
            seen.add(following)
            url, query = self._same_server(urljoin(f"{self.base}/", str(following))), {}
        raise NotSaid(Unclear("too_large"))

    async def create(self, kind: str, body: dict[str, Any], *, unless: str) -> Resource:
        """Conditional create: 201 with the new one, 200 with the one that matched `unless` (a search), 412 for several."""
        headers = {"Content-Type": JSON, "If-None-Exist": unless, "Prefer": "return=representation"}
        answer = await send(self._http, "POST", f"{self.base}/{kind}", json=body, headers=headers)
        found = _resource(answer)
        location = answer.headers.get("location") or answer.headers.get("content-location")
        if found.ok and not found.id and location:  # Prefer is a wish: some return nothing
            return await self.read(_relative(location, kind))
        return found

    async def update(self, path: str, body: dict[str, Any], etag: str | None) -> Resource:
        """Update the version that was read; 412 or 409: somebody else changed it first, or it may not be."""
        headers = {"Content-Type": JSON, "Prefer": "return=representation"}
        if etag:
            headers["If-Match"] = etag
        return _resource(await send(self._http, "PUT", f"{self.base}/{path}", json=body, headers=headers))

    def _same_server(self, url: str) -> str:
        """A `next` link must not lead our token elsewhere."""
        if urlsplit(url)[:2] != urlsplit(self.base)[:2]:
            raise NotSaid(Unclear("not_understood", "next"))
        return url


def outcome_text(body: dict[str, Any]) -> str:
    """What an OperationOutcome says, for people."""
    issues = body.get("issue") if body.get("resourceType") == "OperationOutcome" else None
    said = [
        str(one.get("diagnostics") or (one.get("details") or {}).get("text") or one.get("code") or "")
        for one in issues or []
        if isinstance(one, dict)
    ]
    return "; ".join(one for one in said if one)[:500]


def outcome_codes(body: dict[str, Any]) -> set[str]:
    """Its codes (https://hl7.org/fhir/R4/valueset-issue-type.html)."""
    issues = body.get("issue") if body.get("resourceType") == "OperationOutcome" else None
    return {str(one.get("code")) for one in issues or [] if isinstance(one, dict)}


def _resource(answer: Answer) -> Resource:
    body = answer.json() if answer.body.strip() else {}
    if not isinstance(body, dict):
        raise NotSaid(Unclear("not_understood"))
    version = (body.get("meta") or {}).get("versionId")
    etag = answer.headers.get("etag") or (f'W/"{version}"' if version else None)
    return Resource(body, etag, answer.status)


def _relative(location: str, kind: str) -> str:
    """`Appointment/123` of a Location such as `http://…/Appointment/123/_history/1`."""
    parts = urlsplit(location).path.split("/")
    at = len(parts) - 1 - parts[::-1].index(kind) if kind in parts else -1
    return "/".join(parts[at : at + 2]) if at >= 0 else kind
