"""Who may call back at all: secret, network, size; and what belongs to nothing of ours."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from channels.ports import ChannelName, Receipt
from channels.sms.drivers import make_router
from channels.sms.port import CallbackAccount
from store.clock import Clock
from tests.channels.simulator.serving import House
from tests.channels.simulator.sms_lines import ALIYUN, SECRET, TENCENT

STATUS = [{"sid": "5000:1", "report_status": "SUCCESS"}]
REPORT = f"/sms/tencent/{SECRET}/report"


def client(house: House, *accounts: CallbackAccount, peer: str = "10.0.0.9") -> TestClient:
    app = FastAPI()
    app.include_router(make_router(accounts, house, house, Clock()))
    return TestClient(app, client=(peer, 1), raise_server_exceptions=True)


@pytest.mark.parametrize(
    ("networks", "proxies", "peer", "forwarded", "status"),
    [
        ((), (), "203.0.113.5", "", 200),
        (("203.0.113.0/24",), (), "203.0.113.5", "", 200),
        (("203.0.113.5",), (), "::ffff:203.0.113.5", "", 200),
        (("203.0.113.0/24",), (), "198.51.100.1", "", 403),
        (("203.0.113.0/24",), (), "198.51.100.1", "203.0.113.5", 403),  # a stranger's word for himself
        (("203.0.113.0/24",), ("10.0.0.0/8",), "10.0.0.9", "203.0.113.5", 200),
        (("203.0.113.0/24",), ("10.0.0.0/8",), "10.0.0.9", "203.0.113.5, 10.0.0.1", 200),
        (("203.0.113.0/24",), ("10.0.0.0/8",), "10.0.0.9", "203.0.113.5, 198.51.100.1", 403),
        (("203.0.113.0/24",), ("10.0.0.0/8",), "10.0.0.9", "", 403),
        (("203.0.113.0/24",), ("10.0.0.0/8",), "10.0.0.9", "nonsense", 403),
        (("2001:db8::/32",), (), "2001:db8::1", "", 200),
    ],
)
def test_networks(
    networks: tuple[str, ...], proxies: tuple[str, ...], peer: str, forwarded: str, status: int
) -> None:
    house = House()
    account = replace(TENCENT, callback_networks=networks, trusted_proxies=proxies)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = client(house, account, peer=peer).post(REPORT, content=orjson.dumps(STATUS), headers=headers)
    assert answer.status_code == status
    assert len(house.receipts) == (status == 200)


def test_size_limit_is_the_accounts() -> None:
    house = House()
    http = client(house, replace(TENCENT, max_body=50))
    assert http.post(REPORT, content=b"[" + b" " * 60).status_code == 413
    assert http.post(REPORT, content=iter([b"[" + b" " * 30, b" " * 30])).status_code == 413
    assert http.post(REPORT, content=orjson.dumps(STATUS)[:50]).status_code == 200


def test_a_secret_opens_its_own_driver_only() -> None:
    house = House()
    http = client(house, TENCENT, replace(ALIYUN, callback_secrets=("y" * 24,)))
    assert http.post(f"/sms/aliyun/{SECRET}/report", content=b"[]").status_code == 404
    assert http.post(f"/sms/nobody/{SECRET}/report", content=b"[]").status_code == 404
    assert http.post(f"/sms/aliyun/{'y' * 24}/report", content=b"[]").status_code == 200


def test_shared_secrets_and_wrong_networks_are_configuration_errors() -> None:
    with pytest.raises(ValueError, match="share"):
        client(House(), TENCENT, replace(TENCENT, account_id="other"))
    with pytest.raises(ValueError, match="300"):
        replace(TENCENT, callback_networks=("300.0.0.1",))


def receipt(vendor_id: str, ref: str = "") -> Receipt:
    return Receipt(ChannelName.SMS, "ten", vendor_id, ref, True, "", None)


def test_reports_of_nobodys_messages_are_quarantined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.sms.callback.SECOND_LOOK", 0.0)
    house = House(foreign=[receipt("5000:9"), receipt("5000:8", "ref")])
    rows = [{"sid": "5000:1"}, {"sid": "5000:8", "ext": "ref"}, {"sid": "5000:9"}]
    body = orjson.dumps([row | {"report_status": "SUCCESS"} for row in rows])
    answer = client(house, TENCENT).post(REPORT, content=body)
    assert answer.status_code == 200
    assert [one.vendor_id for one in house.receipts] == ["5000:1"]
    assert [(kept[1], kept[2], kept[3]) for kept in house.quarantined] == [
        ("ten", body, "2 of 3 match no message of ours")
    ]


def test_a_report_before_its_answer_finds_it_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor was quicker than its own answer, and says nothing but its number: it is looked up again."""
    monkeypatch.setattr("channels.sms.callback.SECOND_LOOK", 0.0)
    early = receipt("5000:1")
    house = House(foreign=[early])
    record = house.record

    async def known_by_then(receipts: list[Receipt]) -> list[Receipt]:
        unmatched = await record(receipts)
        house.foreign.clear()
        return unmatched

    monkeypatch.setattr(house, "record", known_by_then)
    assert client(house, TENCENT).post(REPORT, content=orjson.dumps(STATUS)).status_code == 200
    assert house.receipts == [early]
    assert house.quarantined == []
