"""Twilio: our driver, the simulator and the vendor's own SDK over real HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from channels.ports import Outcome, Rendered
from channels.simulator.faults import Fault
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_twilio_rules import SimTwilioConfig, segments
from channels.sms.twilio import TwilioSender
from store.clock import Clock
from tests.channels.simulator.serving import until
from tests.channels.simulator.sms_lines import ABROAD, TEMPLATES, TWILIO, Lines, lines

QUICK = SimTwilioConfig(receipt_delay=0.02)
HELLO = Rendered(text="王女士，明天9:20复诊。回1确认，2取消。")


async def test_words_out_report_back_answer_in() -> None:
    async with lines() as wired:
        sent = await wired.twilio.send(ABROAD, HELLO, "out-1")
        assert (sent.outcome, sent.code, sent.parts) == (Outcome.ACCEPTED, "queued", 1)
        assert wired.texts(ABROAD) == [HELLO.text]
        await until(lambda: wired.house.receipts)
        receipt = wired.house.receipts[0]
        assert (receipt.vendor_id, receipt.client_ref, receipt.ok, receipt.code) == (
            sent.vendor_id,
            "out-1",
            True,
            "delivered",
        )
        assert (await wired.sim.user_text(ABROAD, "1")).status == "ok"
        answer = wired.house.messages[0]
        assert (answer.address, answer.text, answer.account_id) == (ABROAD, "1", "twi")


class Local(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own HTTP client, its calls turned to the simulator."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, self._base + urlsplit(url).path, *args, **kwargs)


def sdk(wired: Lines, token: str = "demo-auth-token") -> Any:
    return Client(TWILIO.account_sid, token, http_client=Local(wired.url))


async def test_the_vendors_own_sdk_is_served() -> None:
    """Sent and fetched; refusals with their codes; the wrong token; the limit."""
    async with lines(twilio=replace(QUICK, daily_cap=2)) as wired:
        client = sdk(wired)

        def create(to: str = ABROAD, **fields: Any) -> Any:
            return client.messages.create(
                to=to, **{"from_": TWILIO.from_number, "body": "您好 & 再见"} | fields
            )

        sent = await asyncio.to_thread(create)
        assert (sent.status, sent.to, sent.num_segments) == ("queued", ABROAD, "1")
        assert wired.texts(ABROAD) == ["您好 & 再见"]
        fetched = await asyncio.to_thread(lambda: client.messages(sent.sid).fetch())
        assert (fetched.status, fetched.body) == ("delivered", "您好 & 再见")
        wrong: list[tuple[dict[str, str], int]] = [
            ({"to": "+1"}, 21211),
            ({"from_": "+15005550001"}, 21606),
            ({"body": "长" * 1601}, 21617),
        ]
        for change, code in wrong:
            with pytest.raises(TwilioRestException) as error:
                await asyncio.to_thread(create, **change)
            assert (error.value.status, error.value.code) == (400, code)
        with pytest.raises(TwilioRestException) as error:
            await asyncio.to_thread(
                lambda: sdk(wired, "wrong").messages.create(to=ABROAD, from_=TWILIO.from_number, body="x")
            )
        assert (error.value.status, error.value.code) == (401, 20003)
        await asyncio.to_thread(create)
        with pytest.raises(TwilioRestException) as error:
            await asyncio.to_thread(create)
        assert error.value.code == 63038


NAMED: list[tuple[str, Rendered, SimTwilioConfig, Outcome, str, bool]] = [
    # number, message, account, outcome, code, whether the number is stopped
    ("+1", HELLO, QUICK, Outcome.REFUSED, "21211", True),
    (ABROAD, Rendered(), QUICK, Outcome.REFUSED, "text_required", False),
    (ABROAD, Rendered(text="长" * 1601), QUICK, Outcome.REFUSED, "text_too_long", False),
    (ABROAD, HELLO, replace(QUICK, numbers=("+15005550001",)), Outcome.REFUSED, "21606", False),
    (ABROAD, HELLO, replace(QUICK, unreachable_regions=("+1202",)), Outcome.REFUSED, "21408", False),
    (ABROAD, HELLO, replace(QUICK, messages_per_second=0), Outcome.RETRY, "20429", False),
    (ABROAD, HELLO, replace(QUICK, accounts={"AC" + "1" * 32: "x"}), Outcome.REFUSED, "20003", False),
]


@pytest.mark.parametrize(("number", "message", "account", "outcome", "code", "stopped"), NAMED)
async def test_the_vendors_rules_answer_with_their_codes(
    number: str, message: Rendered, account: SimTwilioConfig, outcome: Outcome, code: str, stopped: bool
) -> None:
    async with lines(twilio=account) as wired:
        result = await wired.twilio.send(number, message, "r")
        assert (result.outcome, result.code, result.stop_contact) == (outcome, code, stopped)
        assert result.stop_channel == (code in ("20003", "21606"))
        assert wired.texts(number) == []


async def test_stop_ends_and_start_reopens() -> None:
    async with lines() as wired:
        await wired.twilio.send(ABROAD, HELLO, "1")
        await wired.sim.user_text(ABROAD, "stop")
        refused = await wired.twilio.send(ABROAD, HELLO, "2")
        assert (refused.code, refused.stop_contact) == ("21610", True)
        await wired.sim.user_text(ABROAD, "START")
        assert (await wired.twilio.send(ABROAD, HELLO, "3")).outcome is Outcome.ACCEPTED
        assert [message.text for message in wired.house.messages] == ["stop", "START"]


ORDERED: list[tuple[Fault, Outcome, str, int]] = [
    # fault, outcome, code, messages on the phone
    (Fault("hang_after", value=1), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("http_after", value=502), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("no_errcode"), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("html"), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=500), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=429), Outcome.RETRY, "429", 0),
    (Fault("errcode", value=21614), Outcome.REFUSED, "21614", 0),
    (Fault("errcode", value=21611), Outcome.RETRY, "21611", 0),
]


@pytest.mark.parametrize(("fault", "outcome", "code", "shown"), ORDERED)
async def test_faults(
    fault: Fault, outcome: Outcome, code: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.sms.transport.TIMEOUT", aiohttp.ClientTimeout(total=2, sock_read=0.3))
    async with lines() as wired:
        wired.sim.faults.add(replace(fault))
        result = await wired.twilio.send(ABROAD, HELLO, "r")
        assert (result.outcome, result.code) == (outcome, code)
        assert len(wired.texts(ABROAD)) == shown


@pytest.mark.parametrize(
    ("kind", "count", "ok"),
    [
        ("duplicate_receipt", 2, True),
        ("early_receipt", 1, True),
        ("failed_receipt", 1, False),
        ("lost_receipt", 0, True),
    ],
)
async def test_receipt_faults(kind: str, count: int, ok: bool) -> None:
    async with lines() as wired:
        wired.sim.faults.add(Fault(kind))
        await wired.twilio.send(ABROAD, HELLO, "first")
        assert len(wired.house.receipts) == (1 if kind == "early_receipt" else 0)
        await until(lambda: len(wired.house.receipts) == count)
        await wired.twilio.send(ABROAD, HELLO, "second")
        await until(lambda: [one for one in wired.house.receipts if one.client_ref == "second"])
        first = [one for one in wired.house.receipts if one.client_ref == "first"]
        assert len(first) == count
        assert all(one.ok == ok for one in first)


async def test_a_phone_that_is_off_or_blocked() -> None:
    async with lines() as wired:
        wired.sim.handsets.set_state(ABROAD, off=True)
        await wired.twilio.send(ABROAD, HELLO, "off")
        await until(lambda: len(wired.house.receipts) == 1)
        wired.sim.handsets.set_state(ABROAD, off=False, blocked=True)
        await wired.twilio.send(ABROAD, HELLO, "blocked")
        await until(lambda: len(wired.house.receipts) == 2)
        assert [(one.ok, one.code) for one in wired.house.receipts] == [(False, "30003"), (False, "30004")]
        assert wired.texts(ABROAD) == []


async def test_a_forged_push_is_refused() -> None:
    """Another token's signature, a changed field, none at all."""
    async with lines() as wired:
        assert wired.sim.twilio is not None
        url = wired.sim.twilio.config.up_url
        async with aiohttp.ClientSession() as http:
            for signature in ("", "bm9uZQ==", "é"):
                headers = {"X-Twilio-Signature": signature} if signature.isascii() else {}
                form = {"From": ABROAD, "Body": "1", "MessageSid": "SM1"}
                async with http.post(url, data=form, headers=headers) as response:
                    assert response.status == 403
        assert wired.house.messages == []
        assert wired.house.quarantined == []


async def test_signed_words_go_before_the_text() -> None:
    async with lines(SimSmsConfig(templates=TEMPLATES)) as wired:
        account = replace(wired.twilio.account, sign="和平医院", messaging_service_sid="MG" + "0" * 32)
        sender = TwilioSender(account, Clock())
        assert (await sender.send(ABROAD, HELLO, "r")).outcome is Outcome.ACCEPTED
        await sender.close()
        assert wired.texts(ABROAD) == ["【和平医院】" + HELLO.text]


@pytest.mark.parametrize(("text", "parts"), [("a" * 160, 1), ("a" * 161, 2), ("长" * 70, 1), ("长" * 71, 2)])
def test_segments(text: str, parts: int) -> None:
    assert segments(text) == parts
