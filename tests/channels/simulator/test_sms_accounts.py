"""A stand-in made from the house's own accounts: all three send to it and are called back by it."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI

from channels.ports import Outcome, Rendered
from channels.simulator.sms_accounts import sms_simulator_for
from channels.simulator.sms_rules import SimSmsConfig
from channels.sms.drivers import make_router, make_sender
from store.clock import VirtualClock
from tests.channels.simulator.serving import House, serve, until
from tests.channels.simulator.sms_lines import (
    ABROAD,
    ALIYUN,
    PHONE,
    SECRET,
    TEMPLATES,
    TENCENT,
    TWILIO,
    VALUES,
)


async def test_every_account_of_the_house() -> None:
    house, app, clock = House(), FastAPI(), VirtualClock()
    async with serve(app) as home:
        accounts = [
            replace(ALIYUN, access_key_id="own", base_url=f"{home}/sim/sms"),
            replace(ALIYUN, account_id="second", callback_secrets=("z" * 24,)),
            replace(TENCENT, secret_id="own", sdk_app_id="77", base_url=f"{home}/sim/sms"),
            replace(TWILIO, callback_base=home, base_url=f"{home}/sim/sms", callback_secrets=(SECRET,)),
        ]
        app.include_router(make_router(accounts, house, house, clock))
        config = SimSmsConfig(templates=TEMPLATES, receipt_delay=0.02)
        sim_app = sms_simulator_for(accounts, home, config, clock, default="ten")
        app.mount("/sim/sms", sim_app)
        await sim_app.state.sim.user_text(ABROAD, "first")
        assert house.messages.pop().account_id == "ten"
        message = Rendered(text="您好", template_code="1001", variables=VALUES)
        for account in (accounts[0], *accounts[2:]):
            sender = make_sender(account, clock, sending_abroad=True)
            assert (await sender.send(PHONE, message, account.account_id)).outcome is Outcome.ACCEPTED
            await sender.close()
            await sim_app.state.sim.user_text(PHONE, account.account_id)
        await until(lambda: len(house.receipts) == 3)
        assert {one.account_id for one in house.receipts} == {"ali", "ten", "twi"}
        assert [(one.account_id, one.text) for one in house.messages] == [
            ("ali", "ali"),
            ("ten", "ten"),
            ("twi", "twi"),
        ]
        await sim_app.state.sim.close()
