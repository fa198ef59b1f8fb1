"""The rest of the vendor's surface: people, tags, codes, notices' results, limits as configuration, bad lines."""

from __future__ import annotations

import asyncio
import io
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from fastapi.testclient import TestClient

from channels.ports import Outcome, Rendered
from channels.simulator.faults import Fault
from channels.simulator.wechat import create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.client import Answer, WeChatClient
from channels.wechat.errors import VendorError
from store.clock import VirtualClock
from tests.channels.simulator.serving import until
from tests.channels.simulator.test_wechat_line import CONFIG, line
from tests.channels.simulator.theirs import their_client

TEMPLATES = {"visit": ("thing1", "time2")}
FIELDS = {"thing1": "眼科", "time2": "2026年11月24日 09:30"}
NOTICES = replace(CONFIG, templates=TEMPLATES, notify_delay=0.0)


def code(answer: Answer) -> int:
    assert isinstance(answer, VendorError), answer
    return answer.code


def good(answer: Answer) -> dict[str, Any]:
    assert isinstance(answer, dict), answer
    return answer


async def test_tags_and_their_limits() -> None:
    async with line(replace(CONFIG, tags=2, tags_each=1, followers_page=1)) as wired:
        post = wired.client.post
        tag = good(await post("/cgi-bin/tags/create", {"tag": {"name": "术后"}}, "tag"))["tag"]["id"]
        other = good(await post("/cgi-bin/tags/create", {"tag": {"name": "慢病"}}, "tag"))["tag"]["id"]
        assert code(await post("/cgi-bin/tags/create", {"tag": {"name": "孕产"}}, "tag")) == 45056
        assert code(await post("/cgi-bin/tags/create", {"tag": {"name": "术后"}}, "tag")) == 45157
        assert code(await post("/cgi-bin/tags/create", {"tag": {"name": "长" * 31}}, "tag")) == 45158
        assert code(await post("/cgi-bin/tags/update", {"tag": {"id": 2, "name": "x"}})) == 45058
        assert code(await post("/cgi-bin/tags/delete", {"tag": {"id": 999}})) == 45159
        both = {"openid_list": ["o1", "o2"], "tagid": tag}
        good(await post("/cgi-bin/tags/members/batchtagging", both))
        assert code(await post("/cgi-bin/tags/members/batchtagging", {**both, "tagid": other})) == 45059
        page = good(await post("/cgi-bin/user/tag/get", {"tagid": tag}, "count"))
        assert (page["count"], page["data"]["openid"], page["next_openid"]) == (1, ["o1"], "o1")
        page = good(await post("/cgi-bin/user/tag/get", {"tagid": tag, "next_openid": "o1"}, "count"))
        assert page["data"]["openid"] == ["o2"]
        good(await post("/cgi-bin/tags/members/batchuntagging", both))
        assert good(await post("/cgi-bin/tags/getidlist", {"openid": "o1"}, "tagid_list"))["tagid_list"] == []
        good(await post("/cgi-bin/tags/delete", {"tag": {"id": tag}}))
        listed = good(await wired.client.get("/cgi-bin/tags/get", {}, "tags"))["tags"]
        assert [one["name"] for one in listed] == ["星标组", "慢病"]


async def test_a_qr_code_is_a_picture_while_it_lives() -> None:
    async with line() as wired, aiohttp.ClientSession(wired.sim_url) as http:

        async def show(ticket: str) -> tuple[int, str, bytes]:
            async with http.get("/cgi-bin/showqrcode", params={"ticket": ticket}) as answer:
                return answer.status, answer.content_type, (await answer.read())[:8]

        made = good(await wired.client.create_qrcode("bind-token", 60))
        assert await show(made["ticket"]) == (200, "image/png", b"\x89PNG\r\n\x1a\n")
        wired.sim.advance(61)
        assert (await show(made["ticket"]))[0] == 404
        assert (await show("nobody's"))[0] == 404


