"""Every route of the application by every role, and every page that shows a patient leaves its row in the audit trail.

The table is authorisation.yml; a route that is not in it fails here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import yaml
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, select
from starlette.routing import Mount

from care.alerts.models import AlertKind
from care.alerts.service import open_alert
from care.appointments.models import Appointment
from care.binding.models import BindingQr
from care.desk import service as desk
from care.desk.hours import DutyHours
from care.followup import service as followup
from care.followup.models import Loss
from care.patients import service as patients
from care.patients.identity import mask_name
from care.patients.models import Relation
from care.questionnaires.models import Questionnaire, QuestionnaireResponse
from care.systems import messages
from care.systems.models import Direction
from channels.outbox.models import OutboundMessage
from content.articles.models import Article
from content.articles.recall import ref_of
from content.audiences import service as audiences
from content.audiences.rules import read
from content.campaigns import service as campaigns
from content.campaigns.kinds import Kind
from content.campaigns.models import CampaignRecipient
from content.campaigns.plan import Plan, Variant
from content.faq.questions.models import QuestionGroup, UnansweredQuestion
from store import crypto
from store.audit import AuditRow
from store.clock import Clock, real_now
from store.database import Database
from tests.channels.ops.site import staff
from tests.factories import deliveries
from tests.fuzz.served import TOKEN, Served, served
from web.security import CSRF_COOKIE
from web.shell import NavLink
from web.signin.models import Role, StaffUser
from web.signin.pages import SESSION_COOKIE, Require

TABLE: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "authorisation.yml").read_text())
READS = [route for route, entry in TABLE.items() if "reads" in entry]
NOBODY = "00000000-0000-7000-8000-000000000000"
NAME, NUMBER, PHONE = "欧阳海棠", "Z7700042", "+8613812345678"
EVERYBODY = '{"kind": "all", "rules": [{"kind": "everyone"}]}'


def allowed(entry: dict[str, Any]) -> set[str]:
    """Roles that may: `public` and `staff` mean all."""
    who = entry["who"].split()
    return set(Role) if who in (["public"], ["staff"]) else {*who, Role.ADMIN}


def routes(app: FastAPI) -> dict[str, list[Require]]:
    """`METHOD path` → what it requires."""
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            continue  # static files and the vendors' simulators: no pages of ours
        methods = getattr(context, "methods", None) or route.methods  # type: ignore[attr-defined]
        for method in methods - {"HEAD"}:
            found[f"{method} {context.path}"] = list(
                _required(getattr(context, "dependant", None) or route.dependant)  # type: ignore[attr-defined]
            )
    return found


def _required(dependant: Any) -> Iterator[Require]:
    for one in dependant.dependencies:
        if isinstance(one.call, Require):
            yield one.call
        yield from _required(one)


@dataclass
class Hospital:
    """The whole application; everybody is signed in, and one patient has something everywhere."""

    house: Served
    database: Database
    tokens: dict[str, str] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def browser(self, role: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        session = f"; {SESSION_COOKIE}={self.tokens[role]}" if role else ""
        headers = {"Accept": "text/html", "Cookie": f"{CSRF_COOKIE}={TOKEN}{session}", "X-CSRF-Token": TOKEN}
        async with aiohttp.ClientSession(
            self.house.url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            yield http

    def filled(self, path: str) -> str:
        """`path` with the samples, and nobody's id for what there is no sample of."""
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: self.samples.get(found[1], NOBODY), path)

    async def reads(self, role: str) -> int:
        async with self.database.read() as session:
            by = await session.scalar(select(StaffUser.id).where(StaffUser.username == role))
            counted = select(func.count()).select_from(AuditRow)
            return (
                await session.scalar(
                    counted.where(AuditRow.actor == f"staff:{by}", AuditRow.action.in_(("read", "export")))
                )
                or 0
            )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hospital")) as running:
        yield running


@pytest.fixture(scope="module")
async def hospital(house: Served) -> AsyncIterator[Hospital]:
    before, database = crypto._current, Database(house.settings.database)
    crypto.install(house.settings.secrets.keyring)
    made = Hospital(house, database)
    made.tokens = await staff(database, *(one for one in Role if one is not Role.ADMIN))
    made.tokens[Role.ADMIN] = house.sign_in()["Cookie"].rpartition("=")[2]
    async with database.write("samples") as session:
        made.samples = await samples(session)
    yield made
    await database.close()
    crypto._current = before


