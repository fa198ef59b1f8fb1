"""The editors' FAQ pages and the grouping of unanswered questions, as the house hands them their parts."""

from __future__ import annotations

from content.faq.pages import FaqDesk
from content.faq.rules import SmsFrame
from content.faq.search import sms_tail
from language.grouping import GroupingSettings
from server.house import House


def faq_desk(house: House) -> FaqDesk:
    """The pages' side of `house`."""
    return FaqDesk(
        database=house.database,
        clock=house.clock,
        index=house.faq,
        frame=SmsFrame(house.vendors.sms.sign, house.catalogue.sms_text(sms_tail())),
        regroup=house.questions.refresh,
        same=GroupingSettings.load().same,
    )
