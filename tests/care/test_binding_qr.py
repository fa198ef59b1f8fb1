"""Binding by a code staff show: one person, one time, half an hour, and only with the identity number's last four."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.binding import qr
from care.binding import service as binding
from care.binding.models import BindingQr
from care.binding.service import Bound, Expired, Locked, Wrong
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from care.patients.service import PatientData
from channels.contacts.models import Contact
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import conversation
from tests.factories.staff_site import staff_site

ID_NUMBER = "33010219640312002X"
STAFF = new_id()


async def patient_of(session: AsyncSession, clock: VirtualClock, **values: object) -> Patient:
    given: dict[str, object] = {
        "record_number": "D0000001",
        "name": "王秀兰",
        "sex": "female",
        "birth_date": date(1964, 3, 12),
        "phone": "+8619900000001",
        "id_number": ID_NUMBER,
    }
    return await patients.create(session, PatientData(**{**given, **values}), clock.now())  # type: ignore[arg-type]


async def made(
    database: Database, clock: VirtualClock, relation: Relation = Relation.SELF, **values: object
) -> tuple[BindingQr, str, Patient]:
    async with database.write("a code") as session:
        patient = await patient_of(session, clock, **values)
        row, scene = await qr.make(
            session, patient, relation=relation, account_id="hospital", staff_id=STAFF, now=clock.now()
        )
        await qr.shown(session, row.id, "http://weixin.qq.com/q/kZgfwMTm72WWPkovabbI", clock.now())
    return row, scene, patient


async def contact_at(database: Database, clock: VirtualClock, openid: str = "o-wang") -> Contact:
    return (await conversation(database, clock, address=openid))[0]


async def actions_of(database: Database) -> list[str]:
    async with database.read() as session:
        return [row.action for row in await session.scalars(select(AuditRow).order_by(AuditRow.id))]


async def state(database: Database, clock: VirtualClock) -> qr.QrState:
    async with database.read() as session:
        return qr.state_of((await session.scalars(select(BindingQr))).one(), clock.now())


async def test_a_scan_and_the_last_four_bind(database: Database, clock: VirtualClock) -> None:
    _, scene, patient = await made(database, clock, Relation.MOTHER)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        found = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
        assert found == qr.Scanned(found.qr_id, patient.id, "王*兰", Relation.MOTHER, "last4")  # type: ignore[union-attr]
        assert isinstance(found, qr.Scanned)
        done = await qr.confirm(session, found.qr_id, "002x", contact_id=contact.id, now=clock.now())
    assert done == Bound(patient.id, Relation.MOTHER, True)
    assert await state(database, clock) == "bound"
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, contact.id)
    assert (linked.patient.id, linked.relation) == (patient.id, Relation.MOTHER)
    assert await actions_of(database) == ["qr_made", "qr_scanned", "qr_bound", "bind"]


async def test_the_scene_tells_nothing_and_only_its_hash_is_kept(
    database: Database, clock: VirtualClock
) -> None:
    row, scene, patient = await made(database, clock)
    assert qr.is_ours(scene) and len(scene) <= 64
    assert str(patient.id) not in scene and patient.record_number not in scene
    async with database.read() as session:
        stored = (await session.scalars(select(BindingQr))).one()
        raw = repr([getattr(stored, column.key) for column in BindingQr.__table__.columns])
    assert scene not in raw and "kZgfwMTm72WWPkovabbI" not in raw
    assert stored.url == "http://weixin.qq.com/q/kZgfwMTm72WWPkovabbI"
    assert len({scene, (await other_scene(database, clock))}) == 2
    assert row.expires_at - clock.now() == timedelta(minutes=30)


async def other_scene(database: Database, clock: VirtualClock) -> str:
    async with database.write("another") as session:
        patient = await patient_of(session, clock, record_number="D0000002")
        _, scene = await qr.make(
            session, patient, relation=Relation.SELF, account_id="hospital", staff_id=STAFF, now=clock.now()
        )
    return scene


@pytest.mark.parametrize(
    ("scene", "ours"),
    [("poster-eye-2026", False), ("bd_short", False), ("", False), ("bd_" + "a" * 32, True)],
)
def test_other_peoples_codes_are_none_of_ours(scene: str, ours: bool) -> None:
    assert qr.is_ours(scene) is ours


async def test_an_unknown_token_and_another_accounts_open_nothing(
    database: Database, clock: VirtualClock
) -> None:
    _, scene, _ = await made(database, clock)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        for token, account in (("bd_" + "a" * 32, "hospital"), (scene, "clinic")):
            found = await qr.scan(session, token, contact_id=contact.id, account_id=account, now=clock.now())
            assert found == qr.Refused("unknown")


async def test_the_first_who_scans_has_it(database: Database, clock: VirtualClock) -> None:
    _, scene, _ = await made(database, clock)
    first, second = await contact_at(database, clock), await contact_at(database, clock, "o-li")
    async with database.write("scan") as session:

        async def scan(who: Contact) -> qr.Scanned | qr.Refused:
            return await qr.scan(session, scene, contact_id=who.id, account_id="hospital", now=clock.now())

        found = await scan(first)
        assert isinstance(found, qr.Scanned)
        assert await scan(second) == qr.Refused("used")
        assert isinstance(await scan(first), qr.Scanned), "scanning again is the same as once"
        stolen = await qr.confirm(session, found.qr_id, "002X", contact_id=second.id, now=clock.now())
        assert stolen == Expired()
        assert isinstance(
            await qr.confirm(session, found.qr_id, "002X", contact_id=first.id, now=clock.now()), Bound
        )
        assert await scan(first) == qr.Refused("already")
        assert await scan(second) == qr.Refused("used")


async def test_after_half_an_hour_it_is_over(database: Database, clock: VirtualClock) -> None:
    _, scene, _ = await made(database, clock)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        found = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
        assert isinstance(found, qr.Scanned)
        clock.advance(qr.LIFE)
        late = await qr.confirm(session, found.qr_id, "002X", contact_id=contact.id, now=clock.now())
        assert late == Expired()
        again = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
        assert again == qr.Refused("expired")
    assert await state(database, clock) == "expired"


async def test_five_wrong_answers_lock_it(database: Database, clock: VirtualClock) -> None:
    _, scene, _ = await made(database, clock)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        found = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
        assert isinstance(found, qr.Scanned)
        tries = [
            await qr.confirm(session, found.qr_id, f"000{n}", contact_id=contact.id, now=clock.now())
            for n in range(5)
        ]
        assert tries == [Wrong(4), Wrong(3), Wrong(2), Wrong(1), Locked()]
        right = await qr.confirm(session, found.qr_id, "002X", contact_id=contact.id, now=clock.now())
        assert right == Locked()
    assert await state(database, clock) == "locked"


async def test_who_has_no_identity_number_gets_a_code(database: Database, clock: VirtualClock) -> None:
    _, scene, _ = await made(database, clock, id_number=None)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        found = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
    assert isinstance(found, qr.Scanned) and found.check == "code"


async def test_nobody_binds_to_the_dead(database: Database, clock: VirtualClock) -> None:
    _, scene, patient = await made(database, clock)
    contact = await contact_at(database, clock)
    async with database.write("scan") as session:
        row = await session.get_one(Patient, patient.id)
        await patients.set_status(session, row, PatientStatus.DIED, actor="test", at=clock.now())
        found = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
    assert found == qr.Refused("unknown")


# -- the page


async def test_staff_show_a_code_and_see_what_becomes_of_it(database: Database, clock: VirtualClock) -> None:
    async with database.write("a patient") as session:
        await patient_of(session, clock)
    async with staff_site(database, clock) as site, site.browser("nurse") as browser:
        assert "今天还没有出过二维码" in (await browser.get("/ops/qr"))[1]
        status, _, where = await browser.post("/ops/qr", number="d0000001", relation="mother")
        assert status == 303
        status, page = await browser.get(where)
        assert status == 200 and 'src="data:image/svg' in page and "等待扫码" in page
        assert "王*兰" in page and "王秀兰" not in page and "母亲" in page
        assert "bd_" not in page, "the scene is in the picture only"
        async with database.read() as session:
            row = (await session.scalars(select(BindingQr))).one()
        assert row.url is not None
        scene = row.url.removeprefix("http://weixin.qq.com/q/")
        contact = await contact_at(database, clock)
        async with database.write("scan") as session:
            found = await qr.scan(
                session, scene, contact_id=contact.id, account_id="hospital", now=clock.now()
            )
        status, part = await browser.get(f"{where}/state")
        assert status == 200 and "已扫码，正在核对身份" in part
        assert isinstance(found, qr.Scanned)
        async with database.write("bind") as session:
            await qr.confirm(session, found.qr_id, "002X", contact_id=contact.id, now=clock.now())
        status, part = await browser.get(f"{where}/state")
        assert status == 286 and "绑定好了" in part and "data:image" not in part


@pytest.mark.parametrize(("number", "said"), [("", "请填写病历号"), ("D9999999", "没有找到这个病历号")])
async def test_what_was_typed_wrong_is_said(
    database: Database, clock: VirtualClock, number: str, said: str
) -> None:
    async with staff_site(database, clock) as site, site.browser("operator") as browser:
        await browser.get("/ops/qr")
        status, page, _ = await browser.post("/ops/qr", number=number, relation="self")
        assert status == 422 and said in page


async def test_wechats_refusal_is_said_and_nothing_is_left_open(
    database: Database, clock: VirtualClock
) -> None:
    async with database.write("a patient") as session:
        await patient_of(session, clock)
    async with staff_site(database, clock) as site, site.browser("nurse") as browser:
        await browser.get("/ops/qr")
        site.client.account = type(site.client.account)(
            "hospital", "wx1", "s1", ("t1",), mode="plain", base_url="http://127.0.0.1:9"
        )
        status, page, _ = await browser.post("/ops/qr", number="D0000001", relation="self")
        assert status == 503 and "微信暂时没有给出二维码" in page
    assert await state(database, clock) == "failed"


async def test_only_those_at_the_desk_show_codes(database: Database, clock: VirtualClock) -> None:
    async with staff_site(database, clock) as site:
        async with site.browser("doctor") as browser:
            assert (await browser.get("/ops/qr"))[0] == 403
        async with site.browser() as browser:
            assert (await browser.get("/ops/qr"))[0] == 303
        async with database.write("of another") as session:
            patient = await patient_of(session, clock)
            row, _ = await qr.make(
                session,
                patient,
                relation=Relation.SELF,
                account_id="hospital",
                staff_id=STAFF,
                now=clock.now(),
            )
        async with site.browser("nurse") as browser:
            assert (await browser.get(f"/ops/qr/{row.id}/state"))[0] == 404


async def test_who_leaves_after_scanning_cannot_answer_any_more(
    database: Database, clock: VirtualClock
) -> None:
    row, scene, _ = await made(database, clock)
    contact, _ = await conversation(database, clock)
    async with database.write("a scan") as session:
        scanned = await qr.scan(session, scene, contact_id=contact.id, account_id="hospital", now=clock.now())
        assert isinstance(scanned, qr.Scanned)
        await binding.forget(session, contact.id, clock.now())
    async with database.write("an answer") as session:
        assert (
            await qr.confirm(session, row.id, ID_NUMBER[-4:], contact_id=contact.id, now=clock.now())
            == Expired()
        )
        left = await session.get_one(BindingQr, row.id, populate_existing=True)
        assert (qr.state_of(left, clock.now()), left.url_sealed) == (qr.QrState.EXPIRED, None)
