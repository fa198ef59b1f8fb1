"""WeCom, as the house has it: the hospital's application, or the simulator's."""

from __future__ import annotations

from datetime import datetime

from fastapi import FastAPI

from care.reach.pages import words
from channels.ports import SendResult
from channels.reply import Reply
from channels.simulator.wecom import SimWeComConfig, create_wecom_simulator
from channels.wecom.client import REAL, Card, WeComAccount, WeComClient
from channels.wording.catalogue import Catalogue
from server.settings import Settings
from store.clock import Clock

PATHS = {"code": "/account/reach", "alert": "/desk/alerts", "overdue": "/desk/overdue?show=mine"}
"""What a card of each kind opens."""
_DEMO = WeComAccount("ww-demo", "demo-wecom-secret", 1000002)


def wecom_account(settings: Settings) -> WeComAccount | None:
    """None: the hospital has none."""
    if settings.wecom_corp_id:
        return WeComAccount(
            settings.wecom_corp_id,
            settings.wecom_secret,
            settings.wecom_agent_id,
            settings.wecom_base_url or REAL,
        )
    if settings.simulators:
        return WeComAccount(_DEMO.corp_id, _DEMO.secret, _DEMO.agent_id, f"{settings.loopback}/sim/wecom")
    return None


class CardPager:
    """Implements `care.reach.courier.Pager`: the wording's text on a card that opens the page it is about."""

    def __init__(self, client: WeComClient, catalogue: Catalogue, clock: Clock, site: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._clock = clock
        self._site = site

    async def send(self, user_id: str, kind: str, reply: Reply, at: datetime) -> SendResult:
        text = self._catalogue.render_wechat(reply, None).text
        # The time makes two calls two: the vendor drops the same words within ten minutes.
        said = words("card", "at", text=text, time=f"{self._clock.local(at):%m-%d %H:%M:%S}")
        card = Card(words("card", kind), said, f"{self._site}{PATHS[kind]}", words("card", "open"))
        return await self._client.send(user_id, card)

    async def close(self) -> None:
        await self._client.close()


def add_wecom_simulator(app: FastAPI, settings: Settings) -> None:
    """`/sim/wecom`, for the account the house uses in the demo."""
    account = wecom_account(settings)
    if account is not None:
        simulator = create_wecom_simulator(SimWeComConfig(account.corp_id, account.secret, account.agent_id))
        app.state.wecom_sim = simulator.state.sim
        app.mount("/sim/wecom", simulator)
