"""What a dry run says is what the gate would say."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from care.consents.models import ConsentNow, OptOut, Purpose
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from care.patients.models import Patient, PatientContact
from channels.contacts import service as contacts
from channels.contacts.models import Contact, SendingWindow
from channels.outbox.models import OutboundMessage
from content.campaigns import dryrun, service, trial, workflow
from content.campaigns.dryrun import Rehearsal, _put_before_the_gate
from content.campaigns.launching import drawing
from content.campaigns.reach import Frame, verdicts
from content.campaigns.texts import texts_of
from content.reading.models import TopicStop
from store.ids import new_id
from tests.content.campaigns.ward import BASE, EVERYONE, Ward


def rehearsal(ward: Ward) -> Rehearsal:
    return Rehearsal(ward.gate(), GateRules(), CatalogueWords(ward.catalogue()), ["aliyun"], [], ward.clock)


async def _upset(ward: Ward, chance: random.Random, patient: UUID) -> None:
    """Something about somebody that the gate looks at."""
    now = ward.clock.now()
    async with ward.database.write("fate") as session:
        links = select(PatientContact.contact_id).where(PatientContact.patient_id == patient)
        mine = list(await session.scalars(links))
        if chance.random() < 0.4:
            number = f"+8618{chance.randrange(10**9):09d}"
            phone, _ = await contacts.ensure(session, "sms", "aliyun", number, now)
            phone.holder = chance.choice(("self", "family", "unknown"))
            session.add(
                PatientContact(patient_id=patient, contact_id=phone.id, relation="self", confirmed_at=now)
            )
            mine.append(phone.id)
        for one in mine:
            match chance.randrange(8):
                case 0:
                    status = chance.choice(("unfollowed", "wrong_number", "stopped"))
                    await session.execute(update(Contact).where(Contact.id == one).values(status=status))
                case 1:
                    level = chance.choice(("content", "all"))
                    session.add(OptOut(contact_id=one, level=level, channel="wechat", at=now))
                case 2:
                    refused = ConsentNow(
                        subject_id=one, purpose="education", granted=False, consent_id=new_id(), at=now
                    )
                    session.add(refused)
                case 3 | 4:
                    left, open_for = chance.choice((0, 2, 3, 5)), chance.choice((-1, 0, 20))
                    session.add(
                        SendingWindow(
                            contact_id=one, remaining=left, expires_at=now + timedelta(hours=open_for)
                        )
                    )
        if chance.random() < 0.1:
            topic = chance.choice(("diabetes", "heart"))
            session.add(TopicStop(patient_id=patient, topic=topic, at=now))


async def test_the_counted_verdicts_are_the_gates(ward: Ward) -> None:
    """A crowd with every kind of fate: what is counted in one statement is what the gate says of each."""
    chance = random.Random(7)
    people = []
    for _ in range(60):
        purposes = tuple(one for one in ("education", "personal") if chance.random() < 0.85)
        channel = chance.choice(("wechat", "wechat", "sms", None))
        people.append(await ward.patient(channel=channel, purposes=purposes))
        await _upset(ward, chance, people[-1])
    campaign_id = await ward.approved(await ward.plan(EVERYONE))
    with_ = rehearsal(ward)
    async with ward.database.read() as session:
        row = await service.get(session, campaign_id)
        draw, _ = await drawing(session, row, row.audience_version_id)
        frame = Frame(Purpose.EDUCATION, with_.rules, ["aliyun"], (), ("diabetes",), ward.clock.now())
        counted = {row[0]: row[1] for row in await session.execute(verdicts(select(Patient.id), frame))}
        texts = await texts_of(session, campaign_id)
        said = await _put_before_the_gate(session, draw, texts, people, with_, ward.clock.now())
    gates = {one.patient_id: one.way if one.outcome == "goes" else one.reason for one in said}
    assert counted == gates
    assert len(set(gates.values())) >= 9


async def test_nothing_is_written_and_it_adds_up(ward: Ward) -> None:
    await ward.patients(12)
    await ward.patient(channel=None)
    await ward.patient(purposes=("education",))
    campaign_id = await ward.approved(await ward.plan(holdout_percent=50))
    async with ward.database.read() as session:
        told = await dryrun.run(session, campaign_id, rehearsal(ward))
    assert told.total == 14
    assert told.total == told.held_out + told.personal_off + told.reached + sum(told.refused.values())
    assert told.personal_off == 1
    assert 0 < told.held_out < 13
    assert len(told.sample) == 14
    await ward.act(workflow.launch, campaign_id, contents=ward.contents)
    assert await ward.recipients(campaign_id) == []
    await ward.run()
    states = {one.patient_id: one.state for one in await ward.recipients(campaign_id)}
    held = {one for one, state in states.items() if state == "held_out"}
    assert len(held) == told.held_out
    assert {one.patient_id for one in told.sample if one.outcome == "held_out"} == held


async def test_a_test_goes_to_staff_only_and_counts_nowhere(ward: Ward) -> None:
    campaign_id = await ward.approved(await ward.plan())
    editor, now = ward.staff["editor"], ward.clock.now()
    async with ward.database.write() as session:
        tester = await trial.add_tester(
            session,
            channel="sms",
            account_id="aliyun",
            address="13900000001",
            label="",
            staff=editor,
            now=now,
        )
        await trial.send_test(
            session, campaign_id, arm="a", contact_id=tester.contact_id, base=BASE, staff=editor, now=now
        )
    await ward.deliver()
    assert len(ward.sms.got) == 1
    assert await ward.recipients(campaign_id) == []
    assert await ward.messages(campaign_id) == []
    async with ward.database.read() as session:
        row = (await session.scalars(select(OutboundMessage))).one()
    assert (row.status, row.campaign, row.patient_id) == ("accepted", None, None)
    assert row.reply["params"]["title"].startswith("（试发）")
