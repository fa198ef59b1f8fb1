"""The adapter and the simulator over real HTTP, both directions, in every mode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import aiohttp
import orjson
import pytest
from fastapi import FastAPI

from channels.ports import MenuItem, Outcome, Rendered, Sender
from channels.simulator.faults import Fault
from channels.simulator.transcript import Event
from channels.simulator.wechat import NotAFollower, WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_push import TROUBLE
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from channels.wechat.client import WeChatClient
from channels.wechat.errors import VendorError, verdict
from channels.wechat.sender import WeChatSender
from store.clock import Clock, VirtualClock
from tests.channels.simulator.serving import House, serve, until

CONFIG = SimWeChatConfig(followers=("o1", "o2"), push_spacing=0.05, push_timeout=0.5)


@dataclass
class Line:
    """One account wired to one simulator."""

    sim: WeChatSimulator
    house: House
    client: WeChatClient
    sender: WeChatSender
    sim_url: str
    house_url: str

    def texts(self, openid: str = "o1") -> list[tuple[str, str]]:
        return [
            (event["kind"], event["text"])
            for event in self.sim.transcript(openid)
            if event["direction"] == "out"
        ]


@asynccontextmanager
async def line(
    config: SimWeChatConfig = CONFIG, house: House | None = None, **account: Any
) -> AsyncIterator[Line]:
    house = house or House()
    accounts: dict[str, WeChatAccount] = {}
    app = FastAPI()
    app.include_router(callback_router(accounts, house, Clock()))
    async with serve(app) as house_url:
        sim_app = create_wechat_simulator(config, f"{house_url}/wx/main")
        async with serve(sim_app) as sim_url:
            settings: dict[str, Any] = {
                "account_id": "main",
                "appid": config.appid,
                "secret": config.secret,
                "tokens": ("old-token", config.token),
                "aes_keys": ("B" * 43, config.aes_key),
                "mode": config.mode,
                "account_type": config.account_type,
                "base_url": sim_url,
            }
            accounts["main"] = WeChatAccount(**(settings | account))
            client = WeChatClient(accounts["main"], Clock())
            sender = WeChatSender(client)
            yield Line(sim_app.state.sim, house, client, sender, sim_url, house_url)
            await sender.close()


@pytest.mark.parametrize("envelope", ["xml", "json"])
@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
async def test_text_in_passive_reply_out(
    mode: Literal["plain", "compat", "safe"], envelope: Literal["xml", "json"]
) -> None:
    text = "挂号 <xml> ]]> & 👩‍⚕️"
    house = House(reply=lambda message: Rendered(text=f"收到：{message.text}", menu=(MenuItem("a", "看号"),)))
    async with line(replace(CONFIG, mode=mode, envelope=envelope), house) as wired:
        result = await wired.sim.user_text("o1", text)
        assert (result.status, result.deliveries) == ("ok", 1)
        assert [(message.text, message.address) for message in house.messages] == [(text, "o1")]
        assert wired.texts() == [("passive", f"收到：{text}\n1 看号")]


@pytest.mark.parametrize(
    ("simulated", "configured"),
    [("plain", "safe"), ("plain", "compat"), ("safe", "plain"), ("compat", "plain")],
)
async def test_no_mode_downgrade(simulated: Any, configured: Any) -> None:
    async with line(replace(CONFIG, mode=simulated), mode=configured) as wired:
        result = await wired.sim.user_text("o1", "hi")
        assert (result.status, result.deliveries) == ("failed", 3)
        assert "403" in result.detail
        assert wired.house.messages == []
        assert wired.texts() == [("error", TROUBLE)]


async def test_plain_mode_needs_no_aes_key() -> None:
    async with line(replace(CONFIG, mode="plain", aes_key=""), aes_keys=()) as wired:
        assert (await wired.sim.user_text("o1", "hi")).status == "ok"
    with pytest.raises(ValueError, match="safe"):
        create_wechat_simulator(replace(CONFIG, aes_key=""), "http://127.0.0.1:9/")


async def test_menu_goes_out_and_its_tap_comes_back() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "挂号")
        items = (MenuItem("q7:1", "上午"), MenuItem("q7:2", "下午"))
        result = await wired.sender.send(
            "o1", Rendered(text="什么时间？", menu=items, tail="回数字也行"), "r1"
        )
        assert result.outcome is Outcome.ACCEPTED
        shown = wired.sim.transcript("o1")[-1]
        assert shown["menu"] == [{"id": "q7:1", "label": "上午"}, {"id": "q7:2", "label": "下午"}]
        assert shown["text"] == "什么时间？\n回数字也行"
        await wired.sim.tap_item("o1", "q7:2")
        assert (wired.house.messages[-1].text, wired.house.messages[-1].option_ref) == ("下午", "q7:2")
        with pytest.raises(KeyError):
            await wired.sim.tap_item("o1", "q9:1")


@pytest.mark.parametrize("kind", ["test", "subscription"])
async def test_other_accounts_get_numbered_text(kind: Any) -> None:
    message = Rendered(text="选一个", menu=(MenuItem("q:1", "1月5日"), MenuItem("q:2", "改天")))
    for believed in (kind, "service"):  # the second: settings say service, the vendor refuses with 40200
        async with line(replace(CONFIG, account_type=kind), account_type=believed) as wired:
            await wired.sim.user_text("o1", "hi")
            assert (await wired.sender.send("o1", message, "r")).outcome is Outcome.ACCEPTED
            assert wired.texts() == [("custom", "选一个\n1 1月5日\n2 改天")]


async def test_six_options_become_numbered_text() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        menu = tuple(MenuItem(f"q:{number}", f"医生{number}") for number in range(1, 7))
        await wired.sender.send("o1", Rendered(text="选医生", menu=menu), "r")
        assert wired.texts() == [("custom", "选医生\n" + "\n".join(f"{n} 医生{n}" for n in range(1, 7)))]


async def test_long_text_goes_in_parts_with_nothing_lost() -> None:
    text = "请按时服药并监测血压。" * 200
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        sent = await wired.sender.send("o1", Rendered(text=text), "r")
        assert (sent.outcome, sent.parts) == (Outcome.ACCEPTED, 4)
        parts = [shown for _, shown in wired.texts()]
        assert "".join(parts) == text
        assert all(len(part.encode()) <= 2048 and part.endswith("。") for part in parts)


async def test_nothing_to_say_is_not_sent() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        for text in ("", "  ", "\x00\x07"):
            assert (await wired.sender.send("o1", Rendered(text=text), "r")).code == "empty"
        assert wired.texts() == []


async def test_a_long_question_keeps_its_menu() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        message = Rendered(text="请仔细阅读。" * 150, menu=(MenuItem("q:1", "同意"),), tail="也可回数字")
        assert (await wired.sender.send("o1", message, "r")).outcome is Outcome.ACCEPTED
        shown = [event for event in wired.sim.transcript("o1") if event["direction"] == "out"]
        assert [len(event["menu"]) for event in shown] == [0, 1]
        assert "".join(event["text"] for event in shown) == "请仔细阅读。" * 150 + "\n也可回数字"


async def test_quota_runs_out_and_a_part_never_goes_twice() -> None:
    async with line() as wired:
        assert (await wired.sender.send("o1", Rendered(text="早"), "r")).code == "45015"
        await wired.sim.user_text("o1", "hi")
        for _ in range(4):
            assert (await wired.sender.send("o1", Rendered(text="好"), "r")).outcome is Outcome.ACCEPTED
        assert wired.sim.window("o1")["left"] == 1
        cut = await wired.sender.send("o1", Rendered(text="很长。" * 400), "r")
        assert (cut.outcome, cut.code, cut.parts) == (Outcome.UNCERTAIN, "45047", 1)
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert (result.outcome, result.code, result.next_rung) == (Outcome.REFUSED, "45047", True)


async def test_window_closes_with_the_clock_and_unfollowing() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        wired.sim.advance(48 * 3600 + 1)
        assert (await wired.sender.send("o1", Rendered(text="晚"), "r")).code == "45015"
        await wired.sim.user_follow("o2")
        assert wired.sim.window("o2")["left"] == 3
        wired.sim.advance(61)
        assert wired.sim.window("o2")["left"] == 0
        await wired.sim.user_unfollow("o2")
        assert wired.house.messages[-1].event == "unsubscribe"
        with pytest.raises(NotAFollower):
            await wired.sim.user_text("o2", "hi")
        unknown = await wired.sender.send("nobody", Rendered(text="好"), "r")
        assert (unknown.code, unknown.stop_contact) == ("40003", True)


async def test_events_reach_the_house() -> None:
    async with line() as wired:
        await wired.sim.user_scan("new", "bind-token")
        await wired.sim.user_scan("new", "again")
        await wired.sim.tap_menu("new", "BOOK")
        await wired.sim.tap_menu("new", "https://x/", "VIEW")
        await wired.sim.user_media("new", "voice")
        await wired.sim.user_event("new", "TEMPLATESENDJOBFINISH", MsgID=5, Status="success")
        seen = [(message.event, message.event_key) for message in wired.house.messages]
        voice = wired.house.messages[4]
        assert seen == [
            ("subscribe", "bind-token"),
            ("scan", "again"),
            ("click", "BOOK"),
            ("view", "https://x/"),
            ("voice", voice.event_key),
            ("templatesendjobfinish", "5"),
        ]
        assert voice.event_key
        assert voice.raw["Recognition"] == ""


OUTBOUND = [
    # fault, outcome, code, how many the phone shows, how many requests of ours it takes
    (Fault("errcode", value=-1), Outcome.RETRY, "-1", 0),
    (Fault("errcode", value=45009), Outcome.RETRY, "45009", 0),
    (Fault("errcode", value=45011), Outcome.RETRY, "45011", 0),
    (Fault("errcode", value=43019), Outcome.REFUSED, "43019", 0),
    (Fault("errcode", value=45087), Outcome.REFUSED, "45087", 0),
    (Fault("errcode", value=48001), Outcome.REFUSED, "48001", 0),
    (Fault("errcode", value=99999), Outcome.REFUSED, "99999", 0),
    (Fault("html"), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http", value=500), Outcome.UNCERTAIN, "unclear", 0),
    (Fault("http_after", value=502), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("http", value=503), Outcome.RETRY, "-1", 0),
    (Fault("http", value=404), Outcome.REFUSED, "404", 0),
    (Fault("http", value=302), Outcome.REFUSED, "302", 0),
    (Fault("no_errcode"), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("hang_after", value=20), Outcome.UNCERTAIN, "unclear", 1),
    (Fault("errcode", value=42001), Outcome.ACCEPTED, "0", 1),
    (Fault("errcode", value=40001, count=100), Outcome.RETRY, "40001", 0),
]


@pytest.mark.parametrize(("fault", "outcome", "code", "shown"), OUTBOUND)
async def test_outbound_table(
    fault: Fault, outcome: Outcome, code: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.wechat.client.TIMEOUT", aiohttp.ClientTimeout(total=2, sock_read=0.3))
    monkeypatch.setattr("channels.wechat.token.REFETCH_PAUSE", 0.0)
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        wired.sim.faults.add(replace(fault, path="custom/send"))
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert (result.outcome, result.code) == (outcome, code)
        assert len(wired.texts()) == shown
        if outcome is Outcome.RETRY:
            assert result.retry_after > 0
        if code == "45009":
            assert result.retry_after <= 86400
        if fault.count == 100:
            assert wired.sim.faults.describe()[0]["count"] == 98  # one try and a single retry


async def test_nothing_listening_is_a_retry() -> None:
    async with line() as wired:
        account = replace(wired.client.account, base_url="http://127.0.0.1:9")
        sender: Sender = WeChatSender(WeChatClient(account, Clock()))
        result = await sender.send("o1", Rendered(text="好"), "r")
        assert (result.outcome, result.code) == (Outcome.RETRY, "not_sent")
        await sender.close()


async def test_second_host_only_when_the_first_cannot_be_reached() -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        account = replace(wired.client.account, base_url="http://127.0.0.1:9", fallback_url=wired.sim_url)
        sender = WeChatSender(WeChatClient(account, Clock()))
        assert (await sender.send("o1", Rendered(text="好"), "r")).outcome is Outcome.ACCEPTED
        await sender.close()


async def test_wrong_secret_never_reaches_the_patient() -> None:
    async with line(secret="wrong") as wired:
        await wired.sim.user_text("o1", "hi")
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert (result.outcome, result.code) == (Outcome.REFUSED, "40125")
        assert wired.texts() == []


async def test_deliveries_repeat_until_stored_and_change_nothing_twice() -> None:
    async with line() as wired:
        wired.house.away = True
        asyncio.get_running_loop().call_later(0.08, setattr, wired.house, "away", False)
        result = await wired.sim.user_text("o1", "hi")
        assert (result.status, result.deliveries) == ("ok", 3)
        wired.sim.faults.add(Fault("duplicate_push"))
        await wired.sim.user_text("o1", "again")
        assert [message.text for message in wired.house.messages] == ["hi", "again"]
        assert wired.house.repeats == 1


async def test_a_slow_house_is_given_up_and_the_patient_told() -> None:
    async with line(house=House(delay=5)) as wired:
        result = await wired.sim.user_text("o1", "hi")
        assert (result.status, result.deliveries) == ("failed", 3)
        assert wired.texts() == [("error", TROUBLE)]


async def test_markfail_stops_pushes() -> None:
    async with line(replace(CONFIG, markfail_after=3)) as wired:
        wired.house.away = True
        await wired.sim.user_text("o1", "one")
        assert (await wired.sim.user_text("o1", "two")).status == "dropped"


async def test_stale_and_forged_pushes_are_refused_then_the_retry_passes() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("stale_push"))
        assert (await wired.sim.user_text("o1", "one")).deliveries == 2
        wired.sim.faults.add(Fault("bad_signature"))
        assert (await wired.sim.user_text("o1", "two")).deliveries == 2


async def test_tokens_are_shared_replaced_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        assert (await wired.sender.send("o1", Rendered(text="一"), "r")).outcome is Outcome.ACCEPTED
        wired.sim.rules.revoke_tokens()
        quick = await wired.sender.send("o1", Rendered(text="二"), "r")
        assert (quick.outcome, quick.code) == (Outcome.RETRY, "40001")  # fetched seconds ago: no token storm
        monkeypatch.setattr("channels.wechat.token.REFETCH_PAUSE", 0.0)
        assert (await wired.sender.send("o1", Rendered(text="二"), "r")).outcome is Outcome.ACCEPTED
        both = await asyncio.gather(*(wired.sender.send("o1", Rendered(text=str(n)), "r") for n in range(2)))
        assert {result.outcome for result in both} == {Outcome.ACCEPTED}
        assert len(wired.sim.rules.tokens) == 1


async def test_a_token_that_is_refused_is_known_with_its_code_and_since_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For the operators' page: 40001 for ever, then good again; a wrong AppSecret from the start."""
    monkeypatch.setattr("channels.wechat.token.REFETCH_PAUSE", 0.0)
    async with line() as wired:
        assert isinstance(await wired.client.user_info("o1"), dict)
        assert wired.client.token_trouble is None
        for _ in range(2):
            wired.sim.faults.add(Fault("errcode", 2, "/cgi-bin/user/info", 40001))
            assert isinstance(await wired.client.user_info("o1"), VendorError)
        trouble = wired.client.token_trouble
        assert trouble is not None
        assert trouble.code == "40001"
        assert trouble.since <= wired.client.clock.now()
        assert isinstance(await wired.client.user_info("o1"), dict)
        assert wired.client.token_trouble is None
        wrong = WeChatClient(replace(wired.client.account, secret="wrong"), Clock())
        await wrong.user_info("o1")
        first = wrong.token_trouble
        await wrong.user_info("o1")
        assert first is not None
        assert wrong.token_trouble == first
        assert first.code == "40125"
        await wrong.close()