@pytest.mark.parametrize("envelope", ["xml", "json"])
async def test_the_results_of_notices_come_afterwards(envelope: Any) -> None:
    async with line(replace(NOTICES, envelope=envelope)) as wired:
        sent = good(await wired.client.send_template("o1", "visit", FIELDS))
        await until(lambda: wired.house.messages)
        event = wired.house.messages[-1]
        assert (event.event, event.event_key, event.raw["Status"]) == (
            "templatesendjobfinish", str(sent["msgid"]), "success",
        )  # fmt: skip


async def test_a_user_who_blocks_the_account_is_told_of_in_the_result() -> None:
    async with line(NOTICES) as wired:
        await wired.sim.user_text("o1", "hi")
        await wired.sim.user_subscribes("o1", "visit")
        wired.sim.user_blocks("o1")
        seen = len(wired.house.messages)
        assert code(await wired.client.send_text("o1", "好")) == 45015
        good(await wired.client.send_template("o1", "visit", FIELDS))
        good(await wired.client.send_subscription("o1", "visit", FIELDS))
        await until(lambda: len(wired.house.messages) == seen + 2)
        raw = [message.raw for message in wired.house.messages[seen:]]
        assert sorted(str(one.get("Status") or "") for one in raw) == ["", "failed:user block"]
        assert "user block" in str(raw)
        assert wired.texts() == []


async def test_bursts_of_template_messages_fail_for_frequency_then_are_refused() -> None:
    async with line(replace(NOTICES, template_burst=2)) as wired:
        answers = [await wired.client.send_template("o1", "visit", FIELDS) for _ in range(5)]
        assert [isinstance(answer, dict) for answer in answers] == [True] * 4 + [False]
        assert code(answers[-1]) == 43117
        await until(lambda: len(wired.house.messages) == 4)
        results = sorted(message.raw["Status"] for message in wired.house.messages)
        assert results == ["failed:freq limit", "failed:freq limit", "success", "success"]
        wired.sim.advance(60)
        good(await wired.client.send_template("o1", "visit", FIELDS))


async def test_a_template_message_with_the_same_client_id_is_sent_once() -> None:
    async with line(NOTICES) as wired:
        one = good(await wired.client.send_template("o1", "visit", FIELDS, client_msg_id="ref-1"))
        two = good(await wired.client.send_template("o1", "visit", FIELDS, client_msg_id="ref-1"))
        assert one["msgid"] == two["msgid"]
        assert len(wired.texts()) == 1


@pytest.mark.parametrize("kind", ["lost_receipt", "duplicate_receipt"])
async def test_results_get_lost_or_come_twice(kind: str) -> None:
    async with line(NOTICES) as wired:
        wired.sim.faults.add(Fault(kind))
        good(await wired.client.send_template("o1", "visit", FIELDS))
        good(await wired.client.send_template("o2", "visit", FIELDS))
        await until(lambda: {message.address for message in wired.house.messages} >= {"o2"})
        of_first = [message for message in wired.house.messages if message.address == "o1"]
        assert len(of_first) == (kind == "duplicate_receipt")
        assert wired.house.repeats == (kind == "duplicate_receipt")


async def test_a_page_that_is_no_address_is_refused() -> None:
    async with line(NOTICES) as wired:
        await wired.sim.user_subscribes("o1", "visit")
        assert code(await wired.client.send_subscription("o1", "visit", FIELDS, "pages/index")) == 41030
        good(await wired.client.send_subscription("o1", "visit", FIELDS, "https://hospital.example/visit"))
        assert code(await wired.client.send_subscription("o1", "visit", FIELDS)) == 43101


async def test_a_push_that_drips_in_is_still_taken_whole() -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("slow_push", value=0.2))
        slow = asyncio.create_task(wired.sim.user_text("o1", "慢慢来"))
        await asyncio.sleep(0.05)
        assert (await wired.sim.user_text("o2", "快")).status == "ok"  # nobody waits behind it
        assert (await slow).status == "ok"
        assert {message.text for message in wired.house.messages} == {"慢慢来", "快"}


