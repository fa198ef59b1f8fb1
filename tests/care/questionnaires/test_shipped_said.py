"""The shipped questions in the words of WeChat and SMS: each can really be put where its definition says it goes."""

from __future__ import annotations

import pytest

from actions.questionnaires.saying import fits, question
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import Position
from channels.wechat.wording import as_text
from tests.actions.conftest import catalogue
from tests.care.questionnaires.shipped import NAMES, shipped

WORDS = catalogue()
LONGEST = 134
"""Characters of an SMS in two parts, the sign left out."""


@pytest.mark.parametrize("name", NAMES)
def test_every_question_can_be_put_where_it_goes(name: str) -> None:
    definition = shipped(name)
    for item in definition.items:
        here = Position(definition, item, item.number, item.total, {})
        said = as_text(
            WORDS.render_wechat(
                question(definition, QuestionnaireResponse(revision=0), here, item, sms=False), None
            )
        )
        assert item.text in said
        assert all(choice.label in said for choice in item.choices)
        assert "{" not in said
        if "sms" in definition.channels:
            assert fits(definition, "sms", item), item.link_id
            rendered = WORDS.render_sms(
                question(definition, QuestionnaireResponse(revision=0), here, item, sms=True)
            )
            assert rendered is not None, item.link_id
            assert "…" not in rendered.text, "nothing of it is cut"
            assert len(rendered.text) <= LONGEST
            assert not _scale_is_lost(item.text, rendered.text), rendered.text


def _scale_is_lost(question_text: str, said: str) -> bool:
    """An SMS carries the question up to its mark: what the numbers mean must stand before it."""
    return any(
        word in question_text and word not in said for word in ("回0", "10疼", "10是能", "（0到10", "130/80")
    )
