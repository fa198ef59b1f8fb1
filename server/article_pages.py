"""The articles' desk, as the house hands it its parts."""

from __future__ import annotations

from dataclasses import replace

from content.articles.pages import ArticleDesk
from content.sms.lint import SmsFrame, article_tail
from server.articles import draft_box, review_rules
from server.faq import sms_frame
from server.house import House

PATH = "/r/Xk3v9QpLm2Zt8WcA"
"""A link's path as long as they are (`content.reading.links`)."""


def article_frame(house: House) -> SmsFrame:
    """What stands around an article's SMS, with a path as long as a reader's own."""
    tail = house.catalogue.sms_text(article_tail()).replace("${path}", PATH)
    return replace(sms_frame(house), tail=tail, kind="marketing")


def article_desk(house: House) -> ArticleDesk:
    """The desk's side of `house`. Education by SMS says how to refuse more of it: the vendors' kind for it is marketing."""
    return ArticleDesk(
        database=house.database,
        clock=house.clock,
        rules=review_rules(house.settings),
        frame=article_frame(house),
        boxes={account: draft_box(house, account) for account in house.vendors.clients},
    )
