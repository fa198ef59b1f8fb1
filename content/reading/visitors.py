"""Who is no reader (previews, crawlers), and how often one link or address may speak."""

from __future__ import annotations

import re

from web.limits import Limits

_BOTS = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|preview|monitor|scan|fetch|headless|phantom|lighthouse|facebookexternalhit|whatsapp/"
    r"|wechatshare|mpcrawler|qqbrowser-spider|bytespider|python|aiohttp|httpx|curl|wget|okhttp|java/|go-http|libwww|^$",
    re.IGNORECASE,
)
"""Programs that say what they are: preview services of messengers and phones, search engines, HTTP libraries. Those that do not
are held off by what the page's own script asks for before it counts: seconds in sight."""

PER_LINK, PER_ADDRESS, MISSES = "120/minute", "3000/minute", "30/minute"
"""Beacons of one link; beacons of one address (a ward's Wi-Fi, or thousands of a carrier's phones); links tried from one address that
lead nowhere."""


def is_bot(agent: str) -> bool:
    """Whether `User-Agent` is a program's, or missing."""
    return _BOTS.search(agent.strip()) is not None


class Pace:
    """Counts in memory, or in Redis where several processes share the counts (`memory://`, `redis://…`)."""

    def __init__(self, storage_url: str = "memory://") -> None:
        self._limits = Limits(storage_url)

    async def allows(self, link: str, address: str) -> bool:
        """Count this; False when there were too many."""
        by_link = await self._limits.allow(PER_LINK, "reading", "link", link)
        by_address = await self._limits.allow(PER_ADDRESS, "reading", "ip", address)
        return by_link and by_address

    async def may_miss(self, address: str) -> bool:
        """Count an address that led nowhere; False when there were too many."""
        return await self._limits.allow(MISSES, "reading", "miss", address)

    async def first(self, what: str) -> bool:
        """Whether `what` happens for the first time today: how anonymous looks are counted once without being kept."""
        return await self._limits.allow("1/day", "reading", "once", what)
