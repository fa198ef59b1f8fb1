"""The SMS stand-in that answers the accounts a house has: their keys, signatures and callback addresses taken from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fastapi import FastAPI

from channels.simulator.sms import create_sms_simulator
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.simulator.sms_twilio_rules import SimTwilioConfig
from channels.sms.aliyun import AliyunAccount
from channels.sms.port import CallbackAccount, SmsAccount
from channels.sms.tencent import TencentAccount
from channels.sms.twilio import TwilioAccount
from store.clock import VirtualClock


def sms_simulator_for(
    accounts: Iterable[SmsAccount],
    home: str,
    config: SimSmsConfig,
    clock: VirtualClock | None = None,
    default: str = "",
) -> FastAPI:
    """One stand-in for the first account of each vendor called over HTTP; `home` is the house's own address, `config` the rest
    of the rules (those of a vendor without an account are left out). Phones nobody wrote to yet answer to the account named
    `default`, else to the first. A carrier's gateway has a stand-in of its own."""
    up = report = ""
    served: list[SmsAccount] = [one for one in accounts if isinstance(one, CallbackAccount)]
    tencent_rules, twilio_rules = config.tencent, config.twilio
    config = replace(config, tencent=None, twilio=None)
    for account in reversed(served):
        if isinstance(account, AliyunAccount):
            up, report = _callbacks(account, home)
            config = replace(config, access_keys={account.access_key_id: account.access_key_secret})
        elif isinstance(account, TencentAccount):
            tencent_up, tencent_report = _callbacks(account, home)
            tencent = tencent_rules or SimTencentConfig()
            config = replace(
                config,
                tencent=replace(
                    tencent,
                    up_url=tencent_up,
                    report_url=tencent_report,
                    keys={account.secret_id: account.secret_key},
                    sdk_app_ids=(account.sdk_app_id,),
                    variable_chars=account.variable_chars,
                ),
            )
        elif isinstance(account, TwilioAccount):
            twilio = twilio_rules or SimTwilioConfig()
            config = replace(
                config,
                twilio=replace(
                    twilio,
                    up_url=_callbacks(account, account.callback_base)[0],
                    accounts={account.account_sid: account.auth_token},
                    numbers=(account.from_number or twilio.numbers[0],),
                    messaging_services=(account.messaging_service_sid,)
                    if account.messaging_service_sid
                    else (),
                ),
            )
        if account.sign:
            config = replace(config, signs={**config.signs, account.sign: "approved"})
    app = create_sms_simulator(config, up, report, clock)
    if served:
        first = next((one for one in served if one.account_id == default), served[0])
        app.state.sim.handsets.default = first.driver
    return app


def _callbacks(account: CallbackAccount, home: str) -> tuple[str, str]:
    base = f"{home.rstrip('/')}/sms/{account.driver}/{account.callback_secrets[0]}"
    return f"{base}/up", f"{base}/report"
