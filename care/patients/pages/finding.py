"""`/desk/patients`: search, and who was opened last. Results are masked; every one shown is in the trail, the words asked are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.patients import service as patients
from care.patients.identity import mask_name, mask_phone
from care.patients.models import Patient, PatientContact
from care.patients.pages.desk import PAGE, PatientDesk, Reader, show
from channels.contacts.models import Contact
from store import audit
from store.audit import AuditRow
from web.signin.models import StaffUser

FOUND = 20
RECENT = 8
LOOKED_BACK = 300
"""Rows of the trail looked through for the last opened."""


@dataclass(frozen=True, slots=True)
class Face:
    """A patient before they are opened. `channels`: by which they can be reached."""

    id: UUID
    name: str
    number: str
    phone: str
    sex: str
    age: int | None
    status: str
    confidential: bool
    channels: Sequence[str]


def add_routes(router: APIRouter, desk: PatientDesk) -> None:
    """`/desk/patients` and its search."""

    @router.get("")
    async def start(request: Request, staff: Reader) -> Response:
        async with desk.database.write("patients opened last") as session:
            found = await _recent(session, desk, staff)
            if not found:
                _nobody(session, desk, staff)
        return show(desk, request, "search.html", faces=None, recent=found, query="", hidden=0, more=False)

    @router.post("/search")
    async def search(
        request: Request, staff: Reader, q: Annotated[str, Form(max_length=60)] = ""
    ) -> Response:
        """By POST: a name or number must not stand in an address that logs keep."""
        async with desk.database.write("patients search") as session:
            found = await patients.search(session, q, FOUND + 1)
            hidden = await access.hidden(session, staff.id, found[:FOUND], now=desk.clock.now())
            open_ones = [one for one in found[:FOUND] if one.id not in hidden]
            faces = await faces_of(session, desk.today, open_ones)
            await _note(session, desk, staff, [one.id for one in open_ones], sorted(hidden))
        return show(
            desk,
            request,
            "found.html" if "hx-request" in request.headers else "search.html",
            faces=faces,
            recent=(),
            query=q.strip(),
            hidden=len(hidden),
            more=len(found) > FOUND,
        )


async def _note(
    session: AsyncSession, desk: PatientDesk, staff: StaffUser, seen: Sequence[UUID], hidden: Sequence[UUID]
) -> None:
    """Whom the search showed, and whom it kept back; a search that found nobody is a row as well."""
    now = desk.clock.now()
    await access.seen(session, staff, seen, "patients", now=now)
    await access.seen(session, staff, hidden, "patients", now=now, refused=True)
    if not seen and not hidden:
        _nobody(session, desk, staff)


def _nobody(session: AsyncSession, desk: PatientDesk, staff: StaffUser) -> None:
    """The page was looked at, and showed nobody."""
    audit.read(session, staff.id, ["patients"], desk.clock.now(), "patients")


async def _recent(session: AsyncSession, desk: PatientDesk, staff: StaffUser) -> list[Face]:
    """Whom this member of staff opened last, as far as they still may."""
    rows = await session.execute(
        select(AuditRow.subject, AuditRow.detail)
        .where(
            AuditRow.actor == audit.subject_of("staff", staff.id),
            AuditRow.action == "read",
            AuditRow.subject.startswith("patient:"),
        )
        .order_by(AuditRow.id.desc())
        .limit(LOOKED_BACK)
    )
    opened = [UUID(subject.partition(":")[2]) for subject, detail in rows if detail.get("page") == PAGE]
    order = list(dict.fromkeys(opened))[: RECENT * 2]
    people = {one.id: one for one in await session.scalars(select(Patient).where(Patient.id.in_(order)))}
    known = [people[one] for one in order if one in people]
    hidden = await access.hidden(session, staff.id, known, now=desk.clock.now())
    shown = [one for one in known if one.id not in hidden][:RECENT]
    await access.seen(
        session, staff, [one.id for one in shown], "patients", now=desk.clock.now(), live=True, part="list"
    )
    return await faces_of(session, desk.today, shown)


async def faces_of(session: AsyncSession, today: date, people: Sequence[Patient]) -> list[Face]:
    """As they are shown before they are opened: masked."""
    rows = await session.execute(
        select(PatientContact.patient_id, Contact.channel)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .where(PatientContact.patient_id.in_([one.id for one in people]))
        .distinct()
        .order_by(Contact.channel.desc())
    )
    channels: dict[UUID, list[str]] = {}
    for patient_id, channel in rows:
        channels.setdefault(patient_id, []).append(channel)
    return [
        Face(
            id=one.id,
            name=mask_name(one.name),
            number=f"＊{one.record_number[-4:]}",
            phone=mask_phone(one.phone) if one.phone else "",
            sex=one.sex,
            age=patients.age(one, today),
            status=one.status,
            confidential=one.confidential,
            channels=channels.get(one.id, ()),
        )
        for one in people
    ]
