"""Talking with the real actions the way the engine runs them: a tracker, an intent, follow-ups, forms. No model involved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.base import BanyiAction
from actions.catalogue import all_actions
from actions.services import Services
from bot.plan import engine_text
from bot.resolve import pick
from channels.ports import ChannelName
from channels.reply import Option, Reply
from store.ids import new_id
from tests.factories.messages import WECHAT, conversation

RULES = {
    "ask_faq": "action_answer",
    "ask_health": "action_answer",
    "ask_medication": "action_answer",
    "get_report": "action_answer",
    "nlu_fallback": "action_unsure",
    "request_human": "action_human",
    "complain": "action_complain",
    "my_data": "action_my_data",
    "delete_my_data": "action_delete_data_start",
    "bind_patient": "action_bind_start",
    "rate_service": "action_rate_start",
    "start_questionnaire": "action_questionnaire_start",
    "describe_symptom": "action_advise_department",
    "find_department": "action_advise_department",
    "ask_doctor": "action_ask_doctor",
    "opt_out": "action_opt_out",
    "check_appointment": "action_list_appointments",
    "ask_queue": "action_queue",
    "book_appointment": "action_booking_start",
    "cancel_appointment": "action_cancel_start",
    "reschedule_appointment": "action_reschedule_start",
}


@dataclass
class Stage:
    """One contact. `replies` are what the last turn said, `led_to` the actions of other capabilities it led to."""

    services: Services
    contact_id: UUID
    engine_id: UUID
    events: list[dict[str, Any]] = field(default_factory=list)
    form: str | None = None
    offered: tuple[Option, ...] = ()
    replies: list[Reply] = field(default_factory=list)
    led_to: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        return [reply.key for reply in self.replies]

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    @property
    def labels(self) -> list[str]:
        return [option.label for option in self.offered]

    async def say(
        self, text: str, intent: str = "ask_faq", confidence: float = 0.9, ranking: Any = ()
    ) -> list[str]:
        """Say `text`, understood as `intent`; a number or label answers what was offered. The keys of the replies."""
        option = pick(self.offered, text)
        if option is not None:
            self.offered = ()
            return await self.hear("", option.intent, 1.0, option.params)
        return await self.hear(engine_text(text), intent, confidence, {}, ranking)

    async def hear(
        self, text: str, intent: str, confidence: float, params: dict[str, Any], ranking: Any = ()
    ) -> list[str]:
        metadata = {"inbound_id": str(new_id()), "text": text, "params": params}
        parsed = {
            "intent": {"name": intent, "confidence": confidence},
            "intent_ranking": [{"name": name, "confidence": sure} for name, sure in ranking],
            "metadata": metadata,
        }
        self.events.append({"event": "user", "parse_data": parsed, "metadata": metadata})
        self.replies, self.led_to = [], []
        actions: dict[str, BanyiAction] = {one.name(): one for one in all_actions(self.services)}
        queue = [f"validate_{self.form}"] if self.form else [RULES[intent]]
        while queue:
            name = queue.pop(0)
            if name == "action_listen":
                break
            if name.endswith("_form") and not name.startswith("validate_"):
                self.form = name
                self.events.append({"event": "active_loop", "name": name})
                queue.append(f"action_ask_{name}_answer")
                continue
            if name not in actions:
                self.led_to.append(name)
                continue
            done = await self.run(actions[name], parsed)
            if any(one["event"] == "slot" and one.get("name") == "requested_slot" for one in done):
                self.form = None
                self.events.append({"event": "active_loop", "name": None})
            queue += [one["name"] for one in done if one["event"] == "followup"]
            if name.startswith("validate_") and self.form:
                queue.append(f"action_ask_{self.form}_answer")
        asking = [reply for reply in self.replies if reply.asks]
        self.offered = asking[-1].options if asking else self.offered
        return self.keys

    async def run(self, action: BanyiAction, parsed: dict[str, Any]) -> list[dict[str, Any]]:
        """Run one action through rasa-sdk's own classes."""
        dispatcher = CollectingDispatcher()
        tracker = Tracker(str(self.engine_id), {}, parsed, list(self.events), False, None, {}, None)
        done = await action.run(dispatcher, tracker, {})
        self.events += [{"event": "action", "name": action.name()}, *done]
        self.replies += [Reply.from_json(message["custom"]) for message in dispatcher.messages]
        return done


async def stage(
    services: Services, channel: ChannelName = WECHAT, address: str | None = None, holder: str = "self"
) -> Stage:
    """A contact that has said nothing yet; `holder` answers the phone."""
    contact, talk = await conversation(services.database, services.clock, channel, address, holder)
    return Stage(services, contact.id, talk.engine_id)
