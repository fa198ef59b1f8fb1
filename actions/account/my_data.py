"""What we hold of a person: its kinds and numbers at once, details and a copy after a check of who asks, correction, withdrawal.

Deletion and what else needs a talk of several turns: `actions.account.delete_data`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from actions.account import consent_ways, delete_data, reading
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.privacy import holdings
from care.privacy.holdings import Held, Whose, book
from channels.reply import Option
from channels.wording.labels import label

_OFFERED = {
    "details": "see_details",
    "export": "export_data",
    "correct": "correct_data",
    "consents": "withdraw_consent",
}
"""Requests and their labels, in the order offered. Deleting, an intent of its own, comes last."""
REQUESTS: Mapping[str, Callable[[Turn], Awaitable[None]]] = {
    "details": delete_data.begin("details"),
    "export": delete_data.begin("export"),
    "correct": delete_data.begin("correct"),
    "consents": consent_ways.overview,
    "withdraw": consent_ways.overview,
}


class MyData(BanyiAction):
    """The kinds and numbers of what is stored; never the content before the last four of the identity number were right."""

    action: ClassVar[str] = "action_my_data"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        wanted = str(turn.params.get("request", ""))
        asked = REQUESTS.get(wanted) or consent_ways.request(wanted) or reading.REQUESTS.get(wanted)
        if asked is not None:
            await asked(turn)
            return
        who = await holdings.whose(turn.session, turn.contact.id, turn.local_now.date())
        held = await holdings.count(turn.session, who)
        options = _options(who)
        if who.stranger:
            turn.say("data.nothing", *options, count=_number(held, "chat"))
            return
        turn.say("data.summary", *options, people=len(who.patients) + len(who.others), rows=spoken(held))


def _options(who: Whose) -> list[Option]:
    offered = [
        Option(f"my_data-{what}", label(word), intent="my_data", params={"request": what})
        for what, word in _OFFERED.items()
        if who.patients or what in ("export", "correct")
    ]
    return [*offered, way_to("delete_my_data", label("delete_data"))]


def _number(held: list[Held], kind: str) -> int:
    return sum(one.number for one in held if one.holding.kind == kind)


def spoken(held: list[Held]) -> str:
    """A line a kind: its name and how many entries."""
    lines = [
        label("held_row", kind=name, count=number)
        for kind, name in book().kinds.items()
        if (number := _number(held, kind))
    ]
    return "\n".join(lines)