async def test_a_wrong_typing_command_is_nobodys_trouble() -> None:
    """45072: the answer to the patient goes out all the same, and the account is not stopped."""
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        for command in ("Typing", "CancelTyping"):
            wired.sim.faults.add(Fault("errcode", value=45072))
            raw = await wired.client.post(
                "/cgi-bin/message/custom/typing", {"touser": "o1", "command": command}
            )
            assert isinstance(raw, VendorError)
            assert (raw.code, verdict(raw, wired.sim.clock.now()).stop_channel) == (45072, False)
            wired.sim.faults.add(Fault("errcode", value=45072))
            assert await wired.client.typing("o1", on=command == "Typing") == {}
        assert (await wired.sender.send("o1", Rendered(text="您好"), "r")).outcome is Outcome.ACCEPTED


async def test_typing_and_the_other_calls() -> None:
    async with line() as wired:
        assert await wired.client.typing("o1") == {}  # 45080: nobody has written for 30 s
        await wired.sim.user_text("o1", "hi")
        assert isinstance(await wired.client.typing("o1"), dict)
        assert await wired.client.typing("o1") == {}  # 45081: it shows already
        info = await wired.client.user_info("o1")
        assert isinstance(info, dict)
        assert info["subscribe"] == 1
        ticket = await wired.client.create_qrcode("bind-1", 600)
        assert isinstance(ticket, dict)
        assert ticket["expire_seconds"] == 600
        menu = {"button": [{"type": "click", "name": "预约就诊", "key": "BOOK"}]}
        assert isinstance(await wired.client.create_menu(menu), dict)
        read = await wired.client.get_menu()
        assert isinstance(read, dict)
        assert read["selfmenu_info"] == menu


