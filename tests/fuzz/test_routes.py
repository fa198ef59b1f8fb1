"""Whatever is asked of a public route, it answers without a fault of its own: by anybody, by a signed-in administrator, and by a
vendor whose signature is right. Bounded in time; longer under `-m soak`."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from sqlalchemy import func, select

from care.patients.models import Patient
from channels.inbox.models import InboundMessage, Quarantined
from channels.wechat.codec import decode_aes_key, encrypt, sign
from content.articles.models import Article
from content.reading import links
from content.reading.links import LinkFor
from server.migrate import sync_engine
from store.clock import real_now
from store.database import Database
from tests.factories.servers import Postgres
from tests.fuzz.schema import STREAMS, describe
from tests.fuzz.served import Served, served

CI = os.environ.get("CI", "").lower() == "true"
SECONDS = 30.0 if CI else 15.0
"""For all routes together, once for each caller."""
SOAK_SECONDS = 900.0
ANSWER = 10.0
VENDOR_COMES = 3
"""A machine too busy to store in time says 503, and WeChat comes three times (channels/wechat/callback.py)."""
QUIET = settings(
    max_examples=20_000, deadline=None, database=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
"""Generate, and say what failed: the time is bounded by the tests themselves, which end with `TimeoutError`."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    if request.param == "sqlite":
        with served(folder) as running:
            yield running
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    with served(folder, postgres.url(name)) as running:
        yield running
    postgres.drop(name)


async def reading_link(url: str) -> str:
    """The token of a patient's link to an article of the demo."""
    database = Database(url)
    async with database.write("a link") as session:
        patient = (await session.scalars(select(Patient.id).limit(1))).one()
        article = (await session.scalars(select(Article).limit(1))).one()
        given = LinkFor(patient, article.id, article.live_revision or 1, article.topic, "chat")
        [path] = await links.issue(session, [given], real_now())
    await database.close()
    return path.removeprefix(links.PATH)


def operations(house: Served) -> list[Any]:
    known = {
        "account_id": [house.settings.wechat_account, house.settings.sms_account],
        "secret": house.settings.sms_callback_secret.split(","),
        "openid": ["oDemo_0001"],
        "number": ["+8613800138000", "13800138000"],
        "token": [asyncio.run(reading_link(house.settings.database))],
    }
    schema = schemathesis.openapi.from_dict(describe(house.app.routes, known))
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    return [one for one in found if not STREAMS.search(one.path) and not one.path.endswith("/_sim/faults")]


def fuzz(house: Served, headers: dict[str, str], seconds: float) -> tuple[int, set[str]]:
    """Requests made and routes reached. Fails with the requests that were answered with a fault."""
    todo = operations(house)
    assert len(todo) > 40, "the routes were not found"
    http, made = requests.Session(), 0
    reached: set[str] = set()
    faults: list[str] = []
    deadline = time.monotonic() + seconds
    for number, operation in enumerate(todo):
        share = (deadline - time.monotonic()) / (len(todo) - number)
        asked, fault = ask(house, operation, headers, http, time.monotonic() + max(share, 0.05))
        made += asked
        reached |= {operation.path} if asked else set()
        faults += [fault] if fault else []
    assert not faults, "\n".join(faults)
    return made, reached


def ask(
    house: Served, operation: Any, headers: dict[str, str], http: requests.Session, until: float
) -> tuple[int, str]:
    """Ask one route until then; how often, and what was answered with a fault."""
    made = 0

    @QUIET
    @given(case=operation.as_strategy())
    def once(case: Any) -> None:
        nonlocal made
        if made and time.monotonic() > until:
            raise TimeoutError
        made += 1
        answer = case.call(
            base_url=house.url, session=http, headers=headers, timeout=ANSWER, allow_redirects=False
        )
        asked = f"{case.method} {case.formatted_path} {case.query} {case.body!r}"
        not_ready = answer.status_code == 503 and operation.path == "/health/ready"  # no engine here: told so
        assert answer.status_code < 500 or not_ready, f"{answer.status_code} for {asked}"

    try:
        once()
    except TimeoutError:
        return made, ""
    except AssertionError as error:
        return made, str(error).split("\n")[0]
    return made, ""


def check(house: Served, headers: dict[str, str], seconds: float) -> None:
    made, reached = fuzz(house, headers, seconds)
    print(f"{made} requests to {len(reached)} routes")
    assert made > 300
    assert len(reached) == len({one.path for one in operations(house)})
    assert requests.get(f"{house.url}/health/live", timeout=ANSWER).status_code == 200
    assert not house.errors


def test_anybody(house: Served) -> None:
    check(house, {}, SECONDS)


