"""The CMPP adapter and the gateway stand-in over a real TCP connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import pytest

from channels.ports import Outcome, Rendered, Sender
from channels.simulator import cmpp_wire
from channels.simulator.cmpp import CmppSimulator, SimCmppConfig
from channels.simulator.faults import Fault
from channels.sms.cmpp.account import CmppAccount
from channels.sms.cmpp.client import CmppSender
from channels.sms.drivers import make_sender
from channels.sms.port import Connected
from store.clock import Clock
from tests.channels.simulator.serving import House, until

PHONE = "+8613800138000"
OTHER = "+8613900139000"
CONFIG = SimCmppConfig(receipt_delay=0.02, resend_after=3600)
ACCOUNT = CmppAccount(
    account_id="gw", host="127.0.0.1", source_addr="900001", secret="888888", service_id="HOSPITAL",
    src_id="1069018812", sign="和平医院", response_timeout=2.0, reconnect_after=(0.05,), flow_wait=0.02, mo_hold=0.3,
)  # fmt: skip
LONG = "王女士您好，" + "请于明天上午八点到门诊楼三层东侧抽血，抽血前不要吃早饭。" * 3


@dataclass
class Line:
    sim: CmppSimulator
    house: House
    sender: CmppSender

    def texts(self, number: str = PHONE) -> list[str]:
        return [event["text"] for event in self.sim.transcript(number) if event["direction"] == "out"]

    async def send(self, text: str = "您好。", ref: str = "out-1", number: str = PHONE) -> tuple[str, str]:
        result = await self.sender.send(number, Rendered(text=text), ref)
        return str(result.outcome), result.code


@asynccontextmanager
async def line(config: SimCmppConfig = CONFIG, connect: bool = True, **change: object) -> AsyncIterator[Line]:
    sim = CmppSimulator(config)
    port = await sim.start()
    account = replace(ACCOUNT, port=port, **change)  # type: ignore[arg-type]
    house = House()
    sender = CmppSender(account, sim.clock, house, house)
    running = asyncio.create_task(sender.run())
    try:
        if connect:
            await until(lambda: sender.connected)
        yield Line(sim, house, sender)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await sim.close()


async def test_text_out_report_back_answer_in() -> None:
    async with line() as wired:
        sender: Sender = wired.sender
        sent = await sender.send(PHONE, Rendered(text="请于11月26日9:20到门诊。"), "out-1")
        assert sent.outcome is Outcome.ACCEPTED
        assert wired.texts() == ["【和平医院】请于11月26日9:20到门诊。"]
        assert sent.vendor_id == f"{wired.sim.accepted[0].msg_id:016x}"
        await until(lambda: wired.house.receipts)
        receipt = wired.house.receipts[0]
        assert (receipt.vendor_id, receipt.client_ref, receipt.ok) == (sent.vendor_id, "out-1", True)
        assert receipt.code == "DELIVRD"
        assert receipt.at is not None
        assert abs((receipt.at - wired.sim.clock.now()).total_seconds()) < 120
        assert (await wired.sim.user_text(PHONE, "好的，1")).status == "ok"
        answer = wired.house.messages[0]
        assert (answer.address, answer.text, answer.channel, answer.account_id) == (
            PHONE,
            "好的，1",
            "sms",
            "gw",
        )
        assert answer.vendor_key.startswith("mo:")
        assert answer.raw["dest_id"] == "1069018812"


async def test_a_signature_that_is_there_is_not_doubled() -> None:
    async with line() as wired:
        await wired.send("【和平医院】您好。")
        assert wired.texts() == ["【和平医院】您好。"]


async def test_a_long_text_is_two_parts_and_one_message() -> None:
    async with line() as wired:
        sent = await wired.sender.send(PHONE, Rendered(text=LONG), "out-1")
        assert sent.outcome is Outcome.ACCEPTED
        assert wired.texts() == [f"【和平医院】{LONG}"]
        assert wired.sim.transcript(PHONE)[0]["parts"] == sent.parts == 2
        assert sent.vendor_id == f"{wired.sim.accepted[0].msg_id:016x}"
        await until(lambda: len(wired.sim.acknowledged) == 2)
        assert [(one.vendor_id, one.ok) for one in wired.house.receipts] == [(sent.vendor_id, True)]


async def test_one_part_that_fails_fails_the_message_for_good() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("failed_receipt", value="EXPIRED"))
        sent = await wired.sender.send(PHONE, Rendered(text=LONG), "out-1")
        await until(lambda: len(wired.sim.acknowledged) == 2)
        assert [(one.vendor_id, one.ok, one.code) for one in wired.house.receipts] == [
            (sent.vendor_id, False, "EXPIRED")
        ]


async def test_what_cannot_be_sent_is_refused_here() -> None:
    async with line() as wired:
        assert await wired.send("好" * 200) == ("refused", "too_long")
        assert await wired.send("") == ("refused", "text_required")
        assert await wired.send(number="+14155550100") == ("refused", "number_not_supported")
        assert not wired.sim.accepted
        longest = wired.sender.capabilities.text_chars
        assert await wired.send("好" * (longest + 1)) == ("refused", "too_long")
        assert await wired.send("好" * longest) == ("accepted", "0")
    async with line(max_parts=1) as wired:
        assert await wired.send("好" * wired.sender.capabilities.text_chars) == ("accepted", "0")
    async with line(max_parts=5) as wired:
        assert await wired.send("好" * 200) == ("accepted", "0")
        assert wired.texts() == ["【和平医院】" + "好" * 200]


@pytest.mark.parametrize(
    ("result", "outcome", "stops"),
    [(8, "retry", ""), (1, "refused", ""), (5, "refused", "account"), (7, "refused", "account"), (9, "refused", ""),
     (10, "refused", "account"), (11, "refused", "account"), (12, "refused", ""), (13, "refused", "number"),
     (77, "refused", "")],
)  # fmt: skip
async def test_results(result: int, outcome: str, stops: str) -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("errcode", value=result))
        sent = await wired.sender.send(PHONE, Rendered(text="您好。"), "out-1")
        assert (str(sent.outcome), sent.code) == (outcome, str(result))
        assert (sent.stop_contact, sent.stop_channel) == (stops == "number", stops == "account")
        assert sent.next_rung
        assert (sent.retry_after > 0) == (outcome == "retry")
        assert not wired.sim.accepted


async def test_the_gateways_own_checks() -> None:
    for wrong, code in (
        ({"service_id": "OTHER"}, "7"),
        ({"src_id": "106999"}, "10"),
        ({"fee_type": "99"}, "5"),
    ):
        async with line(**wrong) as wired:
            assert await wired.send() == ("refused", code)


async def test_carriers_may_have_flow_codes_of_their_own() -> None:
    async with line(flow_results=(8, 104)) as wired:
        wired.sim.faults.add(Fault("errcode", value=104))
        assert await wired.send() == ("retry", "104")


async def test_a_second_part_waits_out_flow_control_and_never_leaves_alone() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("errcode", value=8))
        assert await wired.send(LONG) == ("retry", "8")
        assert not wired.sim.accepted
        wired.sim.faults.add(Fault("slow", value=0.0))
        wired.sim.faults.add(Fault("errcode", count=2, value=8))
        assert await wired.send(LONG) == ("accepted", "0")
        wired.sim.faults.add(Fault("slow", value=0.0))
        wired.sim.faults.add(Fault("errcode", count=3, value=8))
        half = await wired.sender.send(PHONE, Rendered(text=LONG), "out-3")
        assert (str(half.outcome), half.code, half.parts) == ("uncertain", "partial:8", 1)
        assert half.vendor_id == f"{wired.sim.accepted[-1].msg_id:016x}"


async def test_no_answer_is_uncertain_and_its_report_still_settles_it() -> None:
    async with line(response_timeout=0.2) as wired:
        wired.sim.faults.add(Fault("hang_after"))
        assert await wired.send(ref="out-7") == ("uncertain", "unclear")
        await until(lambda: wired.house.receipts)
        receipt = wired.house.receipts[0]
        assert (receipt.client_ref, receipt.ok) == ("out-7", True)
        assert receipt.vendor_id == f"{wired.sim.accepted[0].msg_id:016x}"


async def test_a_late_answer_names_the_message() -> None:
    async with line(replace(CONFIG, receipt_delay=0.4), response_timeout=0.1) as wired:
        wired.sim.faults.add(Fault("slow", value=0.2))
        assert await wired.send(ref="out-7") == ("uncertain", "unclear")
        await until(lambda: wired.house.receipts)
        assert wired.house.receipts[0].client_ref == "out-7"


async def test_two_unanswered_sends_to_one_number_are_not_guessed_at() -> None:
    async with line(response_timeout=0.1) as wired:
        wired.sim.faults.add(Fault("hang_after", count=2))
        sent = await asyncio.gather(wired.send(ref="out-7"), wired.send(ref="out-8"))
        assert set(sent) == {("uncertain", "unclear")}
        await until(lambda: len(wired.house.receipts) == 2)
        assert {receipt.client_ref for receipt in wired.house.receipts} == {""}


async def test_the_line_lost_with_a_message_out_is_uncertain() -> None:
    async with line() as wired:
        for kind, there in (("drop_before", 0), ("drop_after", 1)):
            await until(lambda: wired.sender.connected)
            wired.sim.faults.add(Fault(kind))
            sent = await wired.sender.send(PHONE, Rendered(text="您好。"), kind)
            assert (str(sent.outcome), sent.detail) == ("uncertain", "connection lost")
            assert len(wired.sim.accepted) == there
        await until(lambda: wired.house.receipts)
        assert wired.house.receipts[0].ok


async def test_without_a_line_it_is_a_retry_and_the_line_comes_back() -> None:
    async with line() as wired:
        wired.sim.drop_lines()
        await until(lambda: not wired.sender.connected)
        assert await wired.send() == ("retry", "not_connected")
        await until(lambda: wired.sender.connected)
        assert await wired.send() == ("accepted", "0")
        wired.sim.terminate_lines()
        await until(lambda: not wired.sender.connected)
        await until(lambda: wired.sender.connected)
        assert await wired.send() == ("accepted", "0")


async def test_an_answer_of_the_wrong_length_cuts_the_line() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("wrong_length"))
        assert await wired.send() == ("uncertain", "unclear")
        await until(lambda: wired.sender.connected)
        assert await wired.send() == ("accepted", "0")


@pytest.mark.parametrize(("change", "status"), [({"secret": "x"}, 3), ({"source_addr": "900002"}, 2)])
async def test_a_refused_login(change: dict[str, str], status: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with line(connect=False, **change) as wired:
            await until(lambda: wired.sender.login_status is not None)
            assert wired.sender.login_status == status
            assert not wired.sender.connected
            sent = await wired.sender.send(PHONE, Rendered(text="您好。"), "out-1")
            assert (sent.outcome, sent.code, sent.stop_channel) == (Outcome.RETRY, f"login_{status}", True)
    assert "888888" not in caplog.text


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5])
async def test_a_login_that_is_refused_stops_the_account(status: int) -> None:
    """Status 5 only the third time: a gateway says so too while it holds a lost line for alive."""

    async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(39)
        answer = cmpp_wire.login_answer(status, bytes(16), "888888")
        writer.write(cmpp_wire.pack(cmpp_wire.CONNECT + cmpp_wire.RESP, 1, answer))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(gateway, "127.0.0.1", 0)
    account = replace(ACCOUNT, port=server.sockets[0].getsockname()[1])
    house = House()
    sender = CmppSender(account, CmppSimulator(CONFIG).clock, house, house)
    for tries in (1, 2, 3):
        assert not await sender._serve()
        sent = await sender.send(PHONE, Rendered(text="您好。"), "out-1")
        assert sent.stop_channel == (status < 5 or tries == 3)
        assert sent.code == (f"login_{status}" if sent.stop_channel else "not_connected")
    server.close()


async def test_one_line_a_login() -> None:
    async with line() as wired:
        second = CmppSender(wired.sender.account, wired.sim.clock, wired.house, wired.house)
        running = asyncio.create_task(second.run())
        await until(lambda: second.login_status is not None)
        assert second.login_status == 5
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_gateway_that_does_not_know_the_secret_is_not_trusted() -> None:
    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(39)
        answer = cmpp_wire.login_answer(0, bytes(16), "guess")
        writer.write(cmpp_wire.pack(cmpp_wire.CONNECT + cmpp_wire.RESP, 1, answer))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(impostor, "127.0.0.1", 0)
    house = House()
    account = replace(ACCOUNT, port=server.sockets[0].getsockname()[1])
    sender = CmppSender(account, CmppSimulator(CONFIG).clock, house, house)
    running = asyncio.create_task(sender.run())
    await until(lambda: sender.login_status is not None)
    assert not sender.connected
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    server.close()


async def test_the_window_is_kept() -> None:
    async with line(replace(CONFIG, window=4), window=4) as wired:
        wired.sim.faults.add(Fault("slow", count=40, value=0.01))
        sent = await asyncio.gather(*(wired.send(ref=f"out-{n}") for n in range(40)))
        assert set(sent) == {("accepted", "0")}
    async with line(replace(CONFIG, window=4), window=8) as wired:
        wired.sim.faults.add(Fault("slow", count=40, value=0.05))
        sent = await asyncio.gather(*(wired.send(ref=f"out-{n}") for n in range(8)))
        assert set(sent) == {("accepted", "0"), ("retry", "8")}


async def test_the_gateways_rate() -> None:
    async with line(replace(CONFIG, rate=5)) as wired:
        wired.sim.clock.freeze()
        sent = [await wired.send(ref=f"out-{n}") for n in range(7)]
        assert [code for _, code in sent] == ["0"] * 5 + ["8"] * 2


async def test_sequence_ids_count_up_by_one() -> None:
    async with line() as wired:
        link = wired.sender._link
        assert link is not None
        before = link._sequence
        await wired.send()
        await wired.send()
        assert link._sequence == before + 2
        link._sequence = 0xFFFFFFFF
        assert await wired.send() == ("accepted", "0")
        assert link._sequence == 1


async def test_link_tests_both_ways_and_three_missed_ones_end_the_line() -> None:
    config = replace(CONFIG, heartbeat=0.05)
    async with line(config, heartbeat=0.02, heartbeat_timeout=0.05, heartbeat_misses=3) as wired:
        await until(lambda: wired.sim.link_tests >= 3)
        assert wired.sender.connected
    async with line(heartbeat=0.02, heartbeat_timeout=0.05, heartbeat_misses=3) as wired:
        wired.sim.answers_link_tests = False
        first = wired.sender._link
        await until(lambda: wired.sender.connected and wired.sender._link is not first)
        assert wired.sim.link_tests >= 3


@pytest.mark.parametrize(("kind", "count"), [("duplicate_receipt", 2), ("early_receipt", 1)])
async def test_reports_twice_and_before_the_answer(kind: str, count: int) -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault(kind))
        sent = await wired.sender.send(PHONE, Rendered(text="您好。"), "out-1")
        await until(lambda: len(wired.house.receipts) == count)
        assert {(one.vendor_id, one.client_ref, one.ok) for one in wired.house.receipts} == {
            (sent.vendor_id, "out-1", True)
        }


async def test_a_lost_report_stays_lost() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("lost_receipt"))
        await wired.send(ref="out-1")
        await wired.send(ref="out-2")
        await until(lambda: wired.house.receipts)
        assert [one.client_ref for one in wired.house.receipts] == ["out-2"]


async def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    async with line(replace(CONFIG, resend_after=60)) as wired:
        wired.house.away = True
        saying = asyncio.create_task(wired.sim.user_text(PHONE, "1"))
        sending = await wired.send()
        assert sending == ("accepted", "0")
        await asyncio.sleep(0.2)
        assert (wired.house.messages, wired.house.receipts, list(wired.sim.acknowledged)) == ([], [], [])
        wired.house.away = False
        wired.sim.advance(61)
        assert (await saying).deliveries == 2
        await until(lambda: wired.house.receipts)
        assert [message.text for message in wired.house.messages] == ["1"]


async def test_the_gateway_gives_up_after_its_last_try() -> None:
    async with line(replace(CONFIG, resend_after=60)) as wired:
        wired.house.broken = True
        saying = asyncio.create_task(wired.sim.user_text(PHONE, "1"))
        for _ in range(3):
            await asyncio.sleep(0.1)
            wired.sim.advance(61)
        result = await saying
        assert (result.status, result.deliveries) == ("failed", 3)


async def test_a_redelivery_is_the_same_message() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("duplicate_push"))
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"
        await until(lambda: len(wired.sim.acknowledged) == 2)
        assert (len(wired.house.messages), wired.house.repeats) == (1, 1)


async def test_what_came_without_an_answer_comes_again_on_the_next_line() -> None:
    async with line() as wired:
        wired.house.delay = 0.2
        saying = asyncio.create_task(wired.sim.user_text(PHONE, "1"))
        await until(lambda: any(line.waiting for line in wired.sim._lines))
        wired.sim.drop_lines()
        assert (await saying).status == "ok"
        assert (len(wired.house.messages), wired.house.repeats) == (1, 1)


async def test_alphabets_of_handsets() -> None:
    async with line() as wired:
        for text, fmt in (("R", 0), ("不去了，改天", 15), ("好😀", 8)):
            assert (await wired.sim.user_text(PHONE, text, fmt)).status == "ok"
        assert [message.text for message in wired.house.messages] == ["R", "不去了，改天", "好😀"]


async def test_a_long_answer_is_one_message() -> None:
    async with line() as wired:
        text = "今天早上起来头晕，" * 30 + "😀"
        assert (await wired.sim.user_text(PHONE, text)).status == "ok"
        assert [message.text for message in wired.house.messages] == [text]


async def test_parts_that_never_come_do_not_hold_the_others_for_ever() -> None:
    async with line() as wired:
        head = bytes((5, 0, 3, 7, 3))
        for number, piece in ((3, "走了"), (1, "我要")):
            content = head + bytes([number]) + piece.encode("utf-16-be")
            wired.sim.deliver(
                cmpp_wire.deliver(number, "1069", "8613800138000", content, 8, udhi=True, report=False)
            )
        await asyncio.sleep(0.1)
        assert (wired.house.messages, len(wired.sim.acknowledged)) == ([], 0)
        await until(lambda: len(wired.sim.acknowledged) == 2)
        assert [message.text for message in wired.house.messages] == ["我要走了"]
        assert wired.house.messages[0].vendor_key == "mo:0000000000000001:1,3"


@pytest.mark.parametrize("total", [2, 3], ids=["complete", "one part never comes"])
async def test_every_part_of_an_unreadable_long_message_is_kept(total: int) -> None:
    async with line() as wired:
        head = bytes((5, 0, 3, 9, total))
        parts = [
            cmpp_wire.deliver(number, "1069", "8613800138000", head + piece, 8, udhi=True, report=False)
            for number, piece in ((1, b"\x01" + "疼".encode("utf-16-be")), (2, b"\x02\xd8"))
        ]
        results = [wired.sim.deliver(part).done for part in parts]
        assert await asyncio.wait_for(asyncio.gather(*results), 5) == [False, False]
        assert [bytes.fromhex(one[2].decode()) for one in wired.house.quarantined] == parts
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"
        assert [message.text for message in wired.house.messages] == ["1"]


async def test_unreadable_deliveries_are_kept_for_people() -> None:
    async with line() as wired:

        def body(content: bytes, fmt: int, **how: bool) -> bytes:
            given = {"udhi": False, "report": False} | how
            return cmpp_wire.deliver(5, "1069", "13800138000", content, fmt, **given)

        bad = (
            body(b"\xff\xff\xff", 0), body(b"picture", 4), body(b"\x05\x00", 8, udhi=True), body(b"short", 0, report=True),
            cmpp_wire.deliver(5, "1069", "99", b"1", 0, udhi=False, report=False), b"cut",
        )  # fmt: skip
        results = await asyncio.gather(*(wired.sim.deliver(one).done for one in bad))
        assert results == [False] * len(bad)
        assert {result for _, result in wired.sim.acknowledged} == {1}
        assert [bytes.fromhex(one[2].decode()) for one in wired.house.quarantined] == list(bad)
        assert (await wired.sim.user_text(PHONE, "1")).status == "ok"


async def test_bursts_in_both_directions_lose_nothing() -> None:
    async with line() as wired:
        sends = [wired.send(ref=f"out-{n}", number=f"+861380013{n:04d}") for n in range(300)]
        says = [wired.sim.user_text(OTHER, str(n)) for n in range(300)]
        done = await asyncio.gather(*sends, *says)
        assert set(done[:300]) == {("accepted", "0")}
        assert [message.text for message in wired.house.messages] == [str(n) for n in range(300)]
        await until(lambda: len(wired.house.receipts) == 300)
        assert {receipt.client_ref for receipt in wired.house.receipts} == {f"out-{n}" for n in range(300)}


async def test_close_takes_leave() -> None:
    async with line() as wired:
        await wired.sender.close()
        await until(lambda: wired.sim.connections == 0)


async def test_the_driver_is_known_by_its_account() -> None:
    house = House()
    sender = make_sender(ACCOUNT, Clock(), inbound_sink=house, receipt_sink=house)
    assert isinstance(sender, CmppSender)
    assert isinstance(sender, Connected)
    assert sender.capabilities.free_text
    with pytest.raises(ValueError, match="needs the inbound"):
        make_sender(ACCOUNT, Clock())


def test_accounts_are_checked() -> None:
    for change in (
        {"source_addr": "9000011"},
        {"src_id": ""},
        {"window": 0},
        {"sign": ""},
        {"service_id": "医院"},
    ):
        with pytest.raises(ValueError, match="CMPP account"):
            replace(ACCOUNT, **change)
    assert "888888" not in repr(ACCOUNT)