async def samples(session: Any) -> dict[str, str]:
    """A patient whose name nobody else bears, and ids by the names of path parameters."""
    now = real_now()
    patient = await patients.create(
        session, patients.PatientData(NUMBER, NAME, "female", phone=PHONE), datetime(2020, 1, 1, tzinfo=UTC)
    )
    article = (await session.scalars(select(Article).order_by(Article.id).limit(1))).one()
    message: OutboundMessage = await deliveries.message(
        session,
        now,
        "failed",
        channel="sms",
        address=PHONE,
        patient_id=patient.id,
        account_id="aliyun",
    )
    await deliveries.message(
        session,
        now,
        "delivered",
        channel="sms",
        address=PHONE,
        patient_id=patient.id,
        content_ref=ref_of(article.slug),
        content_revision=1,
    )
    await patients.link_contact(session, patient.id, message.contact_id, Relation.SELF, at=now)
    nurse = (await session.scalars(select(StaffUser.id).where(StaffUser.username == "nurse"))).one()
    await desk.start(
        session,
        message.conversation_id,
        clock=Clock(),
        hours=DutyHours.parse(""),
        contact_id=message.contact_id,
    )
    code = BindingQr(
        token_hash="h",
        account_id="hospital",
        patient_id=patient.id,
        relation="self",
        state="shown",
        created_by=nurse,
        created_at=now,
        expires_at=now.replace(year=now.year + 1),
        tries=0,
    )
    group = QuestionGroup(state="open", last_asked_at=now)
    session.add_all([code, group])
    await session.flush()
    session.add(
        UnansweredQuestion(
            text="有充电宝借吗", text_hash="h", group_id=group.id, first_asked_at=now, last_asked_at=now
        )
    )
    alert, _ = await open_alert(
        session, AlertKind.RED_FLAG, text="伤口渗液", now=now, dedup_key="sample", patient_id=patient.id
    )
    campaign = await a_campaign(session, patient.id, article, now)
    survey = (
        await session.scalars(select(Questionnaire).where(Questionnaire.name == "satisfaction"))
    ).first()
    assert survey is not None
    response = QuestionnaireResponse(
        questionnaire_id=survey.id,
        name=survey.name,
        source="self",
        patient_id=patient.id,
        status="completed",
        answers={"overall": "4"},
        revision=1,
        started_at=now,
        updated_at=now,
    )
    session.add(response)
    await session.flush()
    call, _ = await followup.open_call(
        session, patient.id, key="sample", due_on=now.date(), script="staff", source="staff", now=now
    )
    loss = Loss(
        patient_id=patient.id, rule="chronic", since=now.date(), stage="patient", told=True, noticed_at=now, stage_at=now
    )  # fmt: skip
    session.add(loss)
    await session.flush()
    told = await messages.put(
        session,
        system="sample",
        direction=Direction.IN,
        kind="ADT^A04",
        key="sample",
        body="MSH",
        now=now,
        patient_id=patient.id,
        due_at=now.replace(year=now.year + 1),
    )
    assert told is not None
    visit = (await session.scalars(select(Appointment).where(Appointment.status == "booked").limit(1))).one()
    return {
        "response_id": str(response.id),
        "call_id": str(call.id),
        "loss_id": str(loss.id),
        "system_message_id": str(told.id),
        "patient": str(patient.id),
        "patient_id": str(patient.id),
        "campaign_id": str(campaign),
        "alert_id": str(alert.id),
        "message_id": str(message.id),
        "conversation_id": str(message.conversation_id),
        "qr_id": str(code.id),
        "group_id": str(group.id),
        "slug": article.slug,
        "account_id": "hospital",
        "name": NAME,
        "phone": PHONE,
        "rule": EVERYBODY,
        "appointment_id": str(visit.id),
        "doctor": str(visit.practitioner_id),
        "day": visit.day.isoformat(),
        "part": visit.part,
    }


async def a_campaign(session: Any, patient_id: UUID, article: Article, now: datetime) -> UUID:
    """For everybody, with one recipient."""
    everybody = audiences.create(
        session, name="所有人", note="", rule=read(json.loads(EVERYBODY)), now=now, staff_id=None
    )
    staff_user = (await session.scalars(select(StaffUser).where(StaffUser.username == "editor"))).one()
    plan = Plan(
        "给所有人", Kind.ONCE, (await everybody).id, (Variant(article.id, article.live_revision or 1),)
    )
    made = await campaigns.create(session, plan, staff=staff_user, now=now)
    session.add(CampaignRecipient(campaign_id=made.id, occurrence=1, patient_id=patient_id, planned_at=now))
    await session.flush()
    return made.id


