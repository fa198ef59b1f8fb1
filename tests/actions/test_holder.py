"""Before anything personal is said to a phone, it is known who answers there."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.appointments import remind
from actions.services import Services
from care.appointments import service as appointments
from care.appointments.models import Slot
from care.appointments.views import Booked, Held
from care.patients import service as patients
from care.patients.models import Relation
from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.actions.conftest import World, catalogue
from tests.factories.messages import SMS, WECHAT, conversation
from tests.factories.stage import stage

PERSONAL = [
    "book_appointment",
    "cancel_appointment",
    "reschedule_appointment",
    "check_appointment",
    "ask_queue",
    "bind_patient",
    "my_data",
    "delete_my_data",
    "rate_service",
    "start_questionnaire",
]


@pytest.mark.parametrize("intent", PERSONAL)
async def test_what_is_on_record_waits_for_who_answers(services: Services, intent: str) -> None:
    on = await stage(services, SMS, holder="unknown")
    assert await on.say("那件事", intent) == ["holder.ask"]
    assert on.form is None
    wish = on.last.options[0].params["go"]
    assert wish == {"text": "那件事", "plain": "那件事", "params": {}}
    on = await stage(services, SMS, "+8613800000001", holder="wrong")
    assert await on.say("那件事", intent) == ["holder.wrong_wrote"]


@pytest.mark.parametrize("intent", PERSONAL)
async def test_an_option_is_wanted_again_as_it_was(services: Services, intent: str) -> None:
    on = await stage(services, SMS, holder="unknown")
    await on.hear("", intent, 1.0, {"request": "export"})
    assert on.last.options[1].params["go"] == {
        "text": f"/{intent}",
        "plain": "",
        "params": {"request": "export"},
    }


@pytest.mark.parametrize(("channel", "holder"), [(WECHAT, "self"), (SMS, "self"), (SMS, "family")])
async def test_who_is_known_is_not_asked(services: Services, channel: object, holder: str) -> None:
    on = await stage(services, channel, holder=holder)  # type: ignore[arg-type]
    assert await on.say("我的预约", "check_appointment") == ["bind.needed"]


@pytest.mark.parametrize("intent", ["request_human", "complain", "opt_out"])
async def test_people_complaints_and_opt_outs_need_no_name(services: Services, intent: str) -> None:
    on = await stage(services, SMS, holder="unknown")
    assert "holder.ask" not in await on.say("那件事", intent)


async def booked(
    database: Database, clock: VirtualClock, world: World, person: str, doctor: str, contact_id: UUID
) -> UUID:
    async with database.write() as session:
        await patients.link_contact(session, world.people[person], contact_id, Relation.SELF, at=clock.now())
        slot = await session.scalar(
            select(Slot.id)
            .where(
                Slot.practitioner_id == world.doctors[doctor], Slot.start > clock.now() + timedelta(days=1)
            )
            .order_by(Slot.start)
            .limit(1)
        )
        assert slot is not None
        held = await appointments.hold(
            session, slot_id=slot, patient_id=world.people[person], now=clock.now()
        )
        assert isinstance(held, Held)
        done = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="desk")
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def push(database: Database, services: Services, talk: Conversation, which: UUID) -> OutboundMessage:
    async with database.write() as session:
        row = await remind.remind(session, services, talk, which, now=services.clock.now())
    assert row is not None
    return row


async def test_a_reminder_is_said_once_names_no_sensitive_department_and_ends_with_the_visit(
    database: Database, services: Services, clock: VirtualClock, world: World
) -> None:
    contact, talk = await conversation(database, clock, SMS)
    which = await booked(database, clock, world, "张伟", "钱进", contact.id)
    row = await push(database, services, talk, which)
    async with database.write() as session:
        assert await remind.remind(session, services, talk, which, now=clock.now()) is None
        view = await appointments.get(session, which)
        asked = await session.get(OpenQuestion, row.question_id)
    assert view is not None and asked is not None
    assert (row.expires_at, row.patient_id, row.purpose) == (
        view.start,
        world.people["张伟"],
        "service_notice",
    )
    assert (asked.instance, asked.status) == (f"reminder:{which}", "waiting")
    reply = remind.reminder(services, view, "张伟", "sms")
    rendered = catalogue().render_sms(reply)
    assert rendered is not None
    assert "男科" not in rendered.text and "男科" not in str(reply.params)
    assert rendered.text.endswith("回1确认 2取消 3改期 0人工，电话0571-00000000")


async def test_coming_is_kept_and_a_visit_that_is_gone_is_said_to_be(
    database: Database, services: Services, clock: VirtualClock, world: World
) -> None:
    contact, _ = await conversation(database, clock, SMS)
    which = await booked(database, clock, world, "张伟", "李敏", contact.id)
    async with database.write() as session:
        said = await remind.confirmed(session, services, which, "sms", clock.now())
    assert said.key == "reminder.confirmed"
    async with database.read() as session:
        kinds = list(await session.scalars(select(PatientEvent.kind)))
    assert kinds.count("appointment.confirmed") == 1
    async with database.write() as session:
        await appointments.cancel(session, which, now=clock.now())
        said = await remind.confirmed(session, services, which, "sms", clock.now())
    assert said.key == "reminder.gone"
