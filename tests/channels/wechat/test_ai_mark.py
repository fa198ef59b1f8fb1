"""What a model has made carries a visible mark; today no reply is model-made, so no other text changes."""

from __future__ import annotations

from pathlib import Path

from channels.reply import Reply, join_runs
from channels.wording.catalogue import MODEL_MADE, Catalogue

FOLDER = Path(__file__).parents[3] / "data" / "seed" / "wording"
MARK = "AI生成，仅供参考，不能代替医生诊断"


def test_a_models_words_are_marked_and_ours_are_not() -> None:
    catalogue = Catalogue(FOLDER, {"hospital": "云江市示范医院", "landline": "0571-00000000"})
    ours = Reply("faq.answer", {"answer": "八点"})
    made = Reply("faq.answer", {"answer": "八点", MODEL_MADE: True})
    assert MARK not in catalogue.render_wechat(ours, None).text
    assert MARK in catalogue.render_wechat(made, None).text
    assert MARK in catalogue.render_wechat(Reply.from_json(made.to_json()), None).text


def test_the_mark_survives_joining() -> None:
    catalogue = Catalogue(FOLDER, {"hospital": "云江市示范医院", "landline": "0571-00000000"})
    made = Reply("faq.answer", {"answer": "八点", MODEL_MADE: True})
    [joined] = join_runs([made, Reply("faq.answer", {"answer": "九点"})])
    assert catalogue.render_wechat(joined, None).text.count(MARK) == 1
