"""What the demo's WeChat shows after a restart: the menu staff published."""

from __future__ import annotations

from typing import Any

from channels.wechat.console import service
from channels.wechat.console.content import Content
from server.wechat_pages import menu_put_up
from store.clock import VirtualClock
from store.database import Database

BEGINS: dict[str, Any] = {"button": [{"type": "click", "name": "帮助", "key": "HELP"}]}
NEW: dict[str, Any] = {"button": [{"type": "click", "name": "预约", "key": "BOOK"}]}


async def test_the_menu_published_last_is_up_after_a_restart(database: Database, clock: VirtualClock) -> None:
    assert await menu_put_up(database, "hospital", BEGINS) == BEGINS
    for menu, shown in ((NEW, NEW), ({"button": []}, None)):
        async with database.write("a publication") as session:
            await service.publish(
                session, "hospital", Content(menu, "", []), note="", staff_id=None, now=clock.now()
            )
        assert await menu_put_up(database, "hospital", BEGINS) == shown
        assert await menu_put_up(database, "other", BEGINS) == BEGINS
