"""Is it alive, is it ready, what do the numbers say."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import func, select
from starlette.responses import JSONResponse, Response

from care.alerts import service as alerts
from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from server.house import House
from server.wording import page_words
from store.database import DatabaseUnavailable

QUEUED = Gauge("banyi_outbound_queued", "Outbound messages waiting")
UNCERTAIN = Gauge("banyi_outbound_uncertain", "Outbound messages whose fate is not known")
DUE = Gauge("banyi_conversations_due", "Conversations waiting for a worker")
ALERTS = Gauge("banyi_alerts_open", "Alerts that are not closed", ["severity"])
UNSEEN = Gauge("banyi_alerts_oldest_unacknowledged_seconds", "How long the oldest unacknowledged alert waits")


def health_router(house: House) -> APIRouter:
    """`/health/live`, `/health/ready` (200 or 503 with the checks), `/metrics`."""
    router = APIRouter()
    words = page_words()["checks"]

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/health/ready")
    async def ready() -> Response:
        checks = []

        def add(name: str, ok: bool, detail: str = "") -> None:
            checks.append({"name": name, "label": words[name], "ok": ok, "detail": detail})

        try:
            await house.database.ping()
            add("database", True)
        except Exception as error:
            add("database", False, type(error).__name__)
        add("engine", await house.engine.ready())
        waiting = house.inbound.spool.waiting()
        add("spool", waiting == 0, str(waiting))
        ok = all(check["ok"] for check in checks)
        return JSONResponse({"status": "ok" if ok else "failing", "checks": checks}, 200 if ok else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        try:
            async with house.database.read("metrics") as session:
                rows = await session.execute(
                    select(OutboundMessage.status, func.count())
                    .where(OutboundMessage.status.in_(("queued", "uncertain")))
                    .group_by(OutboundMessage.status)
                )
                counts = {row[0]: row[1] for row in rows}
                due = await session.scalar(
                    select(func.count()).select_from(Conversation).where(Conversation.due_at.is_not(None))
                )
                burning, waited = await alerts.figures(session, house.clock.now())
            QUEUED.set(counts.get("queued", 0))
            for severity in ("emergency", "urgent", "soon"):
                ALERTS.labels(severity).set(burning.get(severity, 0))
            UNSEEN.set(waited)
            UNCERTAIN.set(counts.get("uncertain", 0))
            DUE.set(due or 0)
        except DatabaseUnavailable:
            pass
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
