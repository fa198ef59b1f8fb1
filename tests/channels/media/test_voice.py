"""A voice from the phone to the answer: screened at once, said back, handled as typed only after a yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from care.alerts.models import Alert
from care.desk import service as desk
from care.desk.models import DeskTask
from channels.inbox.models import InboundMessage
from channels.media.worker import Policy
from channels.questions import service as questions
from channels.reply import Option, Reply
from server.people import CarePeople
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.media.house import AMR, WANG, media_house
from tests.factories.messages import conversation, keys, received, said, say

ASKED = Reply(
    "booking.choose_slot",
    {},
    (
        Option("s1", "周二上午9:00", "choose", {"answer": "s1"}),
        Option("s2", "周二下午2:00", "choose", {"answer": "s2"}),
    ),
)


async def tasks(database: Database) -> list[str]:
    async with database.read() as session:
        return sorted(str(one.kind) for one in await session.scalars(select(DeskTask)))


async def test_only_after_a_yes_is_it_as_if_typed(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        [asked] = await said(database)
        assert asked.reply["key"] == "voice.confirm"
        assert asked.reply["params"]["said"] == "我想约明天上午的眼科"
        assert [one["label"] for one in asked.reply["options"]] == ["是的", "不是，我打字"]
        assert house.engine.asked == [], "nothing is understood before the yes"
        item = await house.item()
        assert (item.state, item.transcript, house.files()) == ("discarded", "我想约明天上午的眼科", [])
        await house.sim.user_text(WANG, "1")
        await house.settle()
        assert house.engine.texts == ["我想约明天上午的眼科"]
        typed = (await received(database))[-1]
        assert (typed.kind, typed.text, typed.intent) == ("text", "我想约明天上午的眼科", "ask_faq")
        assert keys(await said(database)) == ["voice.confirm", "faq.answer"]


async def test_a_no_asks_to_type_and_asks_again_what_was_open(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        _, talk = await conversation(database, clock)
        await say(database, clock, talk, ASKED, instance="reminder:visit")
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        await house.sim.user_text(WANG, "2")
        await house.settle()
        assert keys(await said(database))[1:] == ["voice.confirm", "voice.type_it", "booking.choose_slot"]
        assert house.engine.asked == []
        async with database.read() as session:
            again = await questions.current(session, talk.id, clock.now())
        assert again is not None and again.instance == "reminder:visit"


async def test_a_spoken_choice_answers_the_question_it_interrupted(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        _, talk = await conversation(database, clock)
        await say(database, clock, talk, ASKED)
        house.speech.answers.append({"text": "第二个吧", "confidence": 0.95})
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        await house.sim.user_text(WANG, "1")
        await house.settle()
        assert house.engine.texts == ["/choose"]
        assert house.engine.asked[-1]["metadata"]["params"] == {"answer": "s2"}


async def test_two_voices_are_said_back_together(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers += [{"text": "我头疼三天了"}, {"text": "想看神经内科"}]
        for _ in range(2):
            await house.sim.user_media(WANG, "voice", AMR)
            await house.settle()
        assert (await said(database))[-1].reply["params"]["said"] == "我头疼三天了 想看神经内科"
        await house.sim.user_text(WANG, "是的")
        await house.settle()
        assert house.engine.texts == ["我头疼三天了 想看神经内科"]


async def test_an_emergency_is_answered_before_anybody_confirms(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers.append({"text": "我胸口压着疼，喘不上气", "confidence": 0.9})
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert keys(await said(database)) == ["safety.emergency"]
        async with database.read() as session:
            alert = (await session.scalars(select(Alert))).one()
        assert alert.text == "我胸口压着疼，喘不上气"


async def test_even_a_doubtful_emergency_is_answered(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers.append({"text": "我胸口压着疼，喘不上气", "confidence": 0.1})
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert keys(await said(database)) == ["safety.emergency"]


async def test_a_doubtful_transcript_is_typed_instead_and_people_listen(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers.append({"text": "呜呜呜", "confidence": 0.1})
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert keys(await said(database)) == ["voice.please_type"]
        assert await tasks(database) == ["voice"] and len(house.files()) == 1, "the voice is kept for them"


@pytest.mark.parametrize("answer", [422, {"text": "", "confidence": 1.0}])
async def test_what_cannot_be_heard_is_said_once(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path, answer: int
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers.append(answer)
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        await house.settle()
        assert keys(await said(database)) == ["voice.please_type"]
        assert await tasks(database) == ["voice"] and len(house.files()) == 1


async def test_a_service_that_fails_for_a_moment_is_asked_again(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers += [503, "<html>"]
        await house.sim.user_media(WANG, "voice", AMR)
        for _ in range(3):
            await house.settle()
            item = await house.item()
            if item.due_at is not None:
                clock.advance(item.due_at - clock.now())
        assert len(house.speech.heard) == 3
        assert keys(await said(database)) == ["voice.confirm"]


async def test_nobody_hears_patients_type_and_a_timed_task_opens(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert keys(await said(database)) == ["voice.please_type"]
        async with database.read() as session:
            task = (await session.scalars(select(DeskTask))).one()
        assert task.kind == "voice" and (task.due_at - clock.now()).total_seconds() == 1800
        assert (await house.item()).state == "fetched"


async def test_opt_out_words_in_a_voice_count_after_the_yes(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        house.speech.answers.append({"text": "退订", "confidence": 0.9})
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert keys(await said(database)) == ["voice.confirm"]
        await house.sim.user_text(WANG, "1")
        await house.settle()
        assert keys(await said(database))[-1] == "consent.content"


async def test_who_is_in_charge_gets_the_words(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        contact, talk = await conversation(database, clock)
        async with database.write("a nurse takes it") as session:
            services = people._services
            await desk.start(
                session, talk.id, clock=clock, hours=services.duty_hours, note=None, contact_id=contact.id
            )
            await desk.take(session, talk.id, staff_id=new_id(), now=clock.now())
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert await said(database) == []
        async with database.read() as session:
            heard = [one.text for one in await session.scalars(select(InboundMessage))]
        assert "我想约明天上午的眼科" in heard, "they stand in the conversation the nurse has before her"


async def test_a_voice_is_kept_where_the_policy_says_so(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    policy = Policy(keep_voice=True)
    async with media_house(database, clock, people, tmp_path, hears=True, policy=policy) as house:
        await house.sim.user_media(WANG, "voice", AMR)
        await house.settle()
        assert (await house.item()).state == "fetched" and len(house.files()) == 1


async def test_wechats_own_recognition_is_not_relied_upon(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, hears=True) as house:
        await house.sim.user_media(WANG, "voice", AMR, Recognition="胸口压着疼喘不上气")
        await house.settle()
        assert (await said(database))[0].reply["params"]["said"] == "我想约明天上午的眼科"
