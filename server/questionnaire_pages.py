"""Questionnaires on patients' phones and at the desk, as the house hands them their parts."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from care.questionnaires.pages.answering import answering_router
from care.questionnaires.pages.desk import questionnaires_router
from care.questionnaires.pages.public import PublicDesk
from care.questionnaires.pages.staff import QuestionnaireDesk
from channels.reply import Reply
from channels.wechat.wording import as_text
from server.house import House
from web.limits import Limits


def add_questionnaire_pages(app: FastAPI, house: House) -> None:
    """Routes of `/q` and `/desk/questionnaires` on `app`."""
    settings = house.settings

    def speak(reply: Reply) -> str:
        return as_text(house.catalogue.render_wechat(reply, None))

    public = PublicDesk(
        database=house.database,
        clock=house.clock,
        limits=Limits(settings.redis_url or "memory://"),
        hospital=settings.hospital_name,
        landline=settings.landline,
        account_id=house.vendors.wechat.account_id,
        link_lasts=timedelta(days=settings.questionnaire_link_days),
        speak=speak,
    )
    app.include_router(answering_router(public))
    desk = QuestionnaireDesk(
        database=house.database,
        clock=house.clock,
        hospital=settings.hospital_name,
        landline=settings.landline,
        site=settings.base,
        sms_account=settings.sms_account,
        link_lasts=public.link_lasts,
        code_lasts=timedelta(hours=settings.questionnaire_code_hours),
    )
    app.include_router(questionnaires_router(desk))
