"""What ends a plan ends it in the fact's own transaction, with what waited in the queue; the reason is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.followup.models import FollowUpCall
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.plans import service
from care.questionnaires.models import QuestionnaireResponse
from care.records.models import Encounter, EncounterKind
from channels.outbox.models import OutboundMessage
from store import events
from tests.care.plans.conftest import Ward, plan_of, step

Fact = Callable[[AsyncSession, Ward], Awaitable[object]]
STEPS = (step("now", 1), step("ask", 1, "questionnaire"), step("ring", 1, "call"), step("later", 30))


async def under_way(ward: Ward, **more: Any) -> None:
    """One message in the queue, a questionnaire asked, a call to make, and a month ahead."""
    await ward.publish(plan_of(*STEPS, **more))
    await ward.discharged(ward.people[0], ward.today)
    await ward.at(1)
    assert await ward.states() == {"now": "sent", "ask": "sent", "ring": "sent", "later": "planned"}


async def dies(session: AsyncSession, ward: Ward) -> None:
    patient = await session.get_one(Patient, ward.people[0])
    await patients.set_status(session, patient, PatientStatus.DIED, at=ward.clock.now(), actor="staff:x")


async def leaves(session: AsyncSession, ward: Ward) -> None:
    patient = await session.get_one(Patient, ward.people[0])
    await patients.set_status(session, patient, PatientStatus.MOVED, at=ward.clock.now(), actor="staff:x")


async def withdraws(session: AsyncSession, ward: Ward) -> None:
    await consents.decide(
        session, subject="patient", subject_id=ward.people[0], purpose=Purpose.FOLLOW_UP, granted=False,
        text_version="t", channel="wechat", now=ward.clock.now(),
    )  # fmt: skip


@pytest.mark.parametrize(("fact", "reason"), [(dies, "died"), (leaves, "moved"), (withdraws, "withdrawn")])
async def test_in_the_transaction_of_the_fact(ward: Ward, fact: Fact, reason: str) -> None:
    await under_way(ward)
    async with ward.database.write() as session:
        await fact(session, ward)
    # No tick has run since.
    assert await ward.plans(ward.people[0]) == [("after", "revoked", reason)]
    assert await ward.states() == dict.fromkeys(("now", "ask", "ring", "later"), f"cancelled:{reason}")
    assert await ward.queue() == []
    async with ward.database.read() as session:
        assert (await session.scalars(select(OutboundMessage.reason))).all() == [reason]
        assert (await session.scalars(select(FollowUpCall.status))).all() == ["dropped"]
        assert (await session.scalars(select(QuestionnaireResponse.status))).all() == ["stopped"]
    await ward.at(31)
    assert len(await ward.said()) == 1


async def test_nothing_of_it_where_the_fact_is_rolled_back(ward: Ward) -> None:
    await under_way(ward)
    with pytest.raises(ZeroDivisionError):
        async with ward.database.write() as session:
            await dies(session, ward)
            raise ZeroDivisionError
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]
    assert len(await ward.queue()) == 1


async def told(ward: Ward, kind: str, days: int = 0, **data: Any) -> None:
    async with ward.database.write() as session:
        events.emit(session, ward.people[0], kind, ward.clock.now() + timedelta(days=days), **data)
    await ward.tick()


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("encounter.admitted", {}, "readmitted"),
        ("encounter.transferred", {"department": "men", "from_id": "x"}, "transferred"),
        ("appointment.fulfilled", {}, "visit"),
        ("encounter.finished", {"department": "eye"}, "visit"),
        ("followup.lost", {"reason": "refused"}, "refused"),
        ("patient.died", {}, "died"),
    ],
)
async def test_what_others_tell_ends_it_by_cursor(
    ward: Ward, kind: str, data: dict[str, Any], reason: str
) -> None:
    await under_way(ward, departments=["眼科"], stops=["visit", "readmitted", "transferred"])
    await told(ward, kind, **data)
    assert await ward.plans(ward.people[0]) == [("after", "revoked", reason)]
    assert await ward.queue() == []


@pytest.mark.parametrize(
    ("kind", "days", "data"),
    [
        ("encounter.admitted", -5, {}),  # the very stay the plan began with
        ("encounter.finished", 0, {"department": "men"}),
        ("followup.lost", 0, {"reason": "overdue"}),
    ],
)
async def test_what_does_not_end_it(ward: Ward, kind: str, days: int, data: dict[str, Any]) -> None:
    await under_way(ward, departments=["眼科"])
    await told(ward, kind, days, **data)
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]


async def taken_back(ward: Ward, days: int = 0) -> None:
    """The visit told last had not been: a slip at the queue."""
    await told(ward, "appointment.fulfilled_undone", days, since=ward.clock.now().isoformat())


async def test_a_visit_taken_back_ends_nothing(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS, step("answered", 9), departments=["眼科"]))
    await ward.discharged(ward.people[0], ward.today)
    await ward.at(1)
    await told(ward, "encounter.admitted", 1)
    await taken_back(ward)
    assert await ward.plans(ward.people[0]) == [("after", "revoked", "readmitted")], "not ended by the visit"


async def test_what_a_visit_taken_back_had_ended_goes_on(ward: Ward) -> None:
    await ward.publish(plan_of(*STEPS, departments=["眼科"]))
    await ward.discharged(ward.people[0], ward.today)
    await ward.at(1)
    await told(ward, "appointment.fulfilled")
    assert (await ward.states())["later"] == "cancelled:visit"
    await taken_back(ward)
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]
    states = await ward.states()
    assert states["later"] == "planned"
    assert states["now"] == "cancelled:visit", "what was taken out of the queue is not sent again"
    await ward.at(30)
    assert (await ward.states())["later"] == "sent"


async def test_a_visit_taken_back_with_another_that_day_still_ends_it(ward: Ward) -> None:
    await under_way(ward, departments=["眼科"])
    await told(ward, "appointment.fulfilled")
    async with ward.database.write() as session:
        visit = Encounter(
            patient_id=ward.people[0],
            kind=EncounterKind.OUTPATIENT,
            department_id=ward.world.eye,
            start_date=ward.clock.local().date(),
        )
        session.add(visit)
    await taken_back(ward)
    assert await ward.plans(ward.people[0]) == [("after", "revoked", "visit")]


async def test_opting_out_holds_and_opting_in_goes_on_by_the_late_rule(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 5), step("c", 9), step("d", 30)))
    await ward.discharged(ward.people[0], ward.today)
    await ward.at(1)
    async with ward.database.read() as session:
        (contact,) = (await patients.contacts_of_patients(session, [ward.people[0]]))[ward.people[0]]
    async with ward.database.write() as session:
        await consents.opt_out(
            session, contact.contact_id, OptOutLevel.CONTENT, channel="wechat", now=ward.clock.now()
        )
    assert await ward.plans(ward.people[0]) == [("after", "on-hold", "opted_out")]
    assert await ward.queue() == []
    assert await ward.states() == {
        "a": "cancelled:opted_out", "b": "planned:opted_out", "c": "planned:opted_out", "d": "planned:opted_out",
    }  # fmt: skip
    await ward.at(10)
    async with ward.database.write() as session:
        await consents.opt_in(session, contact.contact_id, channel="wechat", now=ward.clock.now())
    await ward.tick()
    assert await ward.states() == {
        "a": "cancelled:opted_out",
        "b": "skipped:late",
        "c": "sent",
        "d": "planned",
    }


async def test_a_member_of_staff_ends_holds_and_resumes(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 5)))
    await ward.discharged(ward.people[0], ward.today)
    await ward.tick()
    async with ward.database.read() as session:
        (plan,) = await service.plans_of(session, ward.people[0])
    async with ward.database.write() as session:
        assert await service.hold(session, plan.id, ward.clock.now())
    await ward.at(1)
    assert await ward.said() == []
    async with ward.database.write() as session:
        assert await service.resume(session, plan.id, ward.clock.now())
        assert not await service.resume(session, plan.id, ward.clock.now())
    await ward.tick()
    assert await ward.states() == {"a": "sent", "b": "planned"}
    async with ward.database.write() as session:
        assert await service.end(session, plan.id, "staff", ward.clock.now())
    assert (await ward.states())["b"] == "cancelled:staff"


async def test_the_tick_itself_finds_who_died_without_a_word(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1)))
    await ward.discharged(ward.people[0], ward.today)
    await ward.tick()
    async with ward.database.write() as session:
        (await session.get_one(Patient, ward.people[0])).status = PatientStatus.DIED
    await ward.at(1)
    assert await ward.said() == []
    assert await ward.plans(ward.people[0]) == [("after", "revoked", "died")]
