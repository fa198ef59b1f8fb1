"""Reports that come after an enquiry found a message accepted: the vendor's own number is learnt from them only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from channels.outbox.delivery import Delivery
from channels.outbox.enquiry import ASK_AFTER
from channels.ports import Outcome, Receipt
from store.clock import VirtualClock
from store.database import Database
from tests.channels.outbox.test_enquiry import Telling, state, uncertain_one
from tests.factories.messages import ACCOUNTS, SMS


@pytest.mark.parametrize(("ok", "ends"), [(True, "delivered"), (False, "failed")])
async def test_a_report_after_the_enquiry_is_the_messages(
    database: Database, clock: VirtualClock, worker: Callable[..., Delivery], ok: bool, ends: str
) -> None:
    message, enquiry = await uncertain_one(database, clock, Telling(Outcome.ACCEPTED), worker)
    clock.advance(ASK_AFTER[0])
    assert await enquiry.run_once() == 1
    report = Receipt(SMS, ACCOUNTS[SMS], "v-1", str(message.id), ok, "DELIVERED" if ok else "UNDELIV")
    assert await enquiry._receipts.record([report]) == []
    assert (await state(database, message))[0] == ends
