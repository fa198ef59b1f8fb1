"""The callback's baseline: a FastAPI route that does one insert and nothing else. `python -m bench.bare DATABASE_URL PORT`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, event, insert
from sqlalchemy.ext.asyncio import create_async_engine

TABLE = Table(
    "bare", MetaData(), Column("id", Integer, primary_key=True), Column("body", LargeBinary, nullable=False)
)


def create(url: str) -> FastAPI:
    engine = create_async_engine(url)
    if url.startswith("sqlite"):

        @event.listens_for(engine.sync_engine, "connect")
        def _quick(connection: Any, _record: Any) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000"):
                connection.execute(f"PRAGMA {pragma}")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(TABLE.metadata.create_all)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.post("/insert")
    async def one(request: Request) -> Response:
        async with engine.begin() as connection:
            await connection.execute(insert(TABLE).values(body=await request.body()))
        return Response("success", media_type="text/plain")

    return app


if __name__ == "__main__":
    uvicorn.run(
        create(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools",
        log_level="warning", access_log=False,
    )  # fmt: skip
