"""The gateway stand-in's control plane, in process and as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp

from channels.ports import Rendered
from channels.simulator.cmpp import SimCmppConfig
from channels.simulator.cmpp_control import create_cmpp_simulator
from channels.sms.cmpp.account import CmppAccount
from channels.sms.cmpp.client import CmppSender
from server.supervisor import free_ports
from store.clock import Clock
from tests.channels.simulator.serving import House, serve, until

PHONE = "+8613800138000"


async def test_handsets_line_faults_and_clock_over_http() -> None:
    app = create_cmpp_simulator(SimCmppConfig(receipt_delay=3600))
    async with serve(app) as url, aiohttp.ClientSession(url) as http:
        sim, house = app.state.sim, House()
        account = CmppAccount(
            account_id="gw", host="127.0.0.1", port=sim.port, source_addr="900001", secret="888888",
            service_id="HOSPITAL", src_id="1069018812", sign="和平医院", reconnect_after=(0.05,),
        )  # fmt: skip
        sender = CmppSender(account, sim.clock, house, house)
        running = asyncio.create_task(sender.run())
        await until(lambda: sender.connected)
        await sender.send(PHONE, Rendered(text="您好。"), "out-1")
        async with http.get("/_sim/transcript", params={"address": PHONE}) as answer:
            assert [event["text"] for event in await answer.json()] == ["【和平医院】您好。"]
        async with http.post(f"/_sim/phones/{PHONE}/text", json={"text": "1"}) as answer:
            assert await answer.json() == {"status": "ok", "deliveries": 1}
        assert [message.text for message in house.messages] == ["1"]
        async with http.post("/_sim/phones/12/text", json={"text": "1"}) as answer:
            assert answer.status == 400
        assert not house.receipts
        async with http.post("/_sim/clock", json={"advance": 3601}) as answer:
            assert answer.status == 200
        await until(lambda: house.receipts)
        async with http.get("/_sim/gateway") as answer:
            assert await answer.json() == {
                "port": sim.port,
                "connections": 1,
                "accepted": 1,
                "acknowledged": 2,
            }
        async with http.post("/_sim/faults", json={"kind": "errcode", "value": 8}) as answer:
            assert answer.status == 200
        assert (await sender.send(PHONE, Rendered(text="您好。"), "out-2")).code == "8"
        async with http.delete("/_sim/gateway/connections", params={"polite": "true"}):
            await until(lambda: not sender.connected)
        await until(lambda: sender.connected)
        running.cancel()


async def test_a_process_of_its_own(tmp_path: Path) -> None:
    port, gateway = free_ports(2)
    file = tmp_path / "sim.json"
    file.write_text(json.dumps({"cmpp": {"port": port, "gateway_port": gateway, "source_addr": "900002"}}))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "channels.simulator", str(file))
    house = House()
    account = CmppAccount(
        account_id="gw", host="127.0.0.1", port=gateway, source_addr="900002", secret="888888",
        service_id="HOSPITAL", src_id="1069018812", sign="和平医院", reconnect_after=(0.1,),
    )  # fmt: skip
    sender = CmppSender(account, Clock(), house, house)
    running = asyncio.create_task(sender.run())
    try:
        await until(lambda: sender.connected, 20)
        result = await sender.send(PHONE, Rendered(text="您好。"), "out-1")
        assert result.code == "0"
        await until(lambda: house.receipts)
        assert house.receipts[0].client_ref == "out-1"
    finally:
        running.cancel()
        process.terminate()
        await process.wait()