async def test_control_plane_over_http() -> None:
    house = House(reply=lambda message: Rendered(text="您好"))
    async with line(house=house) as wired, aiohttp.ClientSession(wired.sim_url) as http:
        async with http.post("/_sim/users/o1/text", json={"text": "你好"}) as response:
            assert (await response.json())["reply"] == "您好"
        async with http.post("/_sim/users/ghost/text", json={"text": "你好"}) as response:
            assert response.status == 409
        async with http.post("/_sim/users/o1/dance", json={}) as response:
            assert response.status == 404
        async with http.post("/_sim/users/o1/text", json={}) as response:
            assert response.status == 400
        async with http.post("/_sim/users/o1/text?wait=false", json={"text": "二"}) as response:
            assert (await response.json())["status"] == "started"
        await until(lambda: len(house.messages) == 2)
        await until(lambda: len(wired.texts()) == 2)
        async with http.get("/_sim/transcript", params={"address": "o1"}) as response:
            events: list[Event] = orjson.loads(await response.read())
        assert [event["direction"] for event in events] == ["in", "out", "in", "out"]
        assert {"seq", "direction", "text", "menu", "at", "kind", "parts"} == set(events[0])
        async with http.post("/_sim/faults", json={"kind": "nonsense"}) as response:
            assert response.status == 400
        async with http.post("/_sim/clock", json={"advance": 3600}) as response:
            assert response.status == 200
        async with http.post("/_sim/reset") as response:
            assert response.status == 200
        assert wired.sim.transcript("o1") == []


