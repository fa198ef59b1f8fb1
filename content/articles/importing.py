"""Articles in and out in numbers: Markdown files, CSV, XLSX, JSON Lines. All or nothing, each wrong row named in Chinese.

What is loaded becomes a draft: nobody reads it before it is signed. A known slug gets a new version of its draft, which can be
undone; the same text changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import drafts, files, lint, service, tables
from content.articles.doc import SLUG, ArticleDoc
from content.articles.errors import say
from content.articles.files import Unreadable
from content.articles.models import Article, ArticleDraft, ArticleDraftSave, ArticleRevision
from content.articles.refs import ref_of
from content.media import uses
from store.clock import real_now
from web.signin.models import StaffUser

LARGEST = 50 * 1024 * 1024
"""Bytes of one file that are taken."""
_PART = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row or file: `where` names it as the editor sees it."""

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.where} {self.field}：{self.message}"
            if self.field != "file"
            else f"{self.where}：{self.message}"
        )


class ImportRefused(ValueError):
    """Nothing was written; `problems` name every wrong row."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Parsed:
    """One article of a file, tidy. `where` as in `Problem`."""

    where: str
    slug: str
    doc: ArticleDoc


@dataclass(frozen=True, slots=True)
class Report:
    """How many were new, changed, and the same as what is there."""

    created: int
    changed: int
    same: int


def read_path(path: Path) -> list[Parsed]:
    """A folder of Markdown files (and of folders), or one file. Raises `ImportRefused`."""
    if path.is_dir():
        named = [(str(one.relative_to(path)), one) for one in sorted(path.rglob("*.md"))]
        return _checked(_of_file(name, one.read_bytes()) for name, one in named)
    return read_file(path.name, path.read_bytes())


def read_file(name: str, raw: bytes) -> list[Parsed]:
    """An uploaded file, by its name's ending: .md, .csv, .xlsx, .jsonl. Raises `ImportRefused`; work for a thread."""
    if len(raw) > LARGEST:
        raise ImportRefused(
            [Problem(name, "file", say("imports", "too_large", limit=LARGEST // 1024 // 1024))]
        )
    ending = Path(name).suffix.lower()
    if ending == ".md":
        return _checked([_of_file(name, raw)])
    if ending == ".csv":
        return _checked(_of_rows(name, tables.rows_of_csv(raw)))
    if ending == ".xlsx":
        return _checked(_of_rows(name, tables.rows_of_xlsx(raw)))
    if ending == ".jsonl":
        return _checked(_of_lines(raw))
    raise ImportRefused([Problem(name, "file", say("imports", "file_kind"))])


_One = Parsed | Problem


def _of_file(name: str, raw: bytes) -> _One:
    if len(raw) > files.LARGEST:
        return Problem(name, "file", say("imports", "too_large", limit=1))
    try:
        slug, doc = files.read(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Problem(name, "file", say("imports", "not_text"))
    except Unreadable as error:
        return Problem(name, error.field, str(error))
    return Parsed(name, slug, doc.tidy())


def _of_rows(name: str, rows: tables.Rows) -> Iterator[_One]:
    try:
        for number, row in rows:
            where = say("imports", "row", number=number)
            try:
                slug, doc = tables.doc_of_row(row)
            except Unreadable as error:
                yield Problem(where, error.field, str(error))
            else:
                yield Parsed(where, slug, doc.tidy())
    except Unreadable as error:
        yield Problem(name, error.field, str(error))


def _of_lines(raw: bytes) -> Iterator[_One]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        where = say("imports", "row", number=number)
        try:
            values = json.loads(line)
            slug, doc = files.doc_of(values if isinstance(values, dict) else {})
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            yield Problem(where, "file", say("imports", "not_understood", value=str(error)[:60]))
        except Unreadable as error:
            yield Problem(where, error.field, str(error))
        else:
            yield Parsed(where, slug, doc.tidy())


def _checked(found: Iterable[_One]) -> list[Parsed]:
    good: list[Parsed] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for one in found:
        if isinstance(one, Problem):
            problems.append(one)
            continue
        wrong = [Problem(one.where, finding.field, finding.message) for finding in lint.basics(one.doc)]
        if not SLUG.fullmatch(one.slug) or len(one.slug) > 100:
            wrong.append(Problem(one.where, "slug", say("imports", "slug_form", value=one.slug[:60])))
        elif (before := first.setdefault(one.slug, one.where)) != one.where:
            wrong.append(Problem(one.where, "slug", say("imports", "twice", where=before)))
        problems += wrong[:1]
        if not wrong:
            good.append(one)
    if problems:
        raise ImportRefused(problems)
    return good


async def load(
    session: AsyncSession, parsed: Sequence[Parsed], *, staff: StaffUser | None, now: datetime
) -> Report:
    """Write drafts. Raises `ImportRefused`, before anything is written, for articles in review or being edited by somebody else."""
    known = await _known(session, [one.slug for one in parsed])
    current = await _texts(session, list(known.values()))
    edited = await _locked(session, list(known.values()), staff)
    problems = []
    fresh, changed, same = [], [], 0
    for one in parsed:
        article = known.get(one.slug)
        if article is None:
            fresh.append(one)
        elif current.get(article.id) == one.doc:
            same += 1
        elif article.pending_revision is not None:
            problems.append(Problem(one.where, "slug", say("imports", "in_review")))
        elif article.id in edited:
            problems.append(Problem(one.where, "slug", say("imports", "locked")))
        else:
            changed.append((article, one.doc))
    if problems:
        raise ImportRefused(problems)
    await _create(session, fresh, staff, now)
    for article, doc in changed:
        await _change(session, article, doc, staff, now)
    if fresh or changed:
        service.note(session, staff, "import", "*", now, created=len(fresh), changed=len(changed))
    await session.flush()
    return Report(len(fresh), len(changed), same)


async def _create(
    session: AsyncSession, fresh: Sequence[Parsed], staff: StaffUser | None, now: datetime
) -> list[Article]:
    author = staff.id if staff is not None else None
    made = []
    for one in fresh:
        article = Article(
            slug=one.slug, author_id=author, created_at=now, changed_at=now, revisions=0, title="", topic=""
        )
        service.show(article, one.doc, now)
        made.append(article)
    session.add_all(made)
    await session.flush()
    session.add_all(
        ArticleDraft(article_id=article.id, doc=one.doc.to_json(), version=1, saved_by=author, saved_at=now)
        for article, one in zip(made, fresh, strict=True)
    )
    await session.flush()
    for one in fresh:
        if ids := one.doc.media():
            await uses.keep(session, ref_of(one.slug), 0, ids)
    return made


async def _change(
    session: AsyncSession, article: Article, doc: ArticleDoc, staff: StaffUser | None, now: datetime
) -> None:
    """A new version of the draft; the one before can be had back by undo."""
    draft = await drafts.begin(session, article, staff=staff, now=now)
    by = staff.id if staff is not None else None
    if (
        await session.scalar(
            select(ArticleDraftSave.id).where(ArticleDraftSave.article_id == article.id).limit(1)
        )
        is None
    ):
        session.add(_state(article.id, draft.version, draft, now, by))
        await session.flush()
    await session.execute(
        update(ArticleDraft)
        .where(ArticleDraft.id == draft.id)
        .values(doc=doc.to_json(), version=ArticleDraft.version + 1, saved_by=by, saved_at=now)
    )
    await session.refresh(draft)
    session.add(_state(article.id, draft.version, draft, now, by))
    await uses.keep(session, ref_of(article.slug), 0, doc.media())
    service.show(article, doc, now)


def _state(
    article_id: UUID, version: int, draft: ArticleDraft, now: datetime, by: UUID | None
) -> ArticleDraftSave:
    return ArticleDraftSave(
        article_id=article_id, version=version, kind="saved", doc=draft.doc, saved_by=by, at=now
    )


async def _known(session: AsyncSession, slugs: Sequence[str]) -> dict[str, Article]:
    found: dict[str, Article] = {}
    for start in range(0, len(slugs), _PART):
        part = slugs[start : start + _PART]
        found |= {
            one.slug: one for one in await session.scalars(select(Article).where(Article.slug.in_(part)))
        }
    return found


async def _texts(session: AsyncSession, articles: Sequence[Article]) -> Mapping[UUID, ArticleDoc]:
    """The newest text of each: its draft, else its newest revision."""
    found: dict[UUID, ArticleDoc] = {}
    ids = [one.id for one in articles]
    for start in range(0, len(ids), _PART):
        part = ids[start : start + _PART]
        newest = (
            select(ArticleRevision.article_id, ArticleRevision.doc)
            .join(Article, Article.id == ArticleRevision.article_id)
            .where(Article.id.in_(part), ArticleRevision.number == Article.revisions)
        )
        drafted = select(ArticleDraft.article_id, ArticleDraft.doc).where(ArticleDraft.article_id.in_(part))
        for wanted in (newest, drafted):
            found |= {row[0]: ArticleDoc.from_json(row[1]).tidy() for row in await session.execute(wanted)}
    return found


async def _locked(session: AsyncSession, articles: Sequence[Article], staff: StaffUser | None) -> set[UUID]:
    found: set[UUID] = set()
    ids = [one.id for one in articles]
    for start in range(0, len(ids), _PART):
        wanted = select(ArticleDraft.article_id).where(
            ArticleDraft.article_id.in_(ids[start : start + _PART]),
            ArticleDraft.locked_by.is_not(None),
            ArticleDraft.locked_until >= real_now(),
        )
        if staff is not None:
            wanted = wanted.where(ArticleDraft.locked_by != staff.id)
        found |= set(await session.scalars(wanted))
    return found


async def everything(session: AsyncSession) -> list[tuple[str, ArticleDoc]]:
    """Slug and newest text of every article (draft, else newest revision), by slug: what an export writes."""
    articles = list(await session.scalars(select(Article).order_by(Article.slug)))
    texts = await _texts(session, articles)
    return [(one.slug, texts[one.id]) for one in articles if one.id in texts]


def write_folder(folder: Path, articles: Iterable[tuple[str, ArticleDoc]]) -> int:
    """One Markdown file an article, below a folder a topic; how many. Files of other articles are left alone."""
    count = 0
    for slug, doc in articles:
        target = folder / (doc.topic or "-") / f"{slug}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(files.write(slug, doc), "utf-8")
        count += 1
    return count


def write_file(ending: str, articles: Iterable[tuple[str, ArticleDoc]]) -> bytes:
    """A table (`.csv`, `.xlsx`) or JSON Lines (`.jsonl`). Raises `ValueError` for another ending."""
    if ending == ".csv":
        return tables.write_csv(articles)
    if ending == ".xlsx":
        return tables.write_xlsx(articles)
    if ending == ".jsonl":
        lines = (json.dumps(files.plain_values(slug, doc), ensure_ascii=False) for slug, doc in articles)
        return "".join(f"{line}\n" for line in lines).encode()
    raise ValueError(say("imports", "file_kind"))
