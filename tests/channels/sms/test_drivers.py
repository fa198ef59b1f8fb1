"""Drivers by name: what each can do, and that nothing leaves the country unasked."""

from __future__ import annotations

import pytest

from channels.sms.drivers import DRIVERS, SendingAbroadForbidden, driver_of, make_sender
from channels.sms.port import StatusQuery
from store.clock import Clock
from tests.channels.simulator.sms_lines import ALIYUN, TENCENT, TWILIO


async def test_each_driver_states_what_it_can_do() -> None:
    for account, name, template_only, abroad, query in (
        (ALIYUN, "aliyun", True, False, True),
        (TENCENT, "tencent", True, False, True),
        (TWILIO, "twilio", False, True, False),
    ):
        assert driver_of(account) == account.driver == name
        sender = make_sender(account, Clock(), sending_abroad=True)
        told = sender.capabilities
        assert (told.template_only, told.free_text) == (template_only, not template_only)
        assert told.needs_optin_abroad is abroad is DRIVERS[name].abroad
        assert told.supports_status_query is query is isinstance(sender, StatusQuery)
        await sender.close()


def test_nothing_leaves_the_country_unasked() -> None:
    with pytest.raises(SendingAbroadForbidden, match="BANYI_ALLOW_SENDING_ABROAD"):
        make_sender(TWILIO, Clock())
    assert make_sender(TENCENT, Clock()).capabilities.template_only


def test_an_unknown_account_is_named() -> None:
    with pytest.raises(TypeError, match="int"):
        driver_of(3)


def test_accounts_hide_their_secrets() -> None:
    for account in (ALIYUN, TENCENT, TWILIO):
        shown = repr(account)
        for hidden in ("demo-key-secret", "demo-secret-key", "demo-auth-token", account.callback_secrets[0]):
            assert hidden not in shown