async def test_live_stream_resumes_where_it_stopped() -> None:
    async with line() as wired, aiohttp.ClientSession(wired.sim_url) as http:
        await wired.sim.user_text("o1", "一")
        async with http.get("/_sim/stream", params={"address": "o1", "after": "0"}) as response:
            await wired.sim.user_text("o1", "二")
            await wired.sim.user_text("o2", "别人")
            seen: list[Event] = []
            async for raw in response.content:
                if raw.startswith(b"data: "):
                    seen.append(orjson.loads(raw[6:]))
                if len(seen) == 2:
                    break
        assert [event["text"] for event in seen] == ["一", "二"]
        headers = {"Last-Event-ID": str(seen[0]["seq"])}
        async with http.get("/_sim/stream", params={"address": "o1"}, headers=headers) as response:
            async for raw in response.content:
                if raw.startswith(b"data: "):
                    assert orjson.loads(raw[6:])["text"] == "二"
                    break


async def test_a_shared_clock_keeps_pushes_fresh() -> None:
    clock = VirtualClock()
    house = House()
    account = WeChatAccount("main", CONFIG.appid, CONFIG.secret, (CONFIG.token,), (CONFIG.aes_key,))
    app = FastAPI()
    app.include_router(callback_router({"main": account}, house, clock))
    async with serve(app) as url:
        sim = WeChatSimulator(CONFIG, f"{url}/wx/main", clock)
        sim.advance(30 * 86400)
        assert (await sim.user_text("o1", "一个月后")).status == "ok"
        await sim.close()


async def test_no_secret_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong: no key, no token, no openid and no word of a message."""
    with caplog.at_level(logging.DEBUG):
        async with line(replace(CONFIG, followers=("o-patient-1",))) as wired:
            await wired.sim.user_text("o-patient-1", "胸口疼")
            for value in (40001, 45009, 45087, 48001, 47003):
                wired.sim.faults.add(Fault("errcode", value=value, path="custom/send"))
                await wired.sender.send("o-patient-1", Rendered(text="请打一二零"), "r")
            wired.house.broken = True
            await wired.sim.user_text("o-patient-1", "胸口疼")
            issued = list(wired.sim.rules.tokens)
    ours = [record for record in caplog.records if record.name.startswith("channels")]
    assert len(ours) >= 5
    hidden = (CONFIG.secret, CONFIG.token, CONFIG.aes_key, "o-patient-1", "胸口疼", "请打一二零", *issued)
    for record in ours:
        seen = record.getMessage() + str(vars(record))
        assert not [word for word in hidden if word in seen]
