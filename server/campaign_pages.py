"""The campaigns' pages, as the house hands them their parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.gate.reasons import words
from channels.ports import ChannelName
from channels.reply import Reply
from channels.sms.template import signed
from channels.wechat.wording import as_text
from content.articles.sendable import ArticleContents
from content.audiences.counting import Counter
from content.campaigns.pages import CampaignDesk, campaigns_router
from content.campaigns.pages.rehearsing import DryRuns
from server.house import House
from server.rehearsal import rehearsal


def add_campaigns(app: FastAPI, house: House) -> None:
    """Their routes on `app`, the counts and dry runs they begin in the house's background work."""
    counter = Counter(house.database, house.clock)
    dry_runs = DryRuns(house.database, rehearsal(house))
    house.work.everywhere += [counter.run, dry_runs.run]
    wechat = [("wechat", account) for account in house.vendors.clients]
    sms = [("sms", account) for account in house.vendors.accounts.sms]

    def speak(reply: Reply, channel: str) -> str:
        """As the first account of the channel would say it."""
        try:
            if channel == ChannelName.WECHAT:
                return as_text(house.catalogue.render_wechat(reply, None))
            account = house.vendors.sms
            rendered = house.catalogue.render_sms(reply, account.account_id)
        except KeyError:
            return ""
        return signed(rendered.text, house.settings.sms_sign) if rendered is not None else ""

    desk = CampaignDesk(
        database=house.database,
        clock=house.clock,
        counter=counter,
        contents=ArticleContents(house.clock),
        explain=words,
        speak=speak,
        dry_runs=dry_runs,
        base=house.settings.base,
        accounts=[*wechat, *sms],
        wake=house.outbound.delivery.wake,
    )
    app.include_router(campaigns_router(desk))
