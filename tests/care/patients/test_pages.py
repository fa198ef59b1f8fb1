"""Finding a patient and looking at everything about one: who may, what is masked, and what is kept in the trail."""

from __future__ import annotations

from html import unescape
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from care.access import service as access
from care.access.models import TeamRole
from care.alerts import service as alerts
from care.patients.models import Patient, PatientContact, PatientTag, Relation
from channels.contacts.models import Contact
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.care.patients.site import ANSWERED, FEVER, a_life, patients_app
from tests.channels.ops.site import TOKEN, staff, visiting
from web.signin.models import Role, StaffUser

SEARCH = "/desk/patients/search"


async def trail(database: Database) -> list[tuple[str, str, str]]:
    """(action, subject, page) of staff's rows, then forgotten."""
    async with database.write() as session:
        rows = await session.scalars(
            select(AuditRow)
            .where(AuditRow.detail["page"].as_string().in_(("patient", "patients")))
            .order_by(AuditRow.id)
        )
        kept = [(row.action, row.subject, str(row.detail)) for row in rows]
        await session.execute(delete(AuditRow))
        return kept


async def found(visitor: object, q: str) -> str:
    http = visitor._session  # type: ignore[attr-defined]
    async with http.post(SEARCH, data={"q": q, "csrf_token": TOKEN}) as answer:
        assert answer.status == 200
        return unescape(await answer.text())


async def test_found_by_what_one_has_in_hand_masked_and_kept(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE)
    async with visiting(patients_app(database, clock), tokens["nurse"]) as nurse:
        assert "还没有打开过患者" in (await nurse.get("/desk/patients"))[1]
        assert [row[:2] for row in await trail(database)] == [("read", "patients")]
        for q in ("王秀兰", "秀兰", "19900000001", "0001", "D0000001", "990100196403120024", "0024"):
            page = await found(nurse, q)
            assert "王*兰" in page, q
            assert "199****0001" in page, q
            assert "王秀兰" not in page.replace('value="王秀兰"', ""), q
            kept = await trail(database)
            assert kept == [("read", f"patient:{world.wang}", "{'page': 'patients'}")], (
                "whom, and not the words"
            )
        assert "没有找到" in await found(nurse, "诸葛孔明")
        assert [row[:2] for row in await trail(database)] == [("read", "patients")], "in vain is kept as well"
        await nurse.get(f"/desk/patients/{world.lijing}")
        start = (await nurse.get("/desk/patients"))[1]
        assert "李*" in start
        assert "王*兰" not in start, "only whom I opened"


async def test_everything_of_one_patient_in_one_line(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.DOCTOR)
    await a_life(database, clock, world)
    path = f"/desk/patients/{world.wang}"
    async with visiting(patients_app(database, clock), tokens["doctor"]) as doctor:
        status, page = await doctor.get(path)
        page = unescape(page)
        assert status == 200
        for said in ("王秀兰", "62岁", FEVER, ANSWERED, "随访", "推迟", "危险信号", "打电话", "请回电话", "出院", "眼科",
                     "原发性高血压", "同意"):  # fmt: skip
            assert said in page, said
        assert "患者要求暂时不发" in page, "the gate's reason in words"
        order = [page.index(f">{one}<") for one in ("打电话", "危险信号", "患者说", "出院")]
        assert order == sorted(order), "newest first"
        assert "19900000001" not in page
        assert "990100196403120024" not in page
        async with doctor._session.post(
            f"{path}/reveal", data={"field": "id_number", "csrf_token": TOKEN}
        ) as answer:
            assert "990100196403120024" in await answer.text()
        async with database.write() as session:
            doctor_id = await session.scalar(select(StaffUser.id).where(StaffUser.username == "doctor"))
            [alert] = await alerts.open_alerts(session)
            assert doctor_id is not None
            await alerts.close(session, alert.id, staff_id=doctor_id, now=clock.now(), note="已嘱来院")
        only = unescape((await doctor.get(f"{path}/timeline?kind=alert"))[1])
        assert "doctor先生 关闭" in only
        assert "已嘱来院" in only
        assert FEVER in only
        assert ANSWERED not in only
        assert "请回电话" in unescape((await doctor.get(f"{path}/print"))[1])
        why = unescape((await doctor.get(f"{path}/why"))[1])
        assert "没有取得对这类消息的同意" in why, "education was never agreed to"
        assert "会发" in why
    kept = await trail(database)
    assert ("reveal", f"patient:{world.wang}") in [row[:2] for row in kept]
    assert "id_number" in next(row[2] for row in kept if row[0] == "reveal")
    assert {row[1] for row in kept} == {f"patient:{world.wang}"}


