"""The scratch database a plan is played in: an empty one of this schema, with what the plan needs of the hospital's own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, select

from care.appointments.models import Schedule
from care.hospital.models import HealthcareService, Location, Practitioner
from care.plans.definition import Plan
from care.questionnaires.models import Questionnaire
from content.articles.models import Article, ArticleRevision
from server import migrate
from store.base import Base
from store.database import Database

EMPTY = "empty.db"


class Ground:
    """`home`: the installation whose hospital, articles and questionnaires are played with. `close` removes the scratch folder."""

    def __init__(self, home: Database) -> None:
        self._home = home
        self._folder = Path(tempfile.mkdtemp(prefix="banyi-time-machine-"))
        self._making = asyncio.Lock()

    async def _empty(self) -> Path:
        """The migrated file to copy; made once."""
        path = self._folder / EMPTY
        async with self._making:
            if not path.exists():
                made = self._folder / "made.db"
                await migrate.upgrade_async(f"sqlite+aiosqlite:///{made}")
                shutil.move(made, path)
        return path

    @asynccontextmanager
    async def database(self, plan: Plan) -> AsyncIterator[Database]:
        """A scratch database for one run, gone afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        file = folder / "run.db"
        shutil.copyfile(await self._empty(), file)
        database = Database(f"sqlite+aiosqlite:///{file}", threadless=True)
        try:
            await self._furnish(database, plan)
            yield database
        finally:
            await database.close()
            shutil.rmtree(folder, ignore_errors=True)

    async def _furnish(self, database: Database, plan: Plan) -> None:
        """Copy the plan's departments with their clinics, its articles and its questionnaires as they are now."""
        offered = {str(one.content["department"]) for one in plan.steps if one.kind == "offer"}
        slugs = {str(one.content["slug"]) for one in plan.steps if one.kind == "article"}
        asked = {str(one.content.get("name") or one.content.get("questionnaire") or "") for one in plan.steps}
        places = select(HealthcareService.id).where(HealthcareService.standard.in_(offered))
        articles = select(Article.id).where(Article.slug.in_(slugs))
        wanted: list[tuple[Any, Sequence[ColumnElement[bool]]]] = [
            (Location, ()),
            (HealthcareService, ()),
            (Practitioner, (Practitioner.department_id.in_(places),)),
            (Schedule, (Schedule.department_id.in_(places),)),
            (Questionnaire, (Questionnaire.name.in_(asked),)),
            (Article, (Article.slug.in_(slugs),)),
            (ArticleRevision, (ArticleRevision.article_id.in_(articles),)),
        ]
        async with self._home.read("time machine") as session:
            found = [
                (model.__table__, [dict(row._mapping) for row in await session.execute(_core(model, where))])
                for model, where in wanted
            ]
        async with database.write("furnish") as session:
            for table, rows in found:
                if rows:
                    await session.execute(insert(table), _known(table, rows))

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _core(model: type[Base], where: Sequence[ColumnElement[bool]]) -> Any:
    """The rows as they stand, sealed columns sealed."""
    return select(model.__table__).where(*where)


def _known(table: Table, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {column.name for column in table.columns}
    return [{name: value for name, value in row.items() if name in names} for row in rows]
