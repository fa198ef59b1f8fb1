"""The editors' FAQ pages and the grouping of unanswered questions, as the house hands them their parts."""

from __future__ import annotations

from content.faq.pages import FaqDesk
from content.faq.search import sms_tail
from content.sms.lint import SmsFrame
from language.grouping import GroupingSettings
from server.house import House


def sms_frame(house: House) -> SmsFrame:
    """What stands around a text of ours in an SMS of the first account, and what a part of it costs."""
    tail = house.catalogue.sms_text(sms_tail())
    return SmsFrame(house.vendors.sms.sign, tail, price=house.settings.sms_part_price)


def faq_desk(house: House) -> FaqDesk:
    """The pages' side of `house`."""
    return FaqDesk(
        database=house.database,
        clock=house.clock,
        index=house.faq,
        frame=sms_frame(house),
        regroup=house.questions.refresh,
        same=GroupingSettings.load().same,
    )
