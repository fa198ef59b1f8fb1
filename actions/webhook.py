"""Where Rasa calls our actions: one internal route, guarded by a token, run by rasa-sdk's own executor."""

from __future__ import annotations

import hmac
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import Histogram
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionNotFoundException

from actions.base import BanyiAction

log = structlog.get_logger(__name__)
ACTION_SECONDS = Histogram("banyi_action_seconds", "Seconds an action took", ["action"])


def create_webhook(actions: list[BanyiAction], token: str) -> FastAPI:
    """The internal application. An action that fails answers 500 with its name only; the engine then reports less."""
    executor = ActionExecutor()
    for action in actions:
        executor.register_action(action)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        if not hmac.compare_digest(request.query_params.get("token", ""), token):
            return _json({"error": "wrong token"}, 403)
        call: dict[str, Any] = orjson.loads(await request.body())
        name = str(call.get("next_action"))
        call.setdefault(
            "domain", {}
        )  # Rasa 3.6 leaves it out (`enable_selective_domain`); newer SDKs ask for it
        try:
            with ACTION_SECONDS.labels(name).time():
                result = await executor.run(call)
        except ActionNotFoundException:
            return _json({"error": "no such action", "action_name": name}, 404)
        except Exception:
            log.exception("action.failed", action=name)
            return _json({"error": "action failed", "action_name": name}, 500)
        return _json(result.model_dump() if result is not None else {}, 200)

    @app.get("/health")
    async def health() -> Response:
        return _json({"status": "ok"}, 200)

    return app


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
