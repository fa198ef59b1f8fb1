"""What the campaigns' pages share: their parts, who may open them, and how a page is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from channels.ops.desk import Remembered
from channels.reply import Reply
from content.articles.sendable import ArticleContents
from content.audiences.counting import Counter
from content.campaigns import service
from content.campaigns.errors import CampaignError, say
from content.campaigns.kinds import Kind, State
from content.campaigns.models import Campaign
from content.campaigns.pages.rehearsing import DryRuns
from content.campaigns.pages.said import WORDS
from store.clock import Clock
from store.database import Database
from web.shell import add_templates, render
from web.signin import staffing
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import query_of

add_templates("campaigns", Path(__file__).parents[1] / "templates")

WRITERS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
"""Who writes, tries out and hands in."""
PATIENCE = 2.0
"""Seconds a page waits for a count before it shows that it is under way."""
REMEMBERED = 10.0
"""Seconds why people were left out is shown again: counting it goes through all recipients."""
APPROVERS = (Role.CLINICAL_REVIEWER,)
"""Who approves, and starts what was approved; never of what they wrote."""
STOPPERS = (*WRITERS, Role.OPERATOR)
"""Who pauses, lets go on and aborts."""
READERS = (*STOPPERS, Role.AUDITOR)
"""Who sees the campaigns and their numbers; patients are seen by `STOPPERS` only, and each look is recorded."""

Writer = Annotated[StaffUser, Depends(require(*WRITERS))]
Stopper = Annotated[StaffUser, Depends(require(*STOPPERS))]
Reader = Annotated[StaffUser, Depends(require(*READERS))]


@dataclass(frozen=True, slots=True)
class CampaignDesk:
    """What the server hands in. `explain`: the words of the gate's reasons; `speak`: a message's words by channel, empty where it
    has none; `base`: our public address; `accounts`: (channel, account
    id) tests may go through; `wake`: called when a test was queued."""

    database: Database
    clock: Clock
    counter: Counter
    contents: ArticleContents
    explain: Callable[[str], str]
    speak: Callable[[Reply, str], str]
    dry_runs: DryRuns
    base: str
    accounts: Sequence[tuple[str, str]]
    wake: Callable[[], None]
    remembered: Remembered = field(default_factory=lambda: Remembered(REMEMBERED))

    def reason(self, code: str) -> str:
        """Why somebody was left out, in words: a campaign's own reason, else the gate's."""
        words = say("reasons", code)
        return words if words != code else self.explain(code)


def told(code: str) -> str:
    """What a page says of something that was just done; nothing for a code it does not know."""
    words: Mapping[str, str] = WORDS["said"]
    return words.get(code, "")


def states() -> dict[str, str]:
    return {one.value: say("states", one) for one in State}


def show(desk: CampaignDesk, request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page of the desk. `?said=` names what was just done."""
    return render(
        request,
        f"campaigns/{template}",
        status,
        local=desk.clock.local,
        said=told(request.query_params.get("said", "")),
        states=states(),
        kinds={one.value: WORDS["kinds"][one] for one in Kind},
        query_of=query_of,
        **context,
    )


async def campaign_of(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """The campaign, or the 404 page with what to do."""
    try:
        return await service.get(session, campaign_id)
    except CampaignError as error:
        raise HTTPException(404, str(error)) from error


async def names_of(session: AsyncSession, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Display names of members of staff; None is the house itself."""
    labels = WORDS["labels"]
    return await staffing.said_names(session, ids, somebody=labels["somebody"], system=labels["system"])