async def test_a_confidential_patient_is_shut_for_others(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE, Role.DOCTOR)
    async with database.write() as session:
        (await session.get_one(Patient, world.wang)).confidential = True
        doctor_id = await session.scalar(select(StaffUser.id).where(StaffUser.username == "doctor"))
        assert doctor_id is not None
        await access.join_team(session, world.wang, doctor_id, TeamRole.DOCTOR, by=None, now=clock.now())
    app, path = patients_app(database, clock), f"/desk/patients/{world.wang}"
    async with visiting(app, tokens["nurse"]) as nurse:
        page = await found(nurse, "王秀兰")
        assert "另有 1 位设了保密" in page
        assert path not in page
        for one in (path, f"{path}/timeline", f"{path}/why", f"{path}/print"):
            status, page = await nurse.get(one)
            assert (status, "王秀兰" in page) == (403, False), one
        assert (await nurse.post(f"{path}/team", join=str(doctor_id)))[0] == 403
        assert {row[:2] for row in await trail(database)} == {("read_refused", f"patient:{world.wang}")}
    async with visiting(app, tokens["doctor"]) as doctor:
        assert "王秀兰" in (await doctor.get(path))[1]
        assert (await doctor.post(f"{path}/team", leave=str(doctor_id)))[1].endswith("said=team_left")
        assert (await doctor.get(path))[0] == 403


async def test_who_speaks_for_the_patient_is_corrected_and_taken_back(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE)
    contact = str(await a_life(database, clock, world))
    path = f"/desk/patients/{world.wang}"

    async def relation() -> str | None:
        async with database.read() as session:
            found: str | None = await session.scalar(
                select(PatientContact.relation).where(PatientContact.contact_id == UUID(contact))
            )
            return found

    async with visiting(patients_app(database, clock), tokens["nurse"]) as nurse:
        await nurse.post(f"{path}/relation", contact=contact, relation=Relation.MOTHER)
        assert await relation() == "mother"
        status, led = await nurse.post(f"{path}/unlink", contact=contact)
        assert (status, await relation()) == (303, None)
        assert "撤销移除" in (await nurse.get(led))[1]
        await nurse.post(f"{path}/relink", contact=contact)
        assert await relation() == "mother"
        assert (await nurse.post(f"{path}/relink", contact=contact))[1].endswith("said=gone")
        stranger = f"/desk/patients/{world.lijing}"
        assert (await nurse.post(f"{stranger}/relink", contact=contact))[1].endswith("said=gone")
        await nurse.post(f"{path}/mute", contact=contact, span="week")
        assert "推送暂停到" in (await nurse.get(path))[1]
        assert (await nurse.post(f"{stranger}/mute", contact=contact, span="off"))[1].endswith("said=gone")
        async with database.read() as session:
            assert (await session.get_one(Contact, UUID(contact))).muted_until is not None
    actions = [row[0] for row in await trail(database) if not row[0].startswith("read")]
    assert actions == ["relation_changed", "contact_unlinked", "contact_linked", "muted"]


async def test_tags_come_and_go(database: Database, clock: VirtualClock, world: World) -> None:
    tokens = await staff(database, Role.NURSE)

    async def send(http: object, **form: str) -> str:
        async with http.post(  # type: ignore[attr-defined]
            f"/desk/patients/{world.wang}/tags", data={**form, "csrf_token": TOKEN}
        ) as answer:
            return unescape(await answer.text())

    async with visiting(patients_app(database, clock), tokens["nurse"]) as nurse:
        assert "已加上“家庭医生 签约”" in await send(nurse._session, add="  家庭医生   签约 ")
        assert "已去掉" in await send(nurse._session, remove="家庭医生 签约")
        assert "最多 20 个字" in await send(nurse._session, add="长" * 21)
    async with database.read() as session:
        assert not (await session.scalars(select(PatientTag))).all()


async def test_who_shuts_a_record_keeps_it_open_for_themselves(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE, Role.DOCTOR)
    app, path = patients_app(database, clock), f"/desk/patients/{world.wang}"
    async with visiting(app, tokens["nurse"]) as nurse:
        led = (await nurse.post(f"{path}/confidential", on="on"))[1]
        assert "已设为保密" in (await nurse.get(led))[1]
    async with visiting(app, tokens["doctor"]) as doctor:
        assert (await doctor.get(path))[0] == 403
        assert (await doctor.post(f"{path}/confidential", on="off"))[0] == 403


@pytest.mark.parametrize("role", [Role.EDITOR, Role.OPERATOR, Role.AUDITOR, Role.CLINICAL_REVIEWER])
async def test_others_see_none_of_it(
    database: Database, clock: VirtualClock, world: World, role: Role
) -> None:
    tokens = await staff(database, role)
    async with visiting(patients_app(database, clock), tokens[role]) as other:
        for path in (
            "/desk/patients",
            f"/desk/patients/{world.wang}",
            f"/desk/patients/{world.wang}/timeline",
        ):
            assert (await other.get(path))[0] == 403
