"""Questionnaires' definitions and files, as the house hands them their parts."""

from __future__ import annotations

import re

from fastapi import FastAPI

from actions.turn import option
from care.desk.pages.desk import Desk
from care.questionnaires.download import download_router
from care.questionnaires.editor.desk import QuestionnaireDesk
from care.questionnaires.editor.pages import editor_router
from care.questionnaires.parts import Definition, Item
from channels.ports import ChannelName
from channels.reply import Reply
from channels.sms.template import signed
from channels.wechat.wording import as_text
from server.house import House


def add_questionnaires(app: FastAPI, house: House) -> None:
    """Their routes on `app`."""
    app.include_router(download_router(Desk(house.database, house.clock)))

    def speak(definition: Definition, item: Item, channel: str) -> str:
        """As the first account of the channel would put it; the bare question where it has no words for it."""
        reply = _asked(item)
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


def _asked(item: Item) -> Reply:
    return Reply(
        "survey.item",
        {
            "n": item.number,
            "count": item.total,
            "question": item.text,
            "question_short": re.split("[。？?]", item.text)[0],
        },
        tuple(option(one.code, one.label) for one in item.choices),
    )
