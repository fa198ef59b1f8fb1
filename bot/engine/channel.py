"""Rasa's input channel for our conversations: parse once, give the turn once, say how it was understood.

`POST /webhooks/banyi/turn` takes `{"sender", "text", "metadata": {"inbound_id", …}, "retry": bool, "fresh": bool}` and answers `{"intent",
"confidence", "ranking": [[name, confidence]…], "replies": [custom payloads], "replayed": bool}`. With `retry`, the tracker is
read first: a turn it already holds is not given again, its answer is returned. With `fresh` the dialogue starts anew.

`POST /webhooks/banyi/understand` takes `{"texts": [...]}` and answers `{"heard": [{"intent", "confidence"}...]}`; no turn is given.
"""

from __future__ import annotations

import inspect
from typing import Any, Awaitable, Callable, Dict, List, Optional, Text

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.engine import action_results, action_session, planned_graph

for better in (action_results, action_session, planned_graph):
    better.install()


class BanyiChannel(InputChannel):
    """Registered in `credentials.yml` by its module path."""

    @classmethod
    def name(cls) -> Text:
        return "banyi"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        blueprint = Blueprint("banyi_channel", inspect.getmodule(self).__name__)

        @blueprint.route("/", methods=["GET"])
        async def health(_request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @blueprint.route("/turn", methods=["POST"])
        async def turn(request: Request) -> HTTPResponse:
            body = request.json
            agent = request.app.ctx.agent
            sender, metadata = body["sender"], body.get("metadata") or {}
            if body.get("fresh"):
                # The dialogue got stuck; what it stood for is in our rows, so a new one costs a repeated question.
                await agent.tracker_store.save(DialogueStateTracker(sender, agent.domain.slots))
            elif body.get("retry"):
                # The first time may still be running (whoever asked did not wait for it): it ends before this looks.
                async with agent.lock_store.lock(sender, wait_time_in_seconds=0.1):
                    tracker = await agent.tracker_store.retrieve(sender)
                given = _answer_in(tracker, metadata.get("inbound_id")) if tracker else None
                if given is not None:
                    return response.json(given)
            collector = CollectingOutputChannel()
            message = UserMessage(
                body["text"], collector, sender, input_channel=self.name(), metadata=metadata
            )
            message.parse_data = await agent.processor.parse_message(message)
            await on_new_message(message)
            replies = [sent["custom"] for sent in collector.messages if "custom" in sent]
            return response.json(_understood(message.parse_data, replies, replayed=False))

        @blueprint.route("/understand", methods=["POST"])
        async def understand(request: Request) -> HTTPResponse:
            processor = request.app.ctx.agent.processor
            heard = []
            for text in request.json["texts"]:
                parsed = await processor.parse_message(UserMessage(text, input_channel=self.name()))
                intent = parsed.get("intent") or {}
                heard.append({"intent": intent.get("name"), "confidence": intent.get("confidence")})
            return response.json({"heard": heard})

        return blueprint


def _understood(parsed: Dict[Text, Any], replies: List[Any], *, replayed: bool) -> Dict[Text, Any]:
    intent = parsed.get("intent") or {}
    return {
        "intent": intent.get("name"),
        "confidence": intent.get("confidence"),
        "ranking": [[i["name"], i["confidence"]] for i in (parsed.get("intent_ranking") or [])[:5]],
        "replies": replies,
        "replayed": replayed,
    }


def _answer_in(tracker: DialogueStateTracker, inbound_id: Optional[Text]) -> Optional[Dict[Text, Any]]:
    """What was last answered to `inbound_id`, if the tracker holds that turn with an answer."""
    heard: Optional[UserUttered] = None
    replies: List[Any] = []
    for event in tracker.events:
        if isinstance(event, UserUttered):
            if (event.metadata or {}).get("inbound_id") == inbound_id:
                heard, replies = event, []
            elif heard is not None:
                break
        elif heard is not None and isinstance(event, BotUttered) and event.data.get("custom"):
            replies.append(event.data["custom"])
    if heard is None or not replies:
        return None
    return _understood(heard.parse_data, replies, replayed=True)
