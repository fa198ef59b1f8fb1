"""What a house does every second, minute and hour: seal the audit, give back holds, make slots ahead."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import outside
from care.appointments import service as appointments
from care.appointments.blocks import service as blocks
from care.appointments.closures import service as closures
from care.appointments.slots import generate_slots
from server.settings import Settings
from server.work import Job
from store.audit import AuditSealer
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0


def upkeep(database: Database, clock: Clock, sealer: AuditSealer, slot_days: int) -> list[Job]:
    """Jobs for processes with workers. Slots are made `slot_days` ahead."""

    async def sweep(session: AsyncSession) -> None:
        await appointments.sweep_holds(session, now=clock.now())

    async def holds() -> None:
        await database.transact(sweep, "sweep-holds")

    async def slots() -> None:
        async with database.write("generate-slots") as session:
            if not outside.lists_times():  # else its times are mirrored (server/systems.py)
                await generate_slots(session, clock, slot_days)
            await closures.block_covered(session, clock.now())
            await blocks.block_covered(session, clock.now())

    return [
        lambda: rounds("audit.seal_failed", SECOND, sealer.seal_once),
        lambda: rounds("housekeeping.holds_failed", MINUTE, holds),
        lambda: rounds("housekeeping.slots_failed", HOUR, slots),
    ]


class HeadFile:
    """The audit chain's head outside the database, in a file that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, seal_no: int, digest: str) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"seal_no": seal_no, "digest": digest}))
        part.replace(self._path)

    def kept(self) -> tuple[int, str] | None:
        """None while nothing was sealed on this machine."""
        if not self._path.exists():
            return None
        head = json.loads(self._path.read_text())
        return int(head["seal_no"]), str(head["digest"])


def audit_sealer(settings: Settings, database: Database) -> AuditSealer:
    """Seals and proves the audit trail; its head is kept in the state folder too."""
    head = HeadFile(settings.var_dir / "audit-head.json")
    return AuditSealer(database, settings.secrets.audit_key, head.keep, head.kept)
