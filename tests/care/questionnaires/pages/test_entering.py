"""Coming in: nothing personal before it is known who it is; tries are few; codes are used up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from care.desk.models import DeskTask
from care.questionnaires.entrance import codes, proof
from care.questionnaires.entrance.models import ResponseCode, ResponseDoor, ResponseLink
from channels.wechat.oauth import PATIENT_COOKIE, SESSION_LASTS, seal_session
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.questionnaires.pages.ground import LAST4, NAME, Ground, Phone, answering, make_ground
from tests.factories.messages import conversation

WECHAT = (
    "Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36 MicroMessenger/8.0.49"
)
PERSONAL = (NAME, "复查", "今天发烧吗", "R7700042")


async def test_a_link_shows_nothing_before_the_last_four(ground: Ground, phone: Phone) -> None:
    path = await ground.link()
    status, page = await phone.get(path)
    assert status == 200
    assert not [one for one in PERSONAL if one in page]
    status, page, _ = await phone.post(f"{path}/who", last4="1234")
    assert (status, "还可以试4次" in page) == (422, True)
    assert (await phone.send(path, "fever", "true"))[0] == 401
    status, _, led = await phone.post(f"{path}/who", last4=" 002x ")
    assert (status, led) == (303, path)
    status, page = await phone.get(path)
    assert (status, "今天发烧吗" in page) == (200, True)
    [link] = await ground.rows(ResponseLink)
    assert path.rpartition("/")[2] not in link.token_hash
    assert await ground.rows(ResponseDoor) == [], "who was right begins anew"
    entered = [one for one in await ground.rows(AuditRow) if one.action == "questionnaire.entered"]
    assert [one.actor for one in entered] == [f"response_link:{link.id}"]


async def test_another_phone_with_the_same_link_is_asked_again(ground: Ground, phone: Phone) -> None:
    """The cookie lets in one browser, for one link."""
    path, other = await ground.link(), await ground.link()
    await phone.post(f"{path}/who", last4=LAST4)
    assert "今天发烧吗" in (await phone.get(path))[1]
    assert "今天发烧吗" not in (await phone.get(other))[1]
    phone.http.cookie_jar.clear()
    assert "今天发烧吗" not in (await phone.get(path))[1]


async def test_five_wrong_tries_lock_whatever_the_link_and_the_desk_knows(
    ground: Ground, phone: Phone
) -> None:
    path, other = await ground.link(), await ground.link()
    for _ in range(3):
        await phone.post(f"{path}/who", last4="9999")
    await phone.post(f"{other}/who", last4="9999")
    status, page, _ = await phone.post(f"{other}/who", last4="9999")
    assert (status, "先锁住" in page) == (423, True)
    status, page, _ = await phone.post(f"{path}/who", last4=LAST4)
    assert (status, "先锁住" in page) == (423, True)
    [task] = await ground.rows(DeskTask)
    assert (task.kind, task.patient_id, task.status) == ("call", ground.patient, "open")
    async with ground.database.write("let in again") as session:
        await proof.open_again(session, ground.response)
    assert (await phone.post(f"{path}/who", last4=LAST4))[0] == 303


async def test_guesses_at_once_are_counted_each(ground: Ground, phone: Phone) -> None:
    path = await ground.link()
    answers = await asyncio.gather(*(phone.post(f"{path}/who", last4=f"{n:04d}") for n in range(12)))
    assert sum(status == 422 for status, _, _ in answers) <= proof.MAX_TRIES
    assert (await phone.post(f"{path}/who", last4=LAST4))[0] == 423


async def test_the_contact_signed_in_is_let_in_and_another_is_told(
    ground: Ground, phone: Phone, database: Database, clock: VirtualClock
) -> None:
    path = await ground.link()
    status, page = await phone.get(path, **{"User-Agent": WECHAT})
    assert (status, f"/oauth/hospital/start?next={path.replace('/', '%2F')}" in page) == (200, True)
    until = clock.now() + SESSION_LASTS
    mine = {"Cookie": f"{PATIENT_COOKIE}={seal_session(ground.contact.id, 'hospital', until)}"}
    assert "今天发烧吗" in (await phone.get(path, **mine))[1]
    stranger, _ = await conversation(database, clock, address="o-stranger")
    theirs = {"Cookie": f"{PATIENT_COOKIE}={seal_session(stranger.id, 'hospital', until)}"}
    page = (await phone.get(path, **theirs))[1]
    assert "没有绑定这位就诊人" in page
    assert not [one for one in PERSONAL if one in page]


async def test_a_code_leads_in_once(ground: Ground, phone: Phone) -> None:
    code = await ground.code()
    status, _, path = await phone.post("/q", code=f" {code[:3]} {code[3:]} ")
    assert (status, path.startswith("/q/")) == (303, True)
    assert "今天发烧吗" not in (await phone.get(path))[1]
    again = (await phone.post("/q", code=code))[2]
    assert again not in ("", path), "until somebody has proved who they are, it can be typed again"
    assert (await phone.post(f"{path}/who", last4=LAST4))[0] == 303
    status, page, _ = await phone.post("/q", code=code)
    assert (status, "对不上" in page) == (422, True)
    [row] = await ground.rows(ResponseCode)
    assert (row.status, row.open_hash) == ("used", None)


async def test_old_replaced_and_invented_codes(ground: Ground, phone: Phone) -> None:
    first = await ground.code()
    second = await ground.code(lasts=timedelta(hours=1))
    assert (await phone.post("/q", code=first))[0] == 422
    for typed in ("", "12345", "abcdef", "１２３", "0" * 12):
        assert (await phone.post("/q", code=typed))[0] == 422
    assert (
        await phone.post("/q", code=second.translate(str.maketrans("0123456789", "０１２３４５６７８９")))
    )[0] == 303
    ground.clock.advance(timedelta(hours=2))
    assert (await phone.post("/q", code=second))[0] == 422


async def test_who_tries_codes_is_told_to_wait(ground: Ground, phone: Phone) -> None:
    answers = [await phone.post("/q", code="000000") for _ in range(21)]
    assert {status for status, _, _ in answers[:20]} <= {422, 303}
    assert (answers[20][0], "过一分钟" in answers[20][1]) == (429, True)


async def test_a_taken_code_is_not_given_twice(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, database: Database, clock: VirtualClock
) -> None:
    """Drawn again while another response has it; given once that one is too old."""
    drawn = iter((7, 7, 8, 7))
    monkeypatch.setattr(codes.secrets, "randbelow", lambda _: next(drawn))
    other = await make_other(database, clock)
    assert await ground.code() == "000007"
    async with database.write("codes") as session:
        lasts = timedelta(days=9)
        assert await codes.issue(session, other, now=clock.now(), lasts=lasts) == "000008"
        later = clock.now() + timedelta(days=4)
        assert await codes.issue(session, other, now=later, lasts=lasts) == "000007"


async def make_other(database: Database, clock: VirtualClock) -> object:
    from uuid import UUID

    from care.patients import service as patients
    from care.patients.service import PatientData
    from care.questionnaires import service

    async with database.write("another") as session:
        patient = await patients.create(session, PatientData("R1", "张三", "male"), clock.now())
        response = await service.assign(
            session, "check", patient_id=patient.id, now=clock.now(), source="staff", key="check:2"
        )
        assert response is not None
        made: UUID = response.id
        return made


async def test_links_that_are_over_say_what_to_do(ground: Ground, phone: Phone) -> None:
    path = await ground.link(lasts=timedelta(days=1))
    status, page = await phone.get("/q/" + "x" * 16)
    assert (status, "没有找到" in page, 'href="/q"' in page) == (404, True, True)
    ground.clock.advance(timedelta(days=2))
    status, page = await phone.get(path)
    assert (status, "已经过期" in page, "0571-00000000" in page) == (410, True, True)
    path = await ground.link(lasts=timedelta(days=60))
    ground.clock.advance(timedelta(days=30))
    assert (await phone.get(path))[0] == 410, "the questionnaire's own time is over"


async def test_who_has_no_number_on_record_is_helped_elsewhere(
    database: Database, clock: VirtualClock
) -> None:
    ground = await make_ground(database, clock, id_number=False)
    async with answering(ground) as phone:
        path = await ground.link()
        page = (await phone.get(path))[1]
        assert ("没有证件号" in page, "last4" in page) == (True, False)
        assert (await phone.post(f"{path}/who", last4=LAST4))[0] == 200
        assert await ground.rows(ResponseDoor) == []
