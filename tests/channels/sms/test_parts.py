"""What each driver says a message took: the vendor's own count where it has one, else the text with its signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels.ports import Outcome, Rendered
from channels.simulator.faults import Fault
from channels.sms.template import TemplateRegistry
from channels.sms.transport import Answer
from channels.sms.twilio import TwilioSender
from store.clock import Clock
from tests.channels.simulator.sms_lines import ABROAD, PHONE, TEMPLATES, TWILIO, VALUES, lines

REMIND = Rendered(
    text="王女士，11月26日9:20就诊。回1确认 2取消，电话0571-12345678。",
    template_code="1001",
    variables=VALUES,
)
LONG = Rendered(text="王，" + "长" * 490 + "。", template_code="1005", variables={"a": "王"})


def text(length: int) -> Rendered:
    return Rendered(text="好" * length)


async def test_templates_are_counted_with_their_signature() -> None:
    async with lines(registry=TemplateRegistry(TEMPLATES)) as wired:
        for sender in (wired.aliyun, wired.tencent):
            short, long = await sender.send(PHONE, REMIND, "1"), await sender.send(PHONE, LONG, "2")
            assert (short.outcome, short.parts) == (Outcome.ACCEPTED, 1)
            assert (long.outcome, long.parts) == (Outcome.ACCEPTED, 8)  # 6 + 493 characters, 67 a part


async def test_what_may_have_left_is_counted_and_what_did_not_is_not() -> None:
    async with lines(registry=TemplateRegistry(TEMPLATES)) as wired:
        wired.sim.faults.add(Fault("no_errcode"))
        unclear = await wired.aliyun.send(PHONE, LONG, "1")
        assert (unclear.outcome, unclear.parts) == (Outcome.UNCERTAIN, 8)
        refused = await wired.aliyun.send(PHONE, replace(REMIND, template_code="1004"), "2")
        assert (refused.outcome, refused.parts) == (Outcome.REFUSED, 0)


@pytest.mark.parametrize(("length", "parts"), [(64, 1), (65, 2), (128, 2), (129, 3)])
async def test_a_signature_makes_a_second_part(length: int, parts: int) -> None:
    async with lines() as wired:
        wired.twilio.account = replace(wired.twilio.account, sign="和平医院")
        result = await wired.twilio.send(ABROAD, text(length), "1")
        assert (result.outcome, result.parts) == (Outcome.ACCEPTED, parts)


def test_twilios_own_number_counts() -> None:
    def said(segments: str) -> int:
        body = {"sid": "SM1", "status": "queued", "num_segments": segments}
        return TwilioSender(TWILIO, Clock())._send_result(Answer(201, body)).parts

    assert [said("3"), said("0"), said("")] == [3, 0, 0]  # 0: not known yet, our own count stands in
