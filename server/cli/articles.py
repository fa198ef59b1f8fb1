"""`load articles` and `export articles`: Markdown folders, tables, JSON Lines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession


async def load(session: AsyncSession, path: Path, now: datetime) -> str:
    """Drafts from a folder or file; what was done, in words. Raises `ValueError` naming every wrong row."""
    from content.articles import importing

    report = await importing.load(session, importing.read_path(path), staff=None, now=now)
    return (
        f"articles: {report.created} new drafts, {report.changed} changed, {report.same} as they were;"
        " they are read by nobody before they are signed"
    )


async def export(session: AsyncSession, to: Path) -> str:
    """Every article's newest text to a folder, or to a file by its ending. Raises `ValueError` for another ending."""
    from content.articles import importing

    found = await importing.everything(session)
    if to.suffix:
        to.write_bytes(importing.write_file(to.suffix.lower(), found))
    else:
        importing.write_folder(to, found)
    return f"✓ {len(found)} articles are in {to}"


async def rows(session: AsyncSession) -> list[dict[str, Any]]:
    """Every article's newest text, as `load articles` reads it from a .jsonl file."""
    from content.articles import files, importing

    return [files.plain_values(slug, doc) for slug, doc in await importing.everything(session)]