@pytest.mark.parametrize("value", [45015, 45047, 40001])
async def test_an_answer_that_never_changes_ends_in_one_verdict(value: int) -> None:
    async with line() as wired:
        await wired.sim.user_text("o1", "hi")
        wired.sim.faults.add(Fault("errcode", value=value, path="custom/send", count=1000))
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert result.outcome in (Outcome.REFUSED, Outcome.RETRY)
        assert wired.sim.faults.describe()[0]["count"] >= 998


@pytest.mark.parametrize(
    ("change", "call"),
    [
        ({"menu_create_daily": 1}, lambda c: c.create_menu({"button": [{"type": "click", "name": "a", "key": "A"}]})),
        ({"menu_get_daily": 1}, lambda c: c.get_menu()),
        ({"menu_delete_daily": 1}, lambda c: c.delete_menu()),
        ({"qrcode_daily": 1}, lambda c: c.create_qrcode("s", 60)),
        ({"user_info_daily": 1}, lambda c: c.user_info("o1")),
        ({"followers_daily": 1}, lambda c: c.get("/cgi-bin/user/get", {}, "total")),
        ({"upload_daily": 1}, lambda c: c.upload_media("image", b"x", "image/jpeg")),
    ],
)  # fmt: skip
async def test_daily_limits_are_settings(change: dict[str, int], call: Any) -> None:
    async with line(replace(CONFIG, **change)) as wired:
        good(await call(wired.client))
        assert code(await call(wired.client)) == 45009


async def test_a_test_account_has_a_tenth() -> None:
    async with line(replace(CONFIG, account_type="test", qrcode_daily=20)) as wired:
        answers = [await wired.client.create_qrcode("s", 60) for _ in range(3)]
        assert [isinstance(answer, dict) for answer in answers] == [True, True, False]


async def test_an_account_whose_address_is_not_listed_gets_no_token() -> None:
    async with line(replace(CONFIG, ip_white_list=("10.0.0.1",))) as wired:
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert (result.outcome, result.code) == (Outcome.RETRY, "40164")


@pytest.mark.parametrize("value", [40243, 61004, 89503, 40013])
async def test_what_the_token_call_refuses_reaches_the_verdict(value: int) -> None:
    async with line() as wired:
        wired.sim.faults.add(Fault("errcode", value=value, path="stable_token"))
        result = await wired.sender.send("o1", Rendered(text="好"), "r")
        assert result.code == str(value)
        assert wired.texts() == []


async def test_control_plane_actions() -> None:
    actions: list[tuple[str, dict[str, Any]]] = [
        ("image", {}),
        ("voice", {"said": "头疼"}),
        ("location", {}),
        ("block", {}),
        ("block", {"on": False}),
        ("subscribe_notice", {"template": "visit"}),
        ("subscribe_notice", {"template": "visit", "accept": False}),
    ]
    async with (
        line(replace(NOTICES, recognition=True)) as wired,
        aiohttp.ClientSession(wired.sim_url) as http,
    ):
        for action, body in actions:
            async with http.post(f"/_sim/users/o1/{action}", json=body) as answer:
                assert (await answer.json())["status"] == "ok", action
        kinds = [message.event for message in wired.house.messages]
        assert kinds == [
            "image",
            "voice",
            "location",
            "subscribe_msg_popup_event",
            "subscribe_msg_popup_event",
        ]
        assert wired.house.messages[1].raw["Recognition"] == "头疼"


async def test_recognition_is_empty_unless_switched_on() -> None:
    async with line() as wired:
        await wired.sim.user_media("o1", "voice", said="头疼")
        assert wired.house.messages[-1].raw["Recognition"] == ""


def test_the_same_seed_gives_the_same_ids_in_process() -> None:
    def ids(seed: int | None) -> list[str]:
        clock = VirtualClock()
        clock.freeze(datetime(2026, 11, 22, tzinfo=UTC))
        app = create_wechat_simulator(replace(CONFIG, seed=seed), "http://127.0.0.1:9/wx", clock=clock)
        http = TestClient(app)
        login = {"grant_type": "client_credential", "appid": CONFIG.appid, "secret": CONFIG.secret}
        token = http.post("/cgi-bin/stable_token", json=login).json()["access_token"]
        scene = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "a"}}}
        made = http.post("/cgi-bin/qrcode/create", params={"access_token": token}, json=scene)
        return [token, made.json()["ticket"], str(app.state.sim.next_id())]

    assert ids(7) == ids(7)
    assert ids(7) != ids(8)
    assert ids(None)[:2] != ids(None)[:2]


