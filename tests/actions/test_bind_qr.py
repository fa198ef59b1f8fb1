"""Scanning a code that staff show, in the dialogue: the token stays in the message, the identity check is asked, kind words for the rest."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.services import Services
from care.binding import qr
from care.binding.models import BindingQr
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from server.codes import SmsCodes
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories import stage as stages
from tests.factories.stage import Stage, stage

_SEQ = itertools.count(1)


class Scans:
    """A stage whose next message is the scan of `scene`."""

    def __init__(
        self, on: Stage, database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.on, self.database, self.clock, self.monkeypatch = on, database, clock, monkeypatch

    async def make(self, id_number: str | None = "33010219640312002X") -> tuple[str, UUID]:
        async with self.database.write("a code") as session:
            data = PatientData("D0000001", "王秀兰", "female", date(1964, 3, 12), "+8619900000001", id_number)
            patient = await patients.create(session, data, self.clock.now())
            _, scene = await qr.make(
                session,
                patient,
                relation=Relation.MOTHER,
                account_id="hospital",
                staff_id=new_id(),
                now=self.clock.now(),
            )
        return scene, patient.id

    async def scan(self, scene: str) -> list[str]:
        inbound_id, conversation_id = new_id(), await self._conversation_id()
        async with self.database.write("the scan") as session:
            session.add(
                InboundMessage(
                    id=inbound_id,
                    conversation_id=conversation_id,
                    contact_id=self.on.contact_id,
                    seq=next(_SEQ),
                    channel="wechat",
                    account_id="hospital",
                    vendor_key=str(inbound_id),
                    kind="event",
                    event="scan",
                    event_key=scene,
                    option_ref="",
                    text="",
                    received_at=self.clock.now(),
                    status="received",
                    attempts=0,
                )
            )
        with self.monkeypatch.context() as patched:
            patched.setattr(stages, "new_id", lambda: inbound_id)
            said = await self.on.hear("", "bind_patient", 1.0, {"qr": True})
        while said[-1].startswith("privacy.ask_"):
            assert "王" not in str(self.on.last), "nothing of the patient before consent"
            said = await self.on.say("同意")
        return said

    async def _conversation_id(self) -> UUID:
        async with self.database.read() as session:
            found = await session.scalar(
                select(Conversation.id).where(Conversation.contact_id == self.on.contact_id)
            )
        assert found is not None
        return found

    async def linked(self) -> list[tuple[UUID, str]]:
        async with self.database.read() as session:
            found = await patients.patients_of_contact(session, self.on.contact_id)
        return [(one.patient.id, one.relation.value) for one in found]

    async def state(self) -> str:
        async with self.database.read() as session:
            return str((await session.scalars(select(BindingQr))).one().state)


@pytest.fixture
async def scans(
    services: Services, database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> Scans:
    services.codes = SmsCodes("aliyun", clock)
    return Scans(await stage(services), database, clock, monkeypatch)


async def test_the_last_four_bind(scans: Scans) -> None:
    scene, patient_id = await scans.make()
    assert await scans.scan(scene) == ["bind.qr_ask_last4"]
    assert scans.on.last.params == {"name": "王*兰", "relation": "母亲"}
    assert await scans.on.say("0021", "out_of_scope", 0.3) == ["bind.qr_wrong_last4", "bind.qr_ask_last4"]
    assert await scans.on.say("002x", "out_of_scope", 0.3) == ["bind.done"]
    assert scans.on.form is None
    assert await scans.linked() == [(patient_id, "mother")]
    assert await scans.state() == "bound"
    assert await scans.scan(scene) == ["bind.qr_already"]


async def test_not_this_one_binds_nothing(scans: Scans) -> None:
    scene, _ = await scans.make()
    await scans.scan(scene)
    assert await scans.on.say("不是这位") == ["bind.qr_declined"]
    assert await scans.linked() == [] and await scans.state() == "declined"
    assert await scans.scan(scene) == ["bind.qr_expired"]


async def test_without_an_identity_number_a_code_goes_to_the_phone(scans: Scans, database: Database) -> None:
    scene, patient_id = await scans.make(id_number=None)
    assert await scans.scan(scene) == ["bind.qr_found", "bind.ask_code"]
    async with database.read() as session:
        [sms] = await session.scalars(select(OutboundMessage).where(OutboundMessage.purpose == "code"))
    assert await scans.on.say(sms.reply["params"]["code"], "out_of_scope", 0.3) == ["bind.done"]
    assert await scans.linked() == [(patient_id, "mother")] and await scans.state() == "bound"


@pytest.mark.parametrize("how", ["expired", "unknown", "used"])
async def test_codes_that_open_nothing_are_answered_kindly(
    scans: Scans, services: Services, clock: VirtualClock, how: str
) -> None:
    scene, _ = await scans.make()
    if how == "expired":
        clock.advance(timedelta(minutes=31))
    if how == "used":
        other = Scans(await stage(services, address="o-li"), scans.database, clock, scans.monkeypatch)
        await other.scan(scene)
    said = await scans.scan("bd_" + "x" * 32 if how == "unknown" else scene)
    assert said == [f"bind.qr_{how}"]
    assert scans.on.form is None and scans.on.labels, "a way on is offered"


async def test_a_scan_in_the_middle_of_another_form_starts_the_binding(scans: Scans) -> None:
    scene, patient_id = await scans.make()
    assert await scans.on.say("绑定就诊卡", "bind_patient") == ["bind.ask_relation"]
    said = await scans.scan(scene)
    assert said[-1] == "bind.qr_ask_last4" and "form.not_understood" not in said
    assert await scans.on.say("002X", "out_of_scope", 0.3) == ["bind.done"]
    assert await scans.linked() == [(patient_id, "mother")]
