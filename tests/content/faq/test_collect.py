"""Questions without an answer are written down once a wording, counted by people, without who asked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from content.faq.questions.collect import is_question
from content.faq.questions.models import QuestionAsk, QuestionGroup, UnansweredQuestion
from store.clock import VirtualClock
from store.database import Database
from tests.content.faq.people import asked, person


async def rows(database: Database) -> tuple[list[UnansweredQuestion], list[QuestionAsk]]:
    async with database.read() as session:
        questions = list(await session.scalars(select(UnansweredQuestion).order_by(UnansweredQuestion.id)))
        return questions, list(await session.scalars(select(QuestionAsk)))


async def test_repeats_of_a_wording_are_one_row_that_counts(database: Database, clock: VirtualClock) -> None:
    now = clock.now()
    await asked(database, now, "医院有充电宝吗？", by="a")
    await asked(database, now, "医院有充电宝吗", "医院 有充电宝吗?", by="a")
    await asked(database, now, "醫院有充電寶嗎", by="b", days_ago=1)
    questions, asks = await rows(database)
    assert [one.text for one in questions] == ["医院有充电宝吗?"]
    assert sorted(one.count for one in asks) == [1, 3]
    assert len({one.asker for one in asks}) == 2


async def test_nothing_in_the_rows_says_who_asked(database: Database, clock: VirtualClock) -> None:
    await asked(database, clock.now(), "我叫张伟，电话138 1234 5678，能借充电宝吗", by="a")
    (question,), (ask,) = await rows(database)
    assert question.text == "我叫＊,电话＊,能借充电宝吗"
    assert question.text_sealed is not None
    assert "充电宝".encode() not in question.text_sealed
    assert str(person("a")) not in ask.asker
    assert person("a").hex not in ask.asker


async def test_what_is_too_short_or_only_private_is_not_kept(database: Database, clock: VirtualClock) -> None:
    await asked(database, clock.now(), "啊？", "13812345678", "？？？", "")
    assert await rows(database) == ([], [])


async def test_a_long_text_is_cut(database: Database, clock: VirtualClock) -> None:
    await asked(database, clock.now(), "请问能不能带宠物看病" * 500)
    (question,), _ = await rows(database)
    assert len(question.text) == 200


async def test_what_was_thought_answered_and_is_asked_again_is_open_again(
    database: Database, clock: VirtualClock
) -> None:
    await asked(database, clock.now(), "有充电宝吗", "能带宠物吗")
    questions, _ = await rows(database)
    async with database.write() as session:
        for number, (question, state) in enumerate(zip(questions, ("answered", "dismissed"), strict=True)):
            made = QuestionGroup(state=state, last_asked_at=clock.now(), entry_slug=f"q-{number}")
            session.add(made)
            await session.flush()
            row = await session.get(UnansweredQuestion, question.id)
            assert row is not None
            row.group_id = made.id
    await asked(database, clock.now(), "有充电宝吗", "能带宠物吗", by="b")
    async with database.read() as session:
        states = {one.entry_slug: one.state for one in await session.scalars(select(QuestionGroup))}
    assert states == {"q-0": "open", "q-1": "dismissed"}


@pytest.mark.parametrize(
    "text",
    [
        "医院有充电宝吗",
        "怎么去你们医院",
        "母婴室在哪",
        "请问能停房车",
        "可以带狗么",
        "陪护床多少钱一晚",
        "几点关门",
        "咨询一下试管",
    ],
)
def test_questions(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["", "？", "好的谢谢", "明天下午三点", "张伟", "嗯嗯", "我头疼", "不用了", "😀😀"]
)
def test_what_is_no_question(text: str) -> None:
    assert not is_question(text)
