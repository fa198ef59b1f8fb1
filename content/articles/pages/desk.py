"""What the articles' pages share: their parts, who may open them, and how a page is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content.articles import lint, service
from content.articles.draftbox import DraftBox
from content.articles.errors import NotFound, say
from content.articles.models import Article
from content.articles.stages import ReviewRules
from content.sms.lint import SmsFrame
from store.clock import Clock
from store.database import Database
from web.shell import add_templates, render
from web.signin import staffing
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import Words, query_of

TEMPLATES = Path(__file__).parents[1] / "templates"
add_templates("articles", TEMPLATES)
told = Words(TEMPLATES / "texts.yml")
"""What a page says for a code."""

WRITERS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
"""Who writes, withdraws and rolls back."""
READERS = (*WRITERS, Role.DOCTOR, Role.NURSE)
"""Who opens the desk: everybody whose signature a stage may ask for."""
RECALLERS = (Role.EDITOR, Role.CLINICAL_REVIEWER, Role.DOCTOR)
CARERS = (Role.CLINICAL_REVIEWER, Role.DOCTOR, Role.NURSE)
"""Who sees which patients received a recalled text."""

Writer = Annotated[StaffUser, Depends(require(*WRITERS))]
Reader = Annotated[StaffUser, Depends(require(*READERS))]
Recaller = Annotated[StaffUser, Depends(require(*RECALLERS))]
Carer = Annotated[StaffUser, Depends(require(*CARERS))]


@dataclass(frozen=True, slots=True)
class ArticleDesk:
    """What the server hands in. `frame` stands around an article's SMS; `rules` are the hospital's review stages; `boxes` the draft
    boxes of its WeChat accounts by their ids."""

    database: Database
    clock: Clock
    rules: ReviewRules
    frame: SmsFrame
    boxes: Mapping[str, DraftBox] = field(default_factory=dict)


def show(desk: ArticleDesk, request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page of the desk. `?said=` names what was just done; `?undo=` what one tap takes back."""
    said = request.query_params.get("said", "")
    return render(
        request,
        f"articles/{template}",
        status,
        say=say,
        topics=lint.topics()["topics"],
        stages=lint.topics()["stages"],
        local=desk.clock.local,
        told=told,
        said=told.known("said").get(said, ""),
        query_of=query_of,
        **context,
    )


async def article_of(session: AsyncSession, slug: str) -> Article:
    """The article, or the 404 page with what to do."""
    try:
        return await service.get(session, slug)
    except NotFound as error:
        raise HTTPException(404, str(error)) from error


async def names_of(session: AsyncSession, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Display names of members of staff."""
    somebody, system = told("labels", "somebody"), told("labels", "system")
    return await staffing.said_names(session, ids, somebody=somebody, system=system)
