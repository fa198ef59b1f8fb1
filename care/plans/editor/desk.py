"""What the editors' pages of plans share: their parts, who may open them, and how a page is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.hospital.models import STANDARD_DEPARTMENTS
from care.plans.definition import KINDS, Plan
from care.plans.errors import words as plan_words
from care.plans.machine.journal import Journal
from care.plans.machine.persona import Persona
from care.plans.paths import SEED
from care.questionnaires.publishing import current
from store.clock import Clock
from store.database import Database
from web.aside import Aside
from web.shell import add_templates, render
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import Words

add_templates("plans_editor", Path(__file__).parent / "templates")
words = Words(SEED / "plan_desk_words.yml")

WRITERS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
"""Who builds and hands in. Who may publish: `drafts.refusal`."""
LOOKERS = (*WRITERS, Role.NURSE)
Looker = Annotated[StaffUser, Depends(require(*LOOKERS))]
"""Nurses read the published plans and put patients into them."""
Writer = Annotated[StaffUser, Depends(require(*WRITERS))]
HOME = "/content/plans"
Offer = tuple[str, str]
"""What a choice sends, and what it says."""


class Player(Protocol):
    """Plays a plan in a scratch database (`server.timemachine`). `progress` hears which day is being played."""

    async def play(
        self,
        plan: Plan,
        personas: Sequence[Persona],
        *,
        anchor: date,
        days: int,
        progress: Callable[[int], None],
    ) -> Journal: ...


@dataclass(frozen=True, slots=True)
class Short:
    """A step's words as an SMS: how many parts are paid for, and in words what keeps it from being sent so."""

    parts: int
    problems: Sequence[str] = ()


class ShortWords(Protocol):
    """What is known of SMS in the room above (`content.sms`)."""

    def look(self, text: str) -> Short:
        """`text`: of `care.plans.sms.said`."""
        ...

    async def articles(self, session: AsyncSession) -> Collection[str]:
        """Slugs of articles that have a short text; by SMS the others reach nobody."""
        ...


async def _nobody_told() -> None:
    """Nobody waits for what is published."""


@dataclass(frozen=True, slots=True)
class PlanDesk:
    """What the server hands in. `articles`: slug and title of those that may be sent. `trials`: plans being played. `published` hears
    of every plan published: its words are to be approved as SMS."""

    database: Database
    clock: Clock
    articles: Callable[[AsyncSession], Awaitable[Sequence[Offer]]]
    player: Player
    trials: Aside[Journal]
    short: ShortWords
    published: Callable[[], Awaitable[None]] = _nobody_told


async def offers_of(desk: PlanDesk, session: AsyncSession) -> dict[str, list[Offer]]:
    """What steps may name: articles, questionnaires, departments."""
    asked = [(row.name, row.title) for row in await current(session) if row.retired_at is None]
    return {
        "slug": list(await desk.articles(session)),
        "name": asked,
        "department": [(one, one) for one in STANDARD_DEPARTMENTS],
    }


def show(desk: PlanDesk, request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page of theirs. `?said=` names what was just done."""
    said = words.known("said").get(request.query_params.get("said", ""), "")
    context = {
        "home": HOME,
        "words": words,
        "plan_words": plan_words(),
        "kinds": KINDS,
        "local": desk.clock.local,
        "said": said,
        "problem": "",
        **values,
    }
    return render(request, f"plans_editor/{template}", status, **context)
