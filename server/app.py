"""The application: callbacks, pages, simulators, health; its workers run beside it in the same loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI

from care.gate.reasons import words
from channels.inbox.service import Inbox
from channels.ops.pages import ops_router
from channels.simulator.feed import database_feed
from channels.simulator.pages import PhoneLook, phones_router
from channels.simulator.sms_accounts import sms_simulator_for
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.simulator.wechat import create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.sms.drivers import make_router
from channels.sms.template import Kind, SmsTemplate
from channels.wechat.callback import callback_router
from channels.wording import registry
from content.articles.pages import articles_router
from content.faq.pages import faq_router
from content.media.pages import MediaDesk, media_desk_router
from content.media.serving import media_router
from server.alerts import add_alerts
from server.article_pages import article_desk
from server.articles import shelf
from server.audiences import add_audiences
from server.campaign_pages import add_campaigns
from server.clinics import add_clinics
from server.coming import add_coming
from server.demo.people import DemoDirectory, followers
from server.desk import add_desk
from server.faq import faq_desk
from server.followup import add_followup
from server.greetings import add_greetings
from server.health import health_router
from server.hl7 import add_hl7
from server.house import House
from server.insight import add_insight
from server.observations import add_observations
from server.ops import navigation, ops_house, phone_notices
from server.patients import add_patients
from server.plan_pages import add_plan_pages
from server.privacy import add_privacy
from server.questionnaire_pages import add_questionnaire_pages
from server.questionnaires import add_questionnaires
from server.reading import add_reading
from server.recovery import add_recovery
from server.signin import add_sign_in
from server.systems import add_systems
from server.trail import add_audit
from server.wechat_pages import add_wechat_pages, menu_put_up
from server.wecom import add_wecom_simulator
from server.wording import page_words
from store.clock import VirtualClock
from web.home import HomeLink, home_router
from web.shell import install_shell


def create_app(house: House) -> FastAPI:
    """The public application over a house whose `prepare` has run."""
    settings = house.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await house.start()
        yield
        for name in ("wechat_sim", "sms_sim"):
            sim = getattr(app.state, name, None)
            if sim is not None:
                await sim.close()
        await house.close()

    app = FastAPI(title="Banyi", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.database = house.database
    app.state.clock = house.clock
    app.state.house = house
    app.state.hospital_name = settings.hospital_name
    app.state.rate_storage_url = settings.redis_url or "memory://"
    install_shell(app)
    inbox: Inbox = house.inbound.inbox
    app.include_router(
        callback_router(
            house.vendors.accounts.wechat, inbox, house.clock, house.outbound.passive, house.vendors.nonces
        )
    )
    app.include_router(
        make_router(house.vendors.accounts.sms.values(), inbox, house.outbound.receipts, house.clock)
    )
    app.include_router(health_router(house))
    add_sign_in(app, settings)
    add_audit(app, house)
    add_wechat_pages(app, house)
    app.include_router(ops_router(ops_house(house)))
    app.include_router(faq_router(faq_desk(house)))
    app.include_router(articles_router(article_desk(house)))
    add_audiences(app, house)
    add_reading(app, house)
    add_observations(app, house)
    add_questionnaire_pages(app, house)
    add_campaigns(app, house)
    add_coming(app, house)  # /insight/no-show before /insight/{…}
    add_insight(app, house)
    add_privacy(app, house)
    add_recovery(app, house)
    add_followup(app, house)
    add_greetings(house)
    add_desk(app, house)
    add_patients(app, house)
    add_questionnaires(app, house)
    add_plan_pages(app, house)
    add_alerts(app, house)
    add_clinics(app, house)
    add_systems(app, house)
    add_hl7(house)
    app.include_router(media_router(house.database, shelf(settings)))
    app.include_router(media_desk_router(MediaDesk(house.database, house.clock, shelf(settings))))
    app.state.nav = navigation(simulators=settings.simulators)
    links = [HomeLink(**link) for link in page_words()["home"]]
    if settings.simulators:
        _add_simulators(app, house)
    else:
        links = [link for link in links if link.href != "/phones"]
    app.include_router(home_router(links))
    return app


def _add_simulators(app: FastAPI, house: House) -> None:
    settings = house.settings
    assert isinstance(house.clock, VirtualClock)
    wechat = create_wechat_simulator(
        SimWeChatConfig(
            appid=settings.wechat_appid,
            secret=settings.wechat_secret,
            token=house.vendors.wechat.tokens[0],
            aes_key=house.vendors.wechat.aes_keys[0] if house.vendors.wechat.aes_keys else "",
            mode=settings.wechat_mode,
            account_type=settings.wechat_account_type,
            followers=followers(),
            templates=house.vendors.notices.simulator_templates(),
        ),
        f"{settings.loopback}/wx/{house.vendors.wechat.account_id}",
        clock=house.clock,
    )
    sms = sms_simulator_for(
        house.vendors.accounts.sms.values(),
        settings.loopback,
        SimSmsConfig(
            notice_daily=2000,
            number_daily=2000,
            code_limits={60.0: 5, 3600.0: 50},
            tencent=SimTencentConfig(phone_limits={}, same_content_daily=2000),
        ),
        clock=house.clock,
        default=house.vendors.accounts.sms_default,
    )
    app.state.wechat_sim, app.state.sms_sim = wechat.state.sim, sms.state.sim

    async def register() -> None:
        """The hospital's templates, as the vendor's reviewers approved them."""
        async with house.database.read("sim-templates") as session:
            rows = await registry.approved(session)
        templates: Mapping[str, SmsTemplate] = {
            row.code: SmsTemplate(
                code=row.code,
                key=f"{row.key}#{row.options}",
                text=row.text,
                sign=settings.sms_sign,
                kind=cast("Kind", row.kind),
                state="approved",
            )
            for row in rows
        }
        for code, template in templates.items():
            sms.state.sim.rules.templates[code] = template

    house.templates.on_change.append(register)
    app.mount("/sim/wechat", wechat)
    app.mount("/sim/sms", sms)
    add_wecom_simulator(app, settings)
    look = PhoneLook(account_name=settings.hospital_name, notices=phone_notices(house))
    begins = wechat.state.sim.rules.menu = look.menu_payload()

    async def put_up_menu() -> None:
        """What staff published is still up after a restart, as it is at the vendor's."""
        if wechat.state.sim.rules.menu is begins:
            wechat.state.sim.rules.menu = await menu_put_up(
                house.database, house.vendors.wechat.account_id, begins
            )

    house.templates.on_change.append(put_up_menu)
    feed = database_feed(house.database, house.vendors.wechat.account_id, house.vendors.sms.account_id, words)
    app.include_router(
        phones_router(
            DemoDirectory(),
            wechat.state.sim,
            sms.state.sim,
            feed,
            look=look,
            clock=house.clock,
            moved=house.outbound.delivery.wake,
        )
    )
