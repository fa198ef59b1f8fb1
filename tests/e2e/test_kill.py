"""kill -9 of the application and of Rasa with 500 messages in flight: nothing lost, nothing said twice.

The vendors run apart and keep count of what they accepted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from tests.e2e.conftest import kept_on_failure
from tests.e2e.crowd import (
    Crowd,
    check_every_message,
    everything_ends,
    followers,
    known,
    last_seen,
    started_sends,
    statuses,
    unfinished,
)
from tests.e2e.installation import Installation, wait_until
from tests.factories.servers import Postgres

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

WECHAT_PATIENTS, EACH_WECHAT = 125, 2
"""Two each: five customer messages are WeChat's limit until the patient writes again, `please_wait` among them."""
SMS_PATIENTS, EACH_SMS = 40, 10
MESSAGES = WECHAT_PATIENTS * EACH_WECHAT + SMS_PATIENTS * EACH_SMS
IN_FLIGHT = 500
"""Messages taken in and not yet answered when the process is killed."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def crowd(model: None, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation whose vendors are processes of their own, with people enough."""
    postgres: Postgres | None = None
    url = name = ""
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        name = postgres.create()
        url = postgres.url(name)
    with kept_on_failure(request.session, "crowd") as folder:
        installation = Installation(
            folder, url, own_vendors=True, wechat_followers=followers(WECHAT_PATIENTS)
        )
        try:
            installation.start()
            yield installation
        finally:
            installation.stop()
            if postgres is not None:
                postgres.drop(name)


def test_kill_the_application(crowd: Installation) -> None:
    before, count = known(crowd), last_seen(crowd)
    writers = Crowd(crowd, (WECHAT_PATIENTS, EACH_WECHAT), (SMS_PATIENTS, EACH_SMS))
    writing = threading.Thread(target=writers.write)
    writing.start()
    wait_until(lambda: unfinished(crowd) >= IN_FLIGHT, "500 messages are in flight", 90, 0.01)
    crowd.app.kill()
    in_flight = started_sends(crowd)
    waiting = unfinished(crowd)
    print(f"killed: {writers.taken} taken, {waiting} unfinished, {in_flight} at the vendors")
    assert waiting >= IN_FLIGHT - 20
    time.sleep(1)
    crowd.app.start()
    crowd.wait_ready()
    writing.join(120)
    assert not writing.is_alive()
    everything_ends(crowd, 180)
    stored = last_seen(crowd) - count
    assert writers.taken <= stored <= MESSAGES, f"{writers.taken} were acknowledged, {stored} are stored"
    assert writers.taken + writers.refused == MESSAGES, (
        "a push the vendor gave up is one the patient was told of"
    )
    check_every_message(crowd, before, in_flight)


def test_kill_rasa(crowd: Installation) -> None:
    assert crowd.rasa is not None
    before, count = known(crowd), last_seen(crowd)
    uncertain = statuses(crowd, OutboundMessage)["uncertain"]
    writers = Crowd(crowd, (WECHAT_PATIENTS, EACH_WECHAT), (SMS_PATIENTS, EACH_SMS))
    writing = threading.Thread(target=writers.write)
    writing.start()
    wait_until(lambda: unfinished(crowd) >= IN_FLIGHT, "500 messages are in flight", 90, 0.01)
    crowd.rasa.kill()
    assert statuses(crowd, InboundMessage)["received"] > 16
    time.sleep(1)
    crowd.rasa.start()
    writing.join(120)
    crowd.wait_ready()
    everything_ends(crowd, 180)
    assert (writers.refused, last_seen(crowd) - count) == (0, MESSAGES)
    assert statuses(crowd, OutboundMessage)["uncertain"] == uncertain, "Rasa's end makes no send uncertain"
    check_every_message(crowd, before, uncertain)
