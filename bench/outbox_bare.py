"""The same rows taken and settled by bare SQL over the bare driver, in the same batches: one claim, one attempt written before
and one known after, each message moved twice. No gate, no words, no order, no leases lost, nothing else.
"""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from store.ids import new_id

BATCH = 200
_CLAIM = (
    "UPDATE outbound_message SET status = 'sending', attempts = attempts + 1, lease_until = {at}, lease_token = {token}"
    " WHERE id IN (SELECT id FROM outbound_message WHERE status = 'queued' AND priority > 0 AND due_at <= {at}"
    " ORDER BY priority, due_at, id LIMIT {batch}{lock}) RETURNING id, contact_id, reply_sealed"
)
_BEGIN = "INSERT INTO delivery_attempt (id, outbound_id, n, rung, verdict, started_at) VALUES ({id}, {of}, 1, 'sms', 'started', {at})"
_KNOW = "UPDATE delivery_attempt SET verdict = 'accepted', vendor_id = {vendor}, finished_at = {at} WHERE id = {id}"
_MOVE = (
    "UPDATE outbound_message SET status = 'accepted', rung = 'sms', finished_at = {at}, due_at = NULL, lease_token = NULL,"
    " lease_until = NULL WHERE id = {of}"
)


def on_sqlite(path: str, now: datetime) -> float:
    """Messages a second."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-16000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    names = {name: f":{name}" for name in ("at", "token", "batch", "id", "of", "vendor")}
    claim, begin, know, move = (one.format(**names, lock="") for one in (_CLAIM, _BEGIN, _KNOW, _MOVE))
    at, done, begun = now.replace(tzinfo=None).isoformat(" ", "microseconds"), 0, time.perf_counter()
    while True:
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(claim, {"at": at, "token": new_id().hex, "batch": BATCH}).fetchall()
        tries = [{"id": new_id().hex, "of": row[0], "at": at, "vendor": row[0]} for row in rows]
        connection.executemany(begin, tries)
        connection.execute("COMMIT")
        if not rows:
            break
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(know, tries)
        connection.executemany(move, tries)
        connection.execute("COMMIT")
        done += len(rows)
    took = time.perf_counter() - begun
    connection.close()
    return done / took


async def on_postgresql(url: str, now: datetime) -> float:
    """Messages a second."""
    connection: Any = await asyncpg.connect(url.replace("+asyncpg", ""))
    claim = _CLAIM.format(at="$1", token="$2", batch="$3", lock=" FOR UPDATE SKIP LOCKED")
    begin = _BEGIN.format(id="$1", of="$2", at="$3")
    know = _KNOW.format(vendor="$1", at="$2", id="$3")
    move = _MOVE.format(at="$1", of="$2")
    done, begun = 0, time.perf_counter()
    while True:
        async with connection.transaction():
            rows = await connection.fetch(claim, now, new_id(), BATCH)
            tries: list[tuple[UUID, UUID]] = [(new_id(), row["id"]) for row in rows]
            await connection.executemany(begin, [(one, of, now) for one, of in tries])
        if not rows:
            break
        async with connection.transaction():
            await connection.executemany(know, [(str(of), now, one) for one, of in tries])
            await connection.executemany(move, [(now, of) for _, of in tries])
        done += len(rows)
    took = time.perf_counter() - begun
    await connection.close()
    return done / took
