"""Pooled connections of PostgreSQL that are alive, at less than a round trip each time.

SQLAlchemy's `pool_pre_ping` asks before every transaction whether the connection lives, in a transaction of its own: three round
trips before the first statement (measured: a third of what a short transaction costs). Here what the driver knows anyway is
looked at: a server that stops or restarts closes the socket, and asyncpg sees that by itself. Only who lay idle for a while is
asked over the wire, since a firewall may have dropped it in silence.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

IDLE = 5.0
"""Seconds in the pool after which a connection is asked. Firewalls forget idle connections after minutes."""
_SINCE = "banyi_idle_since"


def watch(engine: AsyncEngine) -> None:
    """Give out no dead connection of `engine` (asyncpg): the pool replaces it, and whatever else it holds of that age."""
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def _in(_connection: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _out(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_SINCE)
        if since is None:
            return  # new
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError()
        if time.monotonic() - since < IDLE:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError() from error
