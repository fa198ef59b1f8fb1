"""The campaigns' pages, as the house hands them their parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.gate.reasons import words
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
    desk = CampaignDesk(
        database=house.database,
        clock=house.clock,
        counter=counter,
        contents=ArticleContents(house.clock),
        explain=words,
        dry_runs=dry_runs,
        base=house.settings.base,
        accounts=[*wechat, *sms],
        wake=house.outbound.delivery.wake,
    )
    app.include_router(campaigns_router(desk))
