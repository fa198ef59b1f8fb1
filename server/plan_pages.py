"""The pages about care plans, as the house hands them their parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.editor.desk import Offer, PlanDesk, Short
from care.plans.editor.pages import editor_router
from care.plans.joining.foresee import Foreseen
from care.plans.joining.pages import JoiningDesk, joining_router
from care.plans.machine.journal import Journal
from channels.sms.template import count_parts
from content.articles import service, texts
from content.articles.refs import slug_of
from content.campaigns.texts import sms_texts
from content.sms import lint
from content.sms.lint import SmsFrame
from server.faq import sms_frame
from server.house import House
from server.plans import AudienceOffers
from server.timemachine.running import TimeMachine
from store.clock import Clock
from web.aside import Aside

KEPT = 120.0
"""Seconds a played plan is shown again, and after which one nobody asks for is given up."""


LOOKED = 30.0
"""Seconds what would come of an audience is shown again: it is looked at anew when it is confirmed."""


def add_plan_pages(app: FastAPI, house: House) -> None:
    """`/content/plans` on `app`."""
    trials = Aside[Journal](KEPT, at_once=1)
    house.work.everywhere.append(trials.run)

    def offered(session: AsyncSession) -> Awaitable[Sequence[Offer]]:
        return articles(session, house.clock)

    desk = PlanDesk(
        house.database,
        house.clock,
        offered,
        TimeMachine(house),
        trials,
        PlanShorts(sms_frame(house), house.catalogue.sms_text),
        house.templates.sync,
    )
    looks = Aside[Foreseen](LOOKED, at_once=1)
    house.work.everywhere.append(looks.run)
    offers = AudienceOffers(house.clock)
    app.include_router(
        joining_router(JoiningDesk(house.database, house.clock, offers, house.settings.gate, looks))
    )
    app.include_router(editor_router(desk))


async def articles(session: AsyncSession, clock: Clock) -> Sequence[Offer]:
    """Slug and title of what may be sent today, by title."""
    live = await texts.live(session, clock.local().date())
    return sorted((await service.titles(session, live)).items(), key=lambda one: one[1])


NOT_HERE = frozenset({"characters", "ends_with_mark"})
"""What is asked of an editor of FAQ entries and not of a plan's text, which was written for WeChat first."""
LONGEST = 600


class PlanShorts:
    """Implements `care.plans.editor.desk.ShortWords`. `fill`: puts the hospital's facts into a template."""

    def __init__(self, frame: SmsFrame, fill: Callable[[str], str]) -> None:
        self._frame, self._fill = frame, fill

    def look(self, text: str) -> Short:
        own, _, tail = text.partition("{landline}")
        frame = replace(self._frame, tail=self._fill("{landline}" + tail))
        found = [one for one in lint.check(own, frame, most=LONGEST) if one.code not in NOT_HERE]
        return Short(count_parts(frame.whole(own)), [lint.say(one) for one in found])

    async def articles(self, session: AsyncSession) -> Collection[str]:
        return {str(slug_of(ref)) for ref, _ in await sms_texts(session)}
