"""Short texts of one turn go out as one message; what is asked keeps its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from channels.reply import JOINED, Reply, join_runs
from channels.wechat.wording import TEXT_BYTES, count_messages, plan
from channels.wording.catalogue import Catalogue
from store.ids import new_id
from tests.factories.messages import YES_NO

FOLDER = Path(__file__).parents[3] / "data" / "seed" / "wording"


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(FOLDER, {"hospital": "云江市示范医院", "landline": "0571-00000000"})


def answer(text: str) -> Reply:
    return Reply("faq.answer", {"answer": text})


def test_what_is_said_before_and_after_a_question_is_joined(catalogue: Catalogue) -> None:
    ask = Reply("booking.department", options=YES_NO)
    joined = join_runs([answer("甲"), answer("乙"), ask, answer("丙"), answer("丁")])
    assert [one.key for one in joined] == [JOINED, "booking.department", JOINED]
    assert joined[1] == ask
    text = catalogue.render_wechat(joined[0], None).text
    assert text == "\n\n".join(catalogue.render_wechat(answer(one), None).text for one in "甲乙")


def test_only_the_last_question_of_a_turn_asks() -> None:
    first, second = Reply("booking.who", options=YES_NO), Reply("booking.department", options=YES_NO)
    joined = join_runs([first, answer("甲"), second])
    assert [part.key for part in joined[0].parts()] == ["booking.who", "faq.answer"]
    assert not any(part.options for part in joined[0].parts())
    assert joined[1] == second


def test_a_joined_reply_survives_its_row_and_tells_its_parts() -> None:
    [joined] = join_runs([answer("甲"), answer("乙"), answer("丙")])
    assert Reply.from_json(joined.to_json()).parts() == (answer("甲"), answer("乙"), answer("丙"))
    assert answer("甲").parts() == (answer("甲"),)


def test_joined_texts_cost_one_message_and_are_split_on_sentence_borders_when_long(
    catalogue: Catalogue,
) -> None:
    [short] = join_runs([answer("一句话。"), answer("两句话。"), answer("三句话。")])
    assert count_messages(catalogue.render_wechat(short, None), "service") == 1
    [long] = join_runs([answer("一句话。" * 100) for _ in range(3)])
    texts, head = plan(catalogue.render_wechat(long, None), "service")
    assert head is None
    assert all(len(text.encode()) <= TEXT_BYTES for text in texts)
    assert texts[0].endswith("。")


def test_a_question_by_itself_is_not_joined(catalogue: Catalogue) -> None:
    ask = Reply("booking.department", options=YES_NO)
    assert join_runs([ask]) == [ask]
    assert len(catalogue.render_wechat(ask, new_id()).menu) == 2
