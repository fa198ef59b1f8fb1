"""The gate's words and numbers: every code has a sentence, a message's verdicts can be told, wrong settings are named."""

from __future__ import annotations

from datetime import time

import pytest
import yaml

from care.gate.explain import explain
from care.gate.reasons import WORDS, Reason, words
from care.gate.rules import DEFAULT_BURDEN, DEFAULT_HOURS, Cap, parse_burden, parse_hours, parse_purposes
from channels.outbox.models import DeliveryAttempt
from tests.care.gate.conftest import Town


def test_every_reason_has_its_sentence_and_no_sentence_is_left_over() -> None:
    known = yaml.safe_load(WORDS.read_text("utf-8"))
    assert set(known) == {str(reason) for reason in Reason}
    assert len(set(known.values())) == len(known), "two codes would read the same"
    assert all(any("一" <= char <= "鿿" for char in text) for text in known.values())
    assert words("isv.BUSINESS_LIMIT_CONTROL") == "isv.BUSINESS_LIMIT_CONTROL"


async def test_a_messages_verdicts_are_told_in_order(town: Town) -> None:
    _, talk = await town.contact()
    message = await town.message(talk, "education")
    other = await town.message(talk, "education")
    async with town.database.write() as session:
        for n, verdict, gate, whose in (
            (2, "accepted", None, message),
            (1, "held", "quiet_hours", message),
            (1, "suppressed", "opted_out", other),
        ):
            session.add(
                DeliveryAttempt(
                    outbound_id=whose.id,
                    n=n,
                    rung="custom",
                    verdict=verdict,
                    gate=gate,
                    started_at=town.clock.now(),
                )
            )
    async with town.database.read() as session:
        told = await explain(session, message.id)
    assert [(one.n, one.verdict, one.reason, one.sentence) for one in told] == [
        (1, "held", "quiet_hours", "现在是免打扰时段，到时再发"),
        (2, "accepted", "", ""),
    ]


def test_the_shipped_numbers() -> None:
    hours = parse_hours(DEFAULT_HOURS)
    assert hours["service_notice"] == (time(8), time(21))
    assert {hours[one] for one in ("follow_up", "survey", "education", "marketing")} == {(time(9), time(20))}
    assert parse_burden(DEFAULT_BURDEN)["follow_up"] == Cap(2, 5)


@pytest.mark.parametrize(
    "text",
    [
        "survey 9-20",
        "survey 20:00-09:00",
        "survey 09:00-09:00",
        "nonsense 09:00-20:00",
        "survey",
        "marketing 07:59-20:00",
        "marketing 09:00-22:01",
    ],
)
def test_wrong_hours_are_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|purpose|cannot read"):
        parse_hours(text)


@pytest.mark.parametrize(
    "text", ["survey 0/5", "survey 6/5", "survey 2", "survey x/y", "service_notice 2/5", "reply 1/1", "x 1/1"]
)
def test_a_wrong_burden_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"burden|purpose|cannot read"):
        parse_burden(text)


def test_purposes_are_known_ones() -> None:
    assert parse_purposes(" survey, marketing ") == {"survey", "marketing"}
    assert parse_purposes("") == frozenset()
    with pytest.raises(ValueError, match="tuesday: no such purpose"):
        parse_purposes("survey,tuesday")
