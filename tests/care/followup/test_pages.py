"""The day's list: its order, whom it shows, what is kept in the trail, and an outcome that is taken back."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from care.access.models import CareTeamMember, TeamRole
from care.desk.models import DeskTask
from care.followup.lost import Sweep
from care.followup.models import CallStatus, FollowUpCall, Loss
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from care.reminders.models import Reminder
from channels.outbox.models import OutboundMessage
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.care.followup.site import a_morning, calls_app
from tests.care.followup.test_lost import OLD, START, Writes, chronic
from tests.channels.ops.site import TOKEN, staff, visiting
from tests.factories import deliveries
from web.signin.models import Role, StaffUser


async def test_the_list_is_ordered_discreet_and_leaves_a_trail(
    database: Database, clock: VirtualClock, world: World
) -> None:
    await a_morning(database, clock, world)
    tokens = await staff(database, Role.NURSE, Role.EDITOR)
    async with visiting(calls_app(database, clock), tokens["editor"]) as editor:
        assert (await editor.get("/desk/calls"))[0] == 403
    async with visiting(calls_app(database, clock), tokens["nurse"]) as nurse:
        status, page = await nurse.get("/desk/calls")
        assert status == 200
        assert page.index("王秀兰") < page.index("李静")
        assert "逾期 2 天" in page and "您11月15日从眼科出院" in page and "王女士" in page
        assert "张伟" not in page and "受保护的患者" in page
        assert "还剩 3 个" in page
        assert "王秀兰" in (await nurse.get("/desk/calls/print"))[1]
        async with database.read() as session:
            seen = select(AuditRow.subject).where(AuditRow.action == "read")
            assert set(await session.scalars(seen)) == {f"patient:{world.wang}", f"patient:{world.lijing}"}
            calls = {one.patient_id: one.id for one in await session.scalars(select(FollowUpCall))}

        async def post(who: object, act: str, **fields: str) -> int:
            path = f"/desk/calls/{calls[who]}/{act}"  # type: ignore[index]
            async with nurse._session.post(path, data={"csrf_token": TOKEN, **fields}) as answer:
                return int(answer.status)

        assert await post(world.zhang, "take") == 403
        await post(world.wang, "ended", outcome="connected", note="恢复好")
        _, page = await nurse.get("/desk/calls?show=done")
        assert "王秀兰" in page and "恢复好" in page and "今天打完 1 个，还剩 2 个" in page
        await post(world.wang, "undo")
        async with database.read() as session:
            row = await session.get_one(FollowUpCall, calls[world.wang])
            assert (row.status, row.outcome) == (CallStatus.TAKEN, None)


async def test_a_nurse_proposes_a_reminder_and_the_patient_is_asked(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE)
    path = f"/desk/patients/{world.wang}/reminders"
    async with visiting(calls_app(database, clock), tokens["nurse"]) as nurse:

        async def propose(*times: str) -> str:
            form = [("csrf_token", TOKEN), ("kind", "blood_pressure"), ("days", "14")]
            form += [("times", one) for one in times]
            async with nurse._session.post(path, data=form) as answer:
                return str(await answer.text())

        assert "还没有提醒" in (await nurse.get(path))[1]
        assert "请至少填一个时间" in await propose("")
        assert "提醒只能在8:00到20:45之间" in await propose("06:00")
        assert "没有绑定微信" in await propose("08:00")
        async with database.write() as session:
            contact, _ = await deliveries.contact(session, clock.now())
            await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=clock.now())
        await propose("08:00", "19:30", "", "")
        page = (await nurse.get(path))[1]
        assert "每天 08:00、19:30" in page and "等患者同意" in page
        async with database.read() as session:
            row = (await session.scalars(select(Reminder))).one()
            assert (row.status, row.due_at) == ("proposed", None)
            message = (await session.scalars(select(OutboundMessage))).one()
            assert (message.reply["key"], message.purpose) == ("remind.offer", "follow_up")
        async with nurse._session.post(f"{path}/{row.id}/stop", data={"csrf_token": TOKEN}) as answer:
            assert "还没有提醒" in await answer.text()


async def test_who_is_overdue_and_what_became_of_them(
    database: Database, clock: VirtualClock, world: World
) -> None:
    """A doctor's own list, whom it hides, how a loss ends by hand, and what that stops."""
    clock.freeze(START)
    people = (world.wang, world.lijing, world.zhang)
    for one in people:
        await chronic(database, world, one, OLD)
    await Sweep(database, clock, Writes()).run()
    tokens = await staff(database, Role.DOCTOR, Role.EDITOR)
    async with database.write() as session:
        doctor = (await session.scalars(select(StaffUser.id).where(StaffUser.username == "doctor"))).one()
        session.add(
            CareTeamMember(patient_id=world.wang, staff_id=doctor, role=TeamRole.DOCTOR, since=clock.now())
        )
        (await session.get_one(Patient, world.zhang)).confidential = True
        losses = {one.patient_id: one.id for one in await session.scalars(select(Loss))}
    async with visiting(calls_app(database, clock), tokens["editor"]) as editor:
        assert (await editor.get("/desk/overdue"))[0] == 403
    async with visiting(calls_app(database, clock), tokens["doctor"]) as visitor:

        async def ends(who: UUID, how: str, **more: str) -> tuple[int, str]:
            form = {"csrf_token": TOKEN, "how": how, **more}
            path = f"/desk/overdue/{losses[who]}/ended"
            async with visitor._session.post(path, data=form) as answer:
                return int(answer.status), await answer.text()

        mine = (await visitor.get("/desk/overdue?show=mine"))[1]
        assert "王秀兰" in mine and "李静" not in mine
        page = (await visitor.get("/desk/overdue"))[1]
        assert "请医生看 3 人" in page and "李静" in page and "原因不明" in page
        assert "张伟" not in page and "受保护的患者" in page
        assert (await ends(world.zhang, "died", sure="1"))[0] == 403
        assert "请核实后勾上" in (await ends(world.wang, "died"))[1]
        assert "请先选一个结果" in (await ends(world.wang, "gone"))[1]
        assert "已记：去世" in (await ends(world.wang, "died", sure="1"))[1]
        assert "已经有结果了" in (await ends(world.wang, "found"))[1]
        assert "转到别处看，不再跟进" in (await ends(world.lijing, "transferred"))[1]
        page = (await visitor.get("/desk/overdue?show=lost&reason=transferred"))[1]
        assert "李静" in page and "王秀兰" not in page
        assert "找回一位" in (await ends(world.lijing, "found"))[1]
        assert "同事联系上了" in (await visitor.get("/desk/overdue?show=recovered"))[1]
    async with database.read() as session:
        assert (await session.get_one(Patient, world.wang)).status == PatientStatus.DIED
        tasks = {one.patient_id: one.status for one in await session.scalars(select(DeskTask))}
        assert tasks == {world.wang: "done", world.lijing: "done", world.zhang: "open"}
