"""The demo's past, loaded when it starts for the first time: a year of visits with the no-show model that learns from them,
and ninety days of follow-up."""

from __future__ import annotations

import time as stopwatch
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy.exc import IntegrityError

from care.appointments.noshow.worker import NoshowWorker
from care.demo.loading import Loaded, Progress, load_visits
from care.seed import generated_ids
from server.demo import LOADING
from server.demo.following import play_follow_up
from server.house import House

log = structlog.get_logger(__name__)


async def load_history(house: House) -> None:
    """Everything that is not there yet. Idempotent; killed anywhere, the next start does what is missing."""
    begun, note = stopwatch.perf_counter(), house.settings.var_dir / LOADING
    try:
        progress = _teller(note)
        loaded = await _visits(house, progress)
        progress("plans")
        with suppress(IntegrityError):
            await play_follow_up(house)
    finally:
        note.unlink(missing_ok=True)
    if loaded.past:
        log.info(
            "demo.history_loaded", visits=loaded.past, seconds=round(stopwatch.perf_counter() - begun, 1)
        )


async def _visits(house: House, progress: Progress) -> Loaded:
    loaded = Loaded()
    with suppress(IntegrityError):  # another process, starting at the same moment, was quicker
        async with house.database.write("demo-visits") as session:
            loaded = await load_visits(session, house.clock, generated_ids(), progress)
    if loaded.past and house.settings.noshow_model:
        progress("model")
        await NoshowWorker(house.database, house.clock, on=True).train()
    return loaded


def _teller(note: Path) -> Progress:
    """Writes each part down as it begins."""

    def tell(part: str) -> None:
        note.write_text(part, encoding="utf-8")

    return tell
