"""Questionnaires' definitions and files, and the job that sends out, reminds of and ends what was assigned."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from fastapi import FastAPI

from actions.questionnaires.saying import question
from care.desk.pages.desk import Desk
from care.questionnaires.after_visits import ask_after_visits
from care.questionnaires.asking import Chasing, ask_due
from care.questionnaires.download import download_router
from care.questionnaires.editor.desk import QuestionnaireDesk
from care.questionnaires.editor.pages import editor_router
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import Position
from care.questionnaires.parts import Definition, Item
from channels.ports import ChannelName
from channels.sms.template import signed
from channels.wechat.wording import as_text
from server.house import House
from store.rounds import rounds

EVERY = 5.0
"""Seconds between two looks for what is due."""


def add_questionnaires(app: FastAPI, house: House) -> None:
    """Their routes on `app`, and their background work."""
    days = house.settings.questionnaire_chase_days.split(",")
    chasing = Chasing(tuple(timedelta(days=float(one)) for one in days))
    house.work.workers.append(
        lambda: rounds("questionnaires.asking_failed", EVERY, partial(_ask, house, chasing))
    )
    if hours := house.settings.ask_after_visit_hours:
        after = partial(ask_after_visits, house.database, house.clock, timedelta(hours=hours))
        house.work.workers.append(lambda: rounds("questionnaires.visits_failed", EVERY, after))
    app.include_router(download_router(Desk(house.database, house.clock)))

    def speak(definition: Definition, item: Item, channel: str) -> str:
        """As the first account of the channel would put it; the bare question where it has no words for it."""
        here = Position(definition, item, item.number, item.total, {})
        reply = question(
            definition, QuestionnaireResponse(revision=0), here, item, sms=channel == ChannelName.SMS
        )
        try:
            if channel == ChannelName.WECHAT:
                return as_text(house.catalogue.render_wechat(reply, None))
            if channel == ChannelName.SMS and channel in definition.channels:
                rendered = house.catalogue.render_sms(reply, house.vendors.sms.account_id)
                return signed(rendered.text, house.settings.sms_sign) if rendered is not None else item.text
        except KeyError:
            pass
        return item.text

    app.include_router(editor_router(QuestionnaireDesk(house.database, house.clock, speak)))


async def _ask(house: House, chasing: Chasing) -> None:
    if await ask_due(house.database, house.clock.now(), chasing):
        house.outbound.queued()
