"""The articles' desk, as the house hands it its parts."""

from __future__ import annotations

from dataclasses import replace

from content.articles.pages import ArticleDesk
from server.articles import draft_box, review_rules
from server.faq import sms_frame
from server.house import House


def article_desk(house: House) -> ArticleDesk:
    """The desk's side of `house`. Education by SMS says how to refuse more of it: the vendors' kind for it is marketing."""
    return ArticleDesk(
        database=house.database,
        clock=house.clock,
        rules=review_rules(house.settings),
        frame=replace(sms_frame(house), kind="marketing"),
        boxes={account: draft_box(house, account) for account in house.vendors.clients},
    )
