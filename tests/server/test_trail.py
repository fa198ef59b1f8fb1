"""The audit pages over the house's real patients: found by person, exported, proved, and looking is recorded itself."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from fastapi import FastAPI
from sqlalchemy import select, text, update

from care.patients import service as patients
from care.patients.identity import mask_name
from care.patients.models import Relation
from server.trail import TrailPeople
from store import audit
from store.audit import AuditRow, AuditSealer
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.ops.site import TOKEN, staff
from tests.channels.simulator.serving import serve
from tests.factories import deliveries
from web.audit import search
from web.audit.pages import AuditDesk, audit_router
from web.build import build
from web.security import CSRF_COOKIE
from web.shell import install_shell
from web.signin.models import Role, StaffUser
from web.signin.pages import SESSION_COOKIE, signin_router

KEY = b"a" * 32
NURSE = "nurse先生"


@dataclass
class Trail:
    """The running pages. `patient` has a contact with a message; a nurse read all three."""

    http: aiohttp.ClientSession
    database: Database
    sealer: AuditSealer
    nurse: str
    patient: str
    outbound: str

    async def get(self, path: str = "") -> tuple[int, str]:
        async with self.http.get(f"/admin/audit{path}", allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.http.post(
            f"/admin/audit{path}", data={**form, "csrf_token": TOKEN}, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def lines(self, path: str = "") -> list[list[str]]:
        """The table's cells."""
        page = (await self.get(path))[1]
        body = page[page.index("<tbody>") :]
        return [
            [re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
        ]


@asynccontextmanager
async def trail(database: Database, clock: VirtualClock) -> AsyncIterator[Trail]:
    build()
    tokens = await staff(database, Role.AUDITOR, Role.NURSE)
    now = clock.now()
    async with database.write("a day at the hospital") as session:
        nurse = (await session.scalars(select(StaffUser.id).where(StaffUser.username == "nurse"))).one()
        await session.execute(text("DELETE FROM audit_row"))  # their signing in
        data = patients.PatientData("D0000042", "欧阳海棠", "female", phone="+8613812345678")
        patient = await patients.create(session, data, now)
        message = await deliveries.message(session, now, channel="sms", address="+8613812345678")
        await patients.link_contact(session, patient.id, message.contact_id, Relation.SELF, at=now)
        whom = [
            audit.subject_of("patient", patient.id),
            audit.subject_of("contact", message.contact_id),
            audit.subject_of("outbound", message.id),
        ]
        for days, one in zip((3, 2, 1), whom, strict=True):
            audit.read(session, nurse, [one], now - timedelta(days=days), "delivery", part="words")
        audit.record(session, actor="system", action="sign_in_failed", subject="staff:unknown", at=now)
        audit.record(
            session, actor=f"contact:{new_id()}", action="bind", subject=f"patient:{new_id()}", at=now
        )
    sealer = AuditSealer(database, KEY)
    await sealer.seal_once()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    desk = AuditDesk(database, clock, sealer, TrailPeople())
    app.include_router(audit_router(desk))
    async with serve(app) as url:
        cookie = f"{CSRF_COOKIE}={TOKEN}; {SESSION_COOKIE}={tokens['auditor']}"
        headers = {"Accept": "text/html", "Cookie": cookie}
        async with aiohttp.ClientSession(url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Trail(http, database, sealer, str(nurse), whom[0], whom[2])


async def test_who_read_whom_is_found(database: Database, clock: VirtualClock) -> None:
    async with trail(database, clock) as pages:
        lines = await pages.lines()
        assert [line[1:3] for line in lines][1:] == [
            ["联系人 …" + lines[1][1][-6:], "绑定患者"],
            ["系统", "登录失败"],
            [NURSE, "查看"],
            [NURSE, "查看"],
            [NURSE, "查看"],
        ], "the newest first, under looking itself"
        assert lines[0][1:3] == ["auditor先生", "查看"]
        assert lines[-1][3] == f"患者 {mask_name('欧阳海棠')} ＊0042"
        assert "138****5678 → " in lines[-2][3]
        assert len(await pages.lines(f"?who={pages.nurse}")) == 3
        assert len(await pages.lines("?who=contact")) == 1
        assert len(await pages.lines("?action=sign_in_failed")) == 1
        days = [clock.local(clock.now() - timedelta(days=ago)).date() for ago in (3, 2)]
        assert len(await pages.lines(f"?since={days[0]}&until={days[0]}")) == 1
        assert len(await pages.lines(f"?since={days[0]}&until={days[1]}&action=read&who={pages.nurse}")) == 2
        assert (await pages.get("?since=yesterday&until=2026-99-99"))[0] == 200
        assert "没有符合条件的记录" in (await pages.get("?action=export"))[1]


async def test_a_patient_is_found_without_standing_in_an_address(
    database: Database, clock: VirtualClock
) -> None:
    async with trail(database, clock) as pages:
        for person in ("欧阳海棠", "D0000042", "13812345678"):
            status, leads = await pages.post(f"/search?who={pages.nurse}", person=person)
            assert status == 303
            assert person not in leads
            found = await pages.lines(leads.removeprefix("/admin/audit"))
            assert len(found) == 3, "the patient, the contact and the message"
        assert "said=nobody" in (await pages.post("/search", person="没有这个人"))[1]
        assert "没有找到" in (await pages.get("?said=nobody"))[1]
        assert len(await pages.lines(f"?whom={pages.outbound}")) == 1
        assert len(await pages.lines("?whom=patient:nonsense")) == 1, "this very look"
        async with database.write() as session:
            data = patients.PatientData("D0000043", "欧阳海棠", "female")
            await patients.create(session, data, clock.now())
        status, page = await pages.post("/search", person="欧阳海棠")
        assert (status, page.count("whom=patient%3A")) == (200, 2)


async def test_looking_is_recorded_with_what_was_asked(database: Database, clock: VirtualClock) -> None:
    async with trail(database, clock) as pages:
        await pages.get(f"?whom={pages.patient}&action=read")
        await pages.post("/search", person="欧阳海棠")
        await pages.post("/export?action=bind")
        async with database.read() as session:
            rows = list(await session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(3)))
        export, find, look = rows
        assert (look.action, look.subject) == ("read", pages.patient)
        assert look.detail == {"page": "audit", "filters": {"whom": pages.patient, "action": "read"}}
        assert (find.action, find.subject, find.detail) == (
            "read",
            pages.patient,
            {"page": "audit", "part": "find"},
        )
        assert (export.action, export.subject) == ("export", "audit_trail")


async def test_pages_of_fifty_lose_and_repeat_nothing(database: Database, clock: VirtualClock) -> None:
    async with trail(database, clock) as pages:
        async with database.write() as session:
            many = [f"patient:{new_id()}" for _ in range(2 * search.PAGE)]
            audit.read(session, new_id(), many, clock.now(), "delivery")
        path, seen, numbers = "?action=read&until=2030-01-01", [], 0
        while True:
            page = (await pages.get(path))[1]
            seen += re.findall(r'href="/admin/audit\?whom=(patient%3A[^"]+)"', page)
            numbers += 1
            more = re.search(r'href="/admin/audit(\?[^"]+before=\d+)"', page)
            if not more:
                break
            path = more[1].replace("&amp;", "&")
        known = {one.replace("%3A", ":") for one in seen}
        assert set(many) <= known
        assert numbers == 3
        assert len([one for one in seen if one.replace("%3A", ":") in many]) == len(many)


async def test_the_export_is_a_table_and_no_program(database: Database, clock: VirtualClock) -> None:
    async with trail(database, clock) as pages:
        async with database.write() as session:
            await session.execute(
                update(StaffUser).where(StaffUser.username == "nurse").values(display_name="=cmd|'/c'!A1")
            )
            many = [f"patient:{new_id()}" for _ in range(search.BATCH + 5)]
            audit.read(session, new_id(), many, clock.now(), "delivery")
        async with pages.http.post("/admin/audit/export", data={"csrf_token": TOKEN}) as answer:
            assert answer.status == 200
            assert re.fullmatch(
                r'attachment; filename="audit-\d{8}-\d{4}\.csv"', answer.headers["Content-Disposition"]
            )
            body = await answer.read()
        assert body.startswith("\ufeff".encode())
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
        assert rows[0] == ["时间", "谁", "做了什么", "关于谁", "对象编号", "在哪里", "细节", "封存号", "行号"]
        assert len(rows) == 1 + 5 + len(many) + 1, "the export's own row is the last"
        assert rows[1][1] == "'=cmd|'/c'!A1"
        assert rows[1][4:7] == [pages.patient, "发送中心", "部分 原文"]
        assert [int(row[-1]) for row in rows[1:]] == sorted(int(row[-1]) for row in rows[1:])
        assert rows[-1][2] == "导出"
        only = (await pages.post("/export?who=contact"))[1]
        assert len(list(csv.reader(io.StringIO(only)))) == 2


async def test_the_button_proves_the_chain(database: Database, clock: VirtualClock) -> None:
    async with trail(database, clock) as pages:
        page = (await pages.get())[1]
        assert "还没有核对过" in page and "到第 5 条" in page

        async def verified() -> str:
            assert (await pages.post("/verify"))[1] == "/admin/audit?said=checking"
            status = 200
            while status != 286:
                status, part = await pages.get("/chain")
            return part

        part = await verified()
        assert "auditor先生" in part and "5 条前后相扣" in part and "还没封存" in part
        async with database.write() as session:
            await session.execute(text("UPDATE audit_row SET actor = 'staff:1' WHERE seal_no = 3"))
        assert "第 3 条对不上" in await verified()
        assert 'role="alert"' in (await pages.get())[1]