def test_every_number_is_a_field() -> None:
    """What a recording from a real account may correct is configuration, not code."""
    numbers = {one.name for one in fields(SimWeChatConfig) if one.type in ("int", "float")}
    assert numbers >= {
        "push_timeout", "push_deliveries", "push_spacing", "markfail_after", "markfail_seconds", "token_seconds",
        "token_overlap", "token_daily", "stable_daily", "stable_minute", "force_daily", "force_pause", "custom_daily",
        "template_daily", "text_bytes", "menu_items", "menu_item_chars", "typing_recent", "typing_shown", "upload_daily",
        "download_daily", "menu_create_daily", "qrcode_daily", "user_info_daily", "sns_minute", "code_seconds",
        "media_seconds", "template_burst", "clear_monthly", "notify_delay",
    }  # fmt: skip


async def test_wechatpys_client_agrees_on_people_tags_media_and_notices() -> None:
    """An independent client over the whole surface it knows: what it reads without an error is the vendor's shape."""
    async with line(NOTICES) as wired:
        await wired.sim.user_text("o1", "hi")
        await wired.sim.user_subscribes("o1", "visit")

        def talk() -> None:
            client = their_client(wired.sim_url, CONFIG)
            assert client.user.get_followers()["data"]["openid"] == ["o1", "o2"]
            assert [one["openid"] for one in client.user.get_batch(["o1", "o2"])] == ["o1", "o2"]
            client.user.update_remark("o1", "三床")
            assert client.user.get("o1")["remark"] == "三床"
            tag = client.tag.create("术后")["id"]
            client.tag.tag_user(tag, ["o1", "o2"])
            assert client.tag.get_user_tag("o1") == [tag]
            assert client.tag.get_tag_users(tag)["data"]["openid"] == ["o1", "o2"]
            client.tag.untag_user(tag, ["o2"])
            client.tag.update(tag, "出院")
            assert {one["name"]: one["count"] for one in client.tag.get()} == {"星标组": 0, "出院": 1}
            client.tag.delete(tag)
            menu = {"button": [{"type": "click", "name": "预约", "key": "BOOK"}]}
            client.menu.create(menu)
            assert client.menu.get()["menu"] == menu
            assert client.menu.get_menu_info()["is_menu_open"] == 1
            client.menu.delete()
            picture = io.BytesIO(b"\xff\xd8\xff" + bytes(30))
            picture.name = "a.jpg"
            media_id = client.media.upload("image", picture)["media_id"]
            assert client.media.download(media_id).content[:3] == b"\xff\xd8\xff"
            client.message.send_image("o1", media_id)
            assert client.template.get_all_private_template()["template_list"][0]["template_id"] == "visit"
            assert client.template.get_industry()["primary_industry"]["first_class"] == "医疗护理"
            values = {name: {"value": value} for name, value in FIELDS.items()}
            assert client.message.send_template("o1", "visit", values)["msgid"]
            client.message.send_subscribe_message("o1", "visit", values)
            assert client.misc.get_wechat_ips() == ["127.0.0.1"]
            assert client.jsapi.get_jsapi_ticket()

        await asyncio.to_thread(talk)
        kinds = [kind for kind, _ in wired.texts()]
        assert kinds == ["custom", "template", "template"]


async def test_two_windows_of_one_account_are_told_apart() -> None:
    """A client against a sim with the shared clock keeps the same windows as the account's own book."""
    async with line() as wired:
        await wired.sim.tap_menu("o1", "BOOK")
        assert wired.sim.window("o1")["left"] == 3
        await wired.sim.user_text("o1", "hi")
        assert wired.sim.window("o1")["left"] == 5
        assert wired.sim.window("o2")["left"] == 0
        client = WeChatClient(wired.client.account, wired.sim.clock)
        assert code(await client.send_text("o2", "好")) == 45015
        await client.close()
