"""`/ops/qr`: staff show a patient a QR code that binds the WeChat account scanning it to the patient's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import segno
import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from care.binding import qr
from care.binding.models import BindingQr
from care.patients import identity
from care.patients import service as patients
from care.patients.models import PatientStatus, Relation
from channels.wechat.client import WeChatClient
from store import audit
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.texts import Texts

log = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
add_templates("binding", TEMPLATES)
say = Texts(TEMPLATES / "texts.yml")
ROLES = (Role.NURSE, Role.OPERATOR)
SHOWN_SINCE = timedelta(hours=12)

Staff = Annotated[StaffUser, Depends(require(*ROLES))]


@dataclass(frozen=True, slots=True)
class Code:
    """One code as the page shows it: names and numbers masked. `svg` only while it can still be scanned."""

    id: UUID
    patient: str
    relation: str
    state: qr.QrState
    said: str
    left_minutes: int
    svg: str
    made_at: str
    over: bool


def qr_router(database: Database, clock: Clock, clients: Mapping[str, WeChatClient]) -> APIRouter:
    """`clients`: WeChat accounts by id; the first is offered first."""
    router = APIRouter(prefix="/ops/qr", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    relations = [(one.value, say(f"relation.{one.value}")) for one in Relation]

    async def seen(session: AsyncSession, staff: StaffUser, rows: Sequence[BindingQr]) -> None:
        whom = {audit.subject_of("patient", row.patient_id) for row in rows}
        await audit.read_live(session, staff.id, whom, clock.now(), "binding")

    async def page(request: Request, staff: StaffUser, status: int = 200, **context: Any) -> Response:
        async with database.write("qr-recent") as session:
            rows = await qr.recent(session, staff.id, clock.now() - SHOWN_SINCE)
            await seen(session, staff, rows)
            codes = [await _code(session, row, clock) for row in rows]
        shared = {
            "relations": relations,
            "accounts": list(clients),
            "codes": codes,
            "minutes": _minutes(qr.LIFE),
        }
        blank = {"problem": "", "number": "", "relation": Relation.SELF.value, "current": None}
        return render(request, "binding/qr.html", status, **{**shared, **blank, **context})

    @router.get("")
    async def ask(request: Request, staff: Staff) -> Response:
        return await page(request, staff)

    @router.post("")
    async def make(
        request: Request,
        staff: Staff,
        number: Annotated[str, Form(max_length=40)] = "",
        relation: Annotated[str, Form(max_length=10)] = Relation.SELF.value,
        account: Annotated[str, Form(max_length=64)] = "",
    ) -> Response:
        account = account if account in clients else next(iter(clients), "")
        again: dict[str, Any] = {"number": number, "relation": relation}
        if relation not in {one.value for one in Relation} or not account:
            raise HTTPException(422)
        async with database.write("qr-make") as session:
            patient = await patients.get_by_record_number(session, number) if number.strip() else None
            problem = (
                "no_number"
                if not number.strip()
                else "no_patient"
                if patient is None
                else "died"
                if patient.status == PatientStatus.DIED
                else "no_check"
                if not (patient.id_last4_hash or patient.phone_hash)
                else ""
            )
            if not problem:
                assert patient is not None
                row, scene = await qr.make(
                    session,
                    patient,
                    relation=Relation(relation),
                    account_id=account,
                    staff_id=staff.id,
                    now=clock.now(),
                )
        if problem:
            return await page(request, staff, 422, problem=say(problem), **again)
        answer = await clients[account].create_qrcode(scene, int(qr.LIFE.total_seconds()))
        url = str(answer.get("url") or "") if isinstance(answer, dict) else ""
        async with database.write("qr-shown") as session:
            await qr.shown(session, row.id, url or None, clock.now())
        if not url:
            log.warning("qr.not_made", account=account, answer=type(answer).__name__)
            return await page(request, staff, 503, problem=say("vendor"), **again)
        return RedirectResponse(f"/ops/qr/{row.id}", 303)

    async def own(staff: StaffUser, qr_id: UUID) -> Code:
        async with database.write("qr-code") as session:
            row = await session.get(BindingQr, qr_id)
            if row is None or (row.created_by != staff.id and Role.ADMIN not in staff.roles):
                raise HTTPException(404)
            await seen(session, staff, [row])
            return await _code(session, row, clock)

    @router.get("/{qr_id}")
    async def show(request: Request, staff: Staff, qr_id: UUID) -> Response:
        return await page(request, staff, current=await own(staff, qr_id))

    @router.get("/{qr_id}/state")
    async def state(request: Request, staff: Staff, qr_id: UUID) -> Response:
        """The part of the page that changes; 286 tells the poller that it is over (https://htmx.org/docs/#polling)."""
        code = await own(staff, qr_id)
        return render(request, "binding/qr_code.html", 286 if code.over else 200, code=code)

    return router


async def _code(session: AsyncSession, row: BindingQr, clock: Clock) -> Code:
    now = clock.now()
    patient = await patients.get(session, row.patient_id)
    state = qr.state_of(row, now)
    shown = state in (qr.QrState.SHOWN, qr.QrState.SCANNED)
    name = identity.mask_name(patient.name) if patient is not None else ""
    return Code(
        id=row.id,
        patient=f"{name} {patient.record_number}" if patient is not None else "",
        relation=say(f"relation.{row.relation}"),
        state=state,
        said=say(f"state.{state.value}"),
        left_minutes=max(1, _minutes(row.expires_at - now)) if shown else 0,
        svg=segno.make(row.url, error="m").svg_data_uri(scale=6, border=4, dark="#000", light="#fff")
        if shown and row.url
        else "",
        made_at=f"{clock.local(row.created_at):%H:%M}",
        over=not shown,
    )


def _minutes(span: timedelta) -> int:
    return int((span.total_seconds() + 59) // 60)
