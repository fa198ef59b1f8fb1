"""The frame every action runs in: find the conversation, give the turn once, store what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

import structlog
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.effects import TurnEffect
from actions.services import Services
from actions.turn import Turn
from channels.contacts import service as contacts
from channels.questions import holder
from store.ids import new_id

log = structlog.get_logger(__name__)

_REMEMBER = insert(TurnEffect.__table__)  # type: ignore[arg-type]  # SQLAlchemy types it as any FromClause
_COLUMNS = ("id", "inbound_id", "action", "n", "effect_sealed", "at")


class UnknownConversation(RuntimeError):
    """The engine named a conversation that is not ours: deleted, or the request is not from our engine."""


class BanyiAction(Action):  # type: ignore[misc]  # rasa-sdk is untyped
    """Subclasses set `action` and write `act(turn)`, which uses `turn.session` and commits nothing."""

    action: ClassVar[str]
    ends_turn: ClassVar[bool] = True
    """Whether the engine waits for the patient after it, if it names nothing else to run."""
    needs_holder: ClassVar[bool] = False
    """Whether it speaks of what is on record: on a phone only once it is known who answers there."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def name(self) -> str:
        return self.action

    async def act(self, turn: Turn) -> None:
        """Do it: change rows through the services, `turn.say(…)`, `turn.events`."""
        raise NotImplementedError

    def is_personal(self, turn: Turn) -> bool:
        """Whether this turn speaks of what is on record."""
        return self.needs_holder

    async def prepare(self, turn_text: str) -> None:
        """Slow or CPU-bound work on the text before the transaction (searching, embedding); keep results in the services."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[dict[str, Any]]:
        message = tracker.latest_message or {}
        metadata = message.get("metadata") or {}
        inbound = metadata.get("inbound_id")
        inbound_id = UUID(str(inbound)) if inbound else new_id()
        n = _earlier_runs(tracker, self.action)
        intent = message.get("intent") or {}
        text = str(metadata.get("text") or "")
        await self.prepare(text)

        async def work(session: AsyncSession) -> dict[str, Any]:
            if metadata.get("retry"):  # a first time finds nothing; were it wrong, the unique key refuses
                known = await session.scalar(
                    select(TurnEffect).where(
                        TurnEffect.inbound_id == inbound_id,
                        TurnEffect.action == self.action,
                        TurnEffect.n == n,
                    )
                )
                if known is not None:
                    return dict(known.effect)
            found = await contacts.by_engine_id(session, UUID(tracker.sender_id))
            if found is None:
                raise UnknownConversation(tracker.sender_id)
            turn = Turn(
                session=session,
                services=self.services,
                contact=found[0],
                conversation=found[1],
                inbound_id=inbound_id,
                text=text,
                intent=str(intent.get("name") or ""),
                confidence=float(intent.get("confidence") or 0.0),
                ranking=[
                    (str(i["name"]), float(i["confidence"])) for i in message.get("intent_ranking") or []
                ],
                params=dict(metadata.get("params") or {}),
                now=self.services.clock.now(),
                heard_in=_loop_at_last_message(tracker),
                held=str(metadata.get("holder") or ""),
                half=bool(metadata.get("half")),
            )
            if self.is_personal(turn) and holder.is_unknown(turn.contact.channel, turn.holder):
                ask_holder(turn)
            else:
                await self.act(turn)
            if self.ends_turn and not any(event["event"] == "followup" for event in turn.events):
                # Rules only know an action after its intent; led here out of a form, the engine would fall back.
                turn.events.append({"event": "followup", "name": "action_listen"})
            effect = {"events": turn.events, "replies": [reply.to_json() for reply in turn.replies]}
            row = TurnEffect(inbound_id=inbound_id, action=self.action, n=n, effect=effect, at=turn.now)
            await session.execute(_REMEMBER, {name: getattr(row, name) for name in _COLUMNS})
            return effect

        effect = await self.services.database.transact(work, self.action)
        for reply in effect["replies"]:
            dispatcher.utter_message(json_message=reply)
        return list(effect["events"])


def ask_holder(turn: Turn) -> None:
    """Before anything personal: who answers this phone? What was wanted goes on after the answer."""
    if turn.contact.holder == "wrong":
        turn.say("holder.wrong_wrote")
        return
    wanted = {"text": turn.text or f"/{turn.intent}", "plain": turn.text, "params": turn.params}
    turn.replies.append(holder.question(wanted))


def _earlier_runs(tracker: Tracker, action: str) -> int:
    """How often `action` already ran since the patient's last message: the same on every replay."""
    count = 0
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            break
        if event.get("event") == "action" and event.get("name") == action:
            count += 1
    return count


def _loop_at_last_message(tracker: Tracker) -> str | None:
    """The form that was active when the patient spoke; None when one was started (again) by this very message."""
    loop, heard = None, False
    for event in tracker.events:
        kind = event.get("event")
        if kind == "active_loop":
            loop = event.get("name")
            heard = False
        elif kind == "user":
            heard = True
    return loop if loop is not None and heard else None


def by_name(actions: Iterable[BanyiAction]) -> dict[str, BanyiAction]:
    return {action.name(): action for action in actions}
