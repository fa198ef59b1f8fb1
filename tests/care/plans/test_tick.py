"""The tick: once each whatever dies, jumps or is edited meanwhile; several plans under one cap, with their reasons."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import select, update

from care.plans import publishing
from care.plans.models import AHEAD, CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.replanning import replan
from care.plans.tick import decide, tick
from care.questionnaires import responses
from care.questionnaires.models import QuestionnaireResponse
from channels.outbox.models import OutboundMessage
from store import events, leases
from store.database import Database
from tests.care.plans.conftest import Ward, plan_of, step


async def enrolled(ward: Ward, *people: int) -> None:
    """These people left hospital on the first day."""
    for one in people or (0,):
        await ward.discharged(ward.people[one], ward.today)
    await ward.tick()


async def test_what_is_due_leaves_once_and_nothing_else_is_looked_at(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 2)))
    await enrolled(ward, 0, 1)
    assert (await ward.at(1, 9, 59)).touches == 0
    assert (await ward.at(1)).touches == 2
    assert (await ward.at(1, 10, 1)).any == 0
    (a, _) = await ward.touches(ward.people[0])
    assert a.outbound_key == f"plan:{a.care_plan_id}:a:1"
    assert sorted(await ward.said()) == sorted(
        one.outbound_key or "" for one in await ward.touches() if one.step == "a"
    )


async def test_two_ticks_at_once(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1)))
    other = Database(ward.database.url.render_as_string(hide_password=False))
    for one in ward.people:
        await ward.discharged(one, ward.today)
    try:
        await asyncio.gather(ward.tick(), tick(other, ward.clock, ward.ports))
        await ward.at(0, 23)
        ward.clock.advance(timedelta(hours=11))
        await asyncio.gather(
            ward.tick(), tick(other, ward.clock, ward.ports), ward.tick(), tick(other, ward.clock, ward.ports)
        )
    finally:
        await other.close()
    assert len(await ward.touches()) == 3
    assert len(await ward.said()) == 3


async def test_the_clock_jumps_on_and_back(ward: Ward) -> None:
    """On over everything: what is inside its limit goes, by the cap; back again: nothing goes a second time."""
    await ward.publish(plan_of(step("a", 1), step("b", 20), step("c", 29), step("d", 40, late="skip")))
    await enrolled(ward)
    await ward.at(30)
    after = {"a": "skipped:late", "b": "skipped:late", "c": "sent", "d": "planned"}
    assert await ward.states() == after
    await ward.at(1)
    assert await ward.states() == after
    await ward.at(41)
    assert (await ward.states())["d"] == "skipped:late"
    assert len(await ward.said()) == 1


async def test_several_plans_share_the_cap_the_most_important_first(ward: Ward) -> None:
    """Two a day: the others wait for the next, and who waited past the limit keeps the reason."""
    await ward.publish(
        plan_of(step("low", 1, priority=9, stale_days=0), step("mid", 1, priority=5)),
        plan_of(step("high", 1, priority=1), step("second", 1, priority=2), name="other"),
    )
    await enrolled(ward)
    await ward.at(1)
    assert await ward.states() == {
        "high": "sent", "second": "sent", "mid": "planned:burden_wait", "low": "skipped:burden",
    }  # fmt: skip
    await ward.sent_all()
    await ward.at(2, 10, 1)
    assert (await ward.states())["mid"] == "sent"


async def test_the_same_article_or_questionnaire_of_two_plans_is_one(ward: Ward) -> None:
    await ward.publish(
        plan_of(step("ask", 1, "questionnaire", priority=3)),
        plan_of(step("ask-too", 1, "questionnaire", priority=5), name="other"),
    )
    await enrolled(ward)
    await ward.at(1)
    assert await ward.states() == {"ask": "sent", "ask-too": "skipped:merged"}


async def test_a_plan_edited_while_a_worker_has_a_touch_in_hand(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 5), step("gone", 6)))
    await enrolled(ward)
    await ward.at(0, 23)
    ward.clock.advance(timedelta(hours=11))
    async with ward.database.write() as session:
        token, rows = await leases.claim(
            session, Touch, now=ward.clock.now(), limit=9, values={"status": TouchStatus.SENDING.value}
        )
        assert [one.step for one in rows] == ["a"]
    new = plan_of(step("a", 3), step("b", 5), step("new", 4))
    async with ward.database.read() as session:
        old = await publishing.current(session, "after")
        assert old is not None
        found = await publishing.difference(session, old, new, ward.clock.now())
    assert (found.moved, found.added, found.dropped, found.unchanged, found.late) == (1, 1, 1, 1, 0)
    await ward.publish(new)
    assert await replan(ward.database, ward.clock.now()) == 1
    async with ward.database.write() as session:
        assert await decide(session, [ward.people[0]], token, ward.ports, ward.clock.now()) == 0
    assert await ward.said() == []
    await ward.at(3)
    assert await ward.states() == {
        "a": "sent",
        "new": "planned",
        "b": "planned",
        "gone": "cancelled:replanned",
    }
    assert {one.version for one in await ward.touches() if one.status in AHEAD} == {2}
    assert await ward.said() == [f"plan:{(await ward.touches())[0].care_plan_id}:a:2"]


async def test_a_version_published_a_moment_ago_decides_what_is_due_now(ward: Ward) -> None:
    """The edit had not reached this patient yet: what is due is looked at by the new version all the same."""
    await ward.publish(plan_of(step("a", 1), step("b", 1)))
    await enrolled(ward)
    await ward.at(0, 23)
    ward.clock.advance(timedelta(hours=11))
    async with ward.database.write() as session:
        token, _ = await leases.claim(session, Touch, now=ward.clock.now(), limit=9)
        await publishing.publish(session, plan_of(step("a", 9)), None, ward.clock.now())
    async with ward.database.write() as session:
        await decide(session, [ward.people[0]], token, ward.ports, ward.clock.now())
    assert await ward.states() == {"a": "planned", "b": "cancelled:replanned"}
    assert await ward.said() == []


async def test_sent_under_an_older_version_is_not_sent_again(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 5)))
    await enrolled(ward)
    await ward.at(1)
    await ward.publish(plan_of(step("a", 2), step("b", 6)))
    await ward.at(2)
    assert await ward.states() == {"a": "sent", "b": "planned"}
    assert len(await ward.said()) == 1


async def test_other_words_reach_who_is_in_it_without_planning_anew(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1)))
    await enrolled(ward)
    await ward.publish(plan_of(step("a", 1, content={"text": "换了说法"})))
    await ward.at(1)
    async with ward.database.read() as session:
        message = (await session.scalars(select(OutboundMessage))).one()
        row = await publishing.newest(session, "after")
    assert message.reply["params"]["text"] == "换了说法"
    assert row is not None and (row.version, row.revision) == (1, 2)


async def test_a_condition_is_looked_at_when_the_step_is_due(ward: Ward) -> None:
    await ward.publish(
        plan_of(
            step("ask", 1, "questionnaire"),
            step("call", 5, "call", when={"step": "ask", "is": "unanswered"}),
            step("thanks", 5, when={"step": "ask", "is": "answered"}),
            step("women", 5, when={"sex": "female", "min_age": 60}, priority=6),
        )
    )
    await enrolled(ward, 0, 2)
    await ward.at(1)
    async with ward.database.write() as session:
        row = (
            await session.scalars(
                select(QuestionnaireResponse).where(QuestionnaireResponse.patient_id == ward.people[0])
            )
        ).one()
        row.status = "completed"
        responses.emit(session, row, "questionnaire.completed", ward.clock.now())
    await ward.at(5)
    assert await ward.states(ward.people[0]) == {
        "ask": "answered", "call": "skipped:condition", "thanks": "sent", "women": "sent",
    }  # fmt: skip
    assert await ward.states(ward.people[2]) == {
        "ask": "sent", "call": "sent", "thanks": "skipped:condition", "women": "skipped:condition",
    }  # fmt: skip


async def test_what_the_gate_refuses_is_written_back(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("b", 2)))
    await enrolled(ward)
    await ward.at(1)
    async with ward.database.write() as session:
        await session.execute(
            update(OutboundMessage).values(
                status="suppressed", reason="never_granted", finished_at=ward.clock.now(), due_at=None
            )
        )
    await ward.tick()
    assert await ward.states() == {"a": "skipped:never_granted", "b": "planned"}
    await ward.at(2)
    await ward.sent_all()
    await ward.at(2, 11)
    assert await ward.states() == {"a": "skipped:never_granted", "b": "done"}
    assert await ward.plans(ward.people[0]) == [("after", "completed", "all_done")]


async def test_its_last_day_closes_a_plan(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1, late="skip"), step("b", 1, anchor="birth"), closes_after_days=10))
    await enrolled(ward)
    await ward.at(1)
    await ward.sent_all()
    await ward.at(10)
    assert await ward.plans(ward.people[0]) == [("after", "active", None)]
    await ward.at(11)
    assert await ward.plans(ward.people[0]) == [("after", "completed", "closed")]


async def test_a_broken_step_is_tried_again_and_then_left_to_people_while_others_leave(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1)))
    await enrolled(ward, 0, 1)
    async with ward.database.write() as session:  # nothing can be read of this one's name
        await session.execute(
            update(CarePlan).where(CarePlan.patient_id == ward.people[0]).values(plan="nowhere")
        )
    for minute in range(5):
        await ward.at(1, 10, 2 * minute)
    (broken,) = await ward.touches(ward.people[0])
    assert broken.reason == "error" and broken.dead_reason and broken.attempts == 3
    assert await ward.states(ward.people[1]) == {"a": "sent"}


async def test_a_step_counted_from_another_fact_comes_when_that_is_known(ward: Ward) -> None:
    await ward.publish(plan_of(step("a", 1), step("visit", 2, anchor="last_visit")))
    await enrolled(ward)
    assert list(await ward.states()) == ["a"]
    async with ward.database.write() as session:
        from care.records.models import Encounter

        visit = Encounter(
            patient_id=ward.people[0],
            kind="outpatient",
            department_id=ward.world.men,
            start_date=ward.today,
            end_date=ward.today,
        )
        session.add(visit)
        events.emit(session, ward.people[0], "encounter.corrected", ward.clock.now())
    await ward.tick()
    assert await ward.states() == {"a": "planned", "visit": "planned"}
    assert (await ward.plans(ward.people[0])) == [("after", PlanStatus.ACTIVE, None)]