def test_the_administrator(house: Served) -> None:
    check(house, house.sign_in(), SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_both_for_long(house: Served) -> None:
    check(house, {}, SOAK_SECONDS)
    check(house, house.sign_in(), SOAK_SECONDS)


NAMES = (
    "ToUserName", "FromUserName", "CreateTime", "MsgType", "Content", "MsgId", "Event", "EventKey", "MediaId", "Ticket",
    "bizmsgmenuid", "Latitude", "MsgID", "Status", "Recognition", "Format", "SubscribeMsgPopupEvent",
)  # fmt: skip
KINDS = ("text", "image", "voice", "event", "location", "link", "video", "shortvideo", "miniprogrampage")
EVENTS = (
    "subscribe", "unsubscribe", "SCAN", "CLICK", "VIEW", "LOCATION", "TEMPLATESENDJOBFINISH", "subscribe_msg_popup_event",
    "subscribe_msg_change_event", "subscribe_msg_sent_event", "MASSSENDJOBFINISH", "scancode_push",
)  # fmt: skip
anything = st.text(max_size=200)
values = st.recursive(
    anything | st.integers(-(2**63), 2**63) | st.none() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
)
senders, moments = st.sampled_from(["oDemo_0001", "oDemo_0002"]), st.integers(0, 10**11 - 1)
right = {"FromUserName": senders, "CreateTime": moments, "MsgType": st.sampled_from(KINDS)}
wrong = {"FromUserName": anything, "CreateTime": moments | anything, "MsgType": right["MsgType"] | anything}
extra = {name: values for name in NAMES if name not in right} | {
    "Event": st.sampled_from(EVENTS) | anything,
    "MsgId": st.integers(0, 2**63) | anything,
}
pushes = st.fixed_dictionaries(right, optional=extra) | st.fixed_dictionaries(wrong, optional=extra)
xml = pushes.map(
    lambda fields: (
        "<xml>"
        + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
        + "</xml>"
    ).encode("utf-8", "replace")
)


def count(house: Served) -> tuple[int, int]:
    engine = sync_engine(house.settings.database)
    with engine.connect() as rows:
        found = tuple(
            rows.scalar(select(func.count()).select_from(one)) or 0 for one in (InboundMessage, Quarantined)
        )
    engine.dispose()
    return found


def test_a_signed_push_of_anything_is_kept_or_quarantined(house: Served) -> None:
    """The vendor's own signature and cipher around whatever the strategies think of: never refused, never a fault."""
    token, appid = house.settings.wechat_token.split(",")[0], house.settings.wechat_appid
    key = decode_aes_key(house.settings.wechat_aes_key.split(",")[0])
    http, before, made = requests.Session(), count(house), 0
    until = time.monotonic() + SECONDS / 2

    def dumpable(fields: dict[str, Any]) -> bytes:
        return orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS)

    bodies = xml | pushes.filter(_is_json).map(dumpable) | st.binary(max_size=200)

    @given(body=bodies)
    @QUIET
    def push(body: bytes) -> None:
        nonlocal made
        if time.monotonic() > until:
            raise TimeoutError
        cipher, stamp = encrypt(body, key, appid), str(int(time.time()))
        query = {
            "timestamp": stamp, "nonce": "n", "encrypt_type": "aes", "msg_signature": sign(token, stamp, "n", cipher),
        }  # fmt: skip
        for _ in range(VENDOR_COMES):
            answer = http.post(
                f"{house.url}/wx/{house.settings.wechat_account}", params=query, timeout=ANSWER,
                data=f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>".encode(),
            )  # fmt: skip
            made += 1
            if answer.status_code != 503:
                break
        assert answer.status_code == 200, (
            f"{answer.status_code} for {base64.b64encode(body).decode()}: {body!r}"
        )

    with suppress(TimeoutError):
        push()
    kept, quarantined = (after - first for after, first in zip(count(house), before, strict=True))
    print(f"{made} pushes: {kept} kept, {quarantined} in quarantine")
    assert made > 200 and kept > 20 and quarantined > 20
    assert kept + quarantined <= made


def _is_json(fields: dict[str, Any]) -> bool:
    try:
        orjson.dumps(fields)
    except (TypeError, ValueError):
        return False
    return True


item = st.dictionaries(
    st.sampled_from(
        ["phone_number", "send_time", "content", "sequence_id", "dest_code", "sign_name", "biz_id", "out_id", "success",
         "report_time", "err_code", "err_msg", "sms_size"]
    ),
    st.sampled_from(["13800138000", "2026-11-22 08:30:00", "DELIVERED", True, False, 1, "1"]) | values,
)  # fmt: skip


def test_an_sms_push_of_anything_is_acknowledged(house: Served) -> None:
    secret = house.settings.sms_callback_secret.split(",")[0]
    http, made = requests.Session(), 0
    until = time.monotonic() + SECONDS / 2

    @given(batch=st.lists(item.filter(_is_json), max_size=4), way=st.sampled_from(["up", "report"]))
    @QUIET
    def push(batch: list[dict[str, Any]], way: str) -> None:
        nonlocal made
        if time.monotonic() > until:
            raise TimeoutError
        url = f"{house.url}/sms/aliyun/{secret}/{way}"
        answer = http.post(url, data=orjson.dumps(batch), timeout=ANSWER)
        made += 1
        assert answer.status_code == 200, f"{answer.status_code} for {way} {batch!r}"
        assert answer.json()["code"] == 0

    with suppress(TimeoutError):
        push()
    print(f"{made} pushes")
    assert made > 200
