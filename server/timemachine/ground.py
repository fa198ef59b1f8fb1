"""The scratch database a plan is played in: an empty one of this schema, with what the plan needs of the hospital's own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, insert, select

from care.appointments.models import Schedule
from care.hospital.models import HealthcareService, Location, Practitioner
from care.plans.definition import Plan
from care.questionnaires.models import Questionnaire
from content.articles.models import Article, ArticleRevision
from server import migrate
from store.database import Database

EMPTY = "empty.db"


@dataclass(frozen=True, slots=True)
class Furniture:
    """`empty`: a migrated file to copy. `rows` by table, in the order they may be stored."""

    empty: Path
    rows: Sequence[tuple[Any, list[dict[str, Any]]]]


class Ground:
    """`home`: the installation whose hospital, articles and questionnaires are played with. `close` removes the scratch folder."""

    def __init__(self, home: Database) -> None:
        self._home = home
        self._kept = tempfile.TemporaryDirectory(prefix="banyi-time-machine-")
        self._folder = Path(self._kept.name)
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

    async def prepare(self, plan: Plan) -> Furniture:
        """The file to begin with and the rows to put into it: all that is asked of the installation."""
        return Furniture(await self._empty(), await self._rows(plan))

    @asynccontextmanager
    async def database(self, furniture: Furniture) -> AsyncIterator[Database]:
        """A scratch database for one run, gone afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        file = folder / "run.db"
        shutil.copyfile(furniture.empty, file)
        database = Database(f"sqlite+aiosqlite:///{file}", threadless=True)
        try:
            async with database.write("furnish") as session:
                for table, rows in furniture.rows:
                    if rows:
                        await session.execute(insert(table), rows)
            yield database
        finally:
            await database.close()
            shutil.rmtree(folder, ignore_errors=True)

    async def _rows(self, plan: Plan) -> list[tuple[Any, list[dict[str, Any]]]]:
        """The plan's departments with their clinics, its articles and its questionnaires as they are now, what is sealed sealed."""
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
            return [
                (
                    model.__table__,
                    [
                        dict(row._mapping)
                        for row in await session.execute(select(model.__table__).where(*where))
                    ],
                )
                for model, where in wanted
            ]

    def close(self) -> None:
        self._kept.cleanup()
