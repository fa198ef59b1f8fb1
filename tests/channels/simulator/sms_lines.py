"""Each SMS driver wired to the simulator and back to the house, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fastapi import FastAPI

from channels.simulator.sms import SmsSimulator, create_sms_simulator
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.simulator.sms_twilio_rules import SimTwilioConfig
from channels.sms.aliyun import AliyunAccount, AliyunSender
from channels.sms.drivers import make_router, make_sender
from channels.sms.template import SmsTemplate, TemplateRegistry
from channels.sms.tencent import TencentAccount, TencentSender
from channels.sms.twilio import TwilioAccount, TwilioSender
from store.clock import Clock, VirtualClock
from tests.channels.simulator.serving import House, serve

SECRET = "a-very-long-random-secret-1234"
PHONE = "+8613800138000"
ABROAD = "+12025550123"
SIGN = "和平医院"
TEMPLATES = (
    SmsTemplate("1001", "remind", "${name}，${when}就诊。回1确认 2取消，电话0571-12345678。", SIGN),
    SmsTemplate("1002", "code", "验证码${code}，5分钟内有效。", SIGN, kind="code"),
    SmsTemplate("1003", "news", "健康讲座本周六开讲。拒收请回复R", SIGN, kind="marketing"),
    SmsTemplate("1004", "draft", "审核中。", SIGN, state="pending"),
    SmsTemplate("1005", "long", "${a}，" + "长" * 490 + "。", SIGN),
)
VALUES = {"name": "王女士", "when": "11月26日9:20"}
ALIYUN = AliyunAccount(
    account_id="ali",
    sign=SIGN,
    access_key_id="demo-key-id",
    access_key_secret="demo-key-secret",
    callback_secrets=(SECRET,),
)
TENCENT = TencentAccount(
    account_id="ten",
    sign=SIGN,
    secret_id="demo-secret-id",
    secret_key="demo-secret-key",
    sdk_app_id="1400006666",
    callback_secrets=(SECRET,),
)
TWILIO = TwilioAccount(
    account_id="twi",
    sign="",
    account_sid="AC" + "0" * 32,
    auth_token="demo-auth-token",
    callback_base="http://127.0.0.1:1",
    callback_secrets=(SECRET,),
    from_number="+15005550006",
)


@dataclass
class Lines:
    """What a test holds: `url` is the vendors' surface, `home` the house's."""

    sim: SmsSimulator
    house: House
    url: str
    home: str
    aliyun: AliyunSender
    tencent: TencentSender
    twilio: TwilioSender

    def texts(self, number: str = PHONE) -> list[str]:
        return [event["text"] for event in self.sim.transcript(number) if event["direction"] == "out"]


@asynccontextmanager
async def lines(
    config: SimSmsConfig | None = None,
    tencent: SimTencentConfig | None = None,
    twilio: SimTwilioConfig | None = None,
    *,
    clock: VirtualClock | None = None,
    registry: TemplateRegistry | None = None,
) -> AsyncIterator[Lines]:
    """All three vendors at once; reports after 20 ms, repetitions after 50 ms unless the test says otherwise."""
    house, app = House(), FastAPI()
    quick = (0.05, 0.05, 0.05)
    config = config or SimSmsConfig(templates=TEMPLATES, receipt_delay=0.02, push_retries=quick)
    tencent = tencent or SimTencentConfig(receipt_delay=0.02, push_retries=quick[:2], phone_limits={})
    twilio = twilio or SimTwilioConfig(receipt_delay=0.02)
    own = clock or Clock()
    async with serve(app) as home:
        twilio_account = replace(TWILIO, callback_base=home)
        app.include_router(make_router([ALIYUN, TENCENT, twilio_account], house, house, own))
        base = f"{home}/sms/tencent/{SECRET}"
        tencent = replace(tencent, up_url=f"{base}/up", report_url=f"{base}/report")
        twilio = replace(twilio, up_url=f"{home}/sms/twilio/{SECRET}/up")
        base = f"{home}/sms/aliyun/{SECRET}"
        sim_app = create_sms_simulator(
            replace(config, tencent=tencent, twilio=twilio), f"{base}/up", f"{base}/report", clock
        )
        async with serve(sim_app) as url:
            senders = (
                AliyunSender(replace(ALIYUN, base_url=url), own, registry),
                TencentSender(replace(TENCENT, base_url=url), own, registry),
                make_sender(replace(twilio_account, base_url=url), own, sending_abroad=True),
            )
            assert isinstance(senders[2], TwilioSender)
            yield Lines(sim_app.state.sim, house, url, home, senders[0], senders[1], senders[2])
            for sender in senders:
                await sender.close()