def test_every_route_is_in_the_table(house: Served) -> None:
    found = routes(house.app)
    missing = [
        f'"{route}": {{who: {" ".join(needs[-1].roles) or "staff" if needs else "public"}}}'
        for route, needs in found.items()
        if route not in TABLE
    ]
    assert not missing, "add these to authorisation.yml, if they are meant so:\n" + "\n".join(missing)
    assert not set(TABLE) - set(found), "routes that are gone"


def test_the_routes_require_what_the_table_says(house: Served) -> None:
    for route, needs in routes(house.app).items():
        entry = TABLE[route]
        if entry["who"] == "public":
            assert not needs, route
            continue
        assert needs, f"{route} is open to everybody"
        said = set.intersection(*(set(one.roles) or set(Role) for one in needs)) | {Role.ADMIN}
        assert said == allowed(entry), route


@pytest.mark.parametrize("role", ["", *Role])
async def test_each_role_meets_what_is_its_own(hospital: Hospital, role: str) -> None:
    """Who may not is asked of every route; who may, only of pages that change nothing."""
    gate = asyncio.Semaphore(4)

    async def ask(http: aiohttp.ClientSession, route: str, entry: dict[str, Any]) -> None:
        method, path = route.split(" ")
        welcome = bool(role) and role in allowed(entry)
        if entry["who"] == "public" or (welcome and method != "GET"):
            return
        async with gate, http.request(method, hospital.filled(path), allow_redirects=False) as answer:
            if welcome:
                assert answer.status in (200, 204, 286, 303, 404, 422), (route, answer.status)
                assert not answer.headers.get("Location", "").startswith("/sign-in"), route
            elif role:
                assert answer.status == 403, (route, answer.status)
            else:
                led = answer.headers.get("Location", "")
                assert (answer.status, led.startswith("/sign-in")) == (303, True), (route, answer.status)

    async with hospital.browser(role) as http:
        await asyncio.gather(*(ask(http, route, entry) for route, entry in TABLE.items()))


@pytest.mark.parametrize("role", list(Role))
async def test_the_top_bar_leads_nowhere_shut(hospital: Hospital, role: str) -> None:
    nav: list[NavLink] = hospital.house.app.state.nav
    async with hospital.browser(role) as http:
        async with http.get("/account") as answer:
            page = await answer.text()
        for link in nav:
            seen = f'href="{link.href}"' in page
            assert seen is (not link.roles or role == Role.ADMIN or role in link.roles), link
            if seen:
                async with http.get(link.href) as answer:
                    assert answer.status == 200, (role, link)


@pytest.mark.parametrize("route", READS)
async def test_who_sees_a_patient_leaves_a_row(hospital: Hospital, route: str) -> None:
    method, path = route.split(" ")
    entry = TABLE[route]
    asked = entry["reads"] or {}
    role = next(one for one in ("nurse", *entry["who"].split()) if one in allowed(entry))
    query = hospital.filled(asked.get("query", ""))
    form = {name: hospital.filled(value) for name, value in asked.get("form", {}).items()}
    await forget(hospital, role)
    async with (
        hospital.browser(role) as http,
        http.request(
            method, f"{hospital.filled(path)}?{query}", data=form or None, allow_redirects=False
        ) as answer,
    ):
        assert answer.status in (200, 286, 303), await answer.text()
    assert await hospital.reads(role) > 0


async def test_a_page_that_shows_a_patient_says_so_in_the_table(hospital: Hospital) -> None:
    """Every page of staff is asked for as the administrator with real ids: what shows the patient is marked."""
    traces = (NAME, mask_name(NAME), NUMBER, "＊0042", "138****5678", PHONE.removeprefix("+86"))
    showing = set()
    async with hospital.browser(Role.ADMIN) as http:
        for route, entry in TABLE.items():
            method, path = route.split(" ")
            if method != "GET" or entry["who"] == "public":
                continue
            async with http.get(hospital.filled(path), allow_redirects=False) as answer:
                if answer.content_type == "text/event-stream":
                    continue  # it has no end, and says only that something changed
                page = await answer.text()
            if any(one in page for one in traces):
                showing.add(route)
    assert showing <= set(READS), "these show a patient: add reads"
    assert len(showing) >= 6, "the patient is there to be seen"


async def forget(hospital: Hospital, role: str) -> None:
    """As if this member of staff had read nothing yet: parts that refresh themselves write a row each ten minutes."""
    async with hospital.database.write("forget") as session:
        by = await session.scalar(select(StaffUser.id).where(StaffUser.username == role))
        rows = await session.scalars(select(AuditRow).where(AuditRow.actor == f"staff:{by}"))
        for row in rows:
            row.actor = "staff:somebody"
