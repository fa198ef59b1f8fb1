"""`/my-data/<token>`: a copy of one's data, for who proves to be the person: the same WeChat account, or the last four of the
identity number, with few tries. Nothing is shown before, since links get forwarded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.patients.models import Patient
from care.privacy import checking, files
from care.privacy.models import PrivacyFile
from care.privacy.words import words
from channels.wechat.oauth import session_of
from store import audit
from store.clock import Clock
from store.database import Database
from web.shell import add_templates, render

add_templates("privacy", Path(__file__).parents[1] / "templates")
_LAST4 = re.compile(r"\d{3}[\dXx]")
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the page needs. `account_id`: the WeChat account in which patients sign in."""

    database: Database
    clock: Clock


def my_data_router(shelf: Shelf) -> APIRouter:
    """The page and its files. No session of ours is needed: the token in the address is the first secret, the proof the second."""
    router = APIRouter(prefix="/my-data", include_in_schema=False)

    def answer(request: Request, status: int, **values: Any) -> Response:
        made = render(request, "privacy/my_data.html", status, words=words, local=shelf.clock.local, **values)
        made.headers.update(HEADERS)
        return made

    @router.get("/{token}")
    async def page(request: Request, token: str) -> Response:
        async with shelf.database.read("my data page") as session:
            file = await files.find(session, token, shelf.clock.now())
        if file is None:
            return answer(request, 404, file=None)
        return answer(request, 200, file=file, known=_is_theirs(request, file), token=token, problem="")

    @router.post("/{token}")
    async def take(
        request: Request, token: str, form: str = Form("pdf"), last4: str = Form("", max_length=20)
    ) -> Response:
        typed = last4.replace(" ", "").upper()
        now = shelf.clock.now()

        async def work(session: AsyncSession) -> tuple[PrivacyFile | None, str]:
            file = await files.find(session, token, now)
            if file is None:
                return None, ""
            if not _is_theirs(request, file):
                if _LAST4.fullmatch(typed) is None:
                    return file, words("page", "form")
                patient = await session.get_one(Patient, file.patient_id)
                checked = await checking.check(session, file.contact_id, patient, typed, now=now)
                if not checked.passed:
                    left = checked.left
                    return file, words("page", "wrong", left=left) if left else words("page", "locked")
            files.opened(file, now)
            subject = audit.subject_of("patient", file.patient_id)
            audit.record(
                session, actor=f"contact:{file.contact_id}", action="privacy.fetched", subject=subject, at=now
            )
            return file, ""

        file, problem = await shelf.database.transact(work, "my data taken")
        if file is None:
            return answer(request, 404, file=None)
        if problem:
            return answer(request, 422, file=file, known=False, token=token, problem=problem)
        return _file(file, form, f"{shelf.clock.local(file.made_at):%Y%m%d}")

    return router


def _is_theirs(request: Request, file: PrivacyFile) -> bool:
    """Signed in with WeChat in this browser, as the contact that asked."""
    who = session_of(request)
    return who is not None and who.contact_id == file.contact_id


def _file(file: PrivacyFile, form: str, day: str) -> Response:
    if form == "json":
        body, kind = json.dumps(file.content, ensure_ascii=False, indent=1).encode(), "application/json"
    else:
        form, body, kind = "pdf", files.pdf_of(file), "application/pdf"
    name = quote(f"{words('pdf', 'title')}-{day}.{form}")
    said = f"attachment; filename=\"my-data-{day}.{form}\"; filename*=UTF-8''{name}"
    return Response(body, media_type=kind, headers={**HEADERS, "Content-Disposition": said})
