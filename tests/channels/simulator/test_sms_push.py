"""The stand-in's callbacks: repeated on silence and on a wrong answer, in batches, with the vendors' own spacing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels.ports import Rendered
from channels.simulator.faults import Fault
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from tests.channels.simulator.serving import until
from tests.channels.simulator.sms_lines import PHONE, TEMPLATES, VALUES, lines

ALI = SimSmsConfig(templates=TEMPLATES, receipt_delay=0.02, push_retries=(0.05, 0.05, 0.05), push_timeout=0.2)
TEN = SimTencentConfig(receipt_delay=0.02, push_retries=(0.05, 0.05), push_timeout=0.2, phone_limits={})
REMIND = Rendered(template_code="1001", variables=VALUES)


@pytest.mark.parametrize(("driver", "deliveries"), [("aliyun", 4), ("tencent", 3)])
async def test_silence_is_repeated(driver: str, deliveries: int) -> None:
    """The house is slower than the vendor waits: the answer is pushed again, and kept once."""
    async with lines(ALI, TEN) as wired:
        await getattr(wired, driver).send(PHONE, REMIND, "r")
        await until(lambda: wired.house.receipts)
        wired.house.delay = 0.4
        result = await wired.sim.user_text(PHONE, "1")
        assert (result.status, result.deliveries) == ("failed", deliveries)
        await until(lambda: wired.house.repeats == deliveries - 1)
        assert [message.text for message in wired.house.messages] == ["1"]


def test_the_spacing_is_the_vendors() -> None:
    """1, 5 and 10 minutes; two repetitions: 101867.html and 382/59178."""
    assert SimSmsConfig().push_retries == (60.0, 300.0, 600.0)
    assert len(SimTencentConfig().push_retries) == 2


async def test_tencents_reports_come_in_batches_of_at_most_a_hundred() -> None:
    async with lines(ALI, replace(TEN, receipt_delay=0.3, max_numbers=200)) as wired:
        sizes: list[int] = []
        record = wired.house.record

        async def counted(receipts: list[object]) -> list[object]:
            sizes.append(len(receipts))
            return await record(receipts)  # type: ignore[arg-type, return-value]

        wired.house.record = counted  # type: ignore[assignment, method-assign]
        assert wired.sim.tencent is not None
        body = {
            "PhoneNumberSet": [f"+8613900{n:06d}" for n in range(120)],
            "SmsSdkAppId": "1400006666",
            "SignName": "和平医院",
            "TemplateId": "1001",
            "TemplateParamSet": ["王女士", "9:20"],
        }
        await wired.tencent.call("SendSms", body)
        await until(lambda: len(wired.house.receipts) == 120)
        assert max(sizes) <= 100
        assert len(sizes) <= 4


@pytest.mark.parametrize("driver", ["aliyun", "tencent", "twilio"])
async def test_a_push_may_be_late(driver: str) -> None:
    async with lines(ALI, TEN) as wired:
        message = replace(REMIND, text="您好")
        await getattr(wired, driver).send(PHONE, message, "r")
        await until(lambda: wired.house.receipts)
        wired.sim.faults.add(Fault("late_push", path="/up", value=0.1))
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"
        assert [one.text for one in wired.house.messages] == ["1"]
