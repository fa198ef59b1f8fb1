"""The buttons of a campaign: who may press each, what it does, what is said then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.sendable import ArticleContents
from content.campaigns import service, workflow
from content.campaigns.errors import CampaignError
from content.campaigns.pages.desk import APPROVERS, STOPPERS, WRITERS
from web.signin.models import Role, StaffUser


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button with what its dialog sent. `version`: of the campaign that was seen, or of the audience that is taken."""

    campaign_id: UUID
    staff: StaffUser
    now: datetime
    note: str
    version: str

    @property
    def number(self) -> int:
        return int(self.version) if self.version.isdecimal() and len(self.version) < 9 else 0

    @property
    def audience_version(self) -> UUID:
        """Raises `CampaignError` for what is none."""
        try:
            return UUID(self.version)
        except ValueError as error:
            raise CampaignError("no_newer_audience") from error


@dataclass(frozen=True, slots=True)
class Button:
    """`said`: the key of what the page says when it is done. `stays`: whether there is a campaign to come back to."""

    name: str
    roles: Sequence[Role]
    said: str
    do: Callable[[AsyncSession, ArticleContents, Pressed], Awaitable[object]]
    stays: bool = True


BUTTONS = (
    Button(
        "submit",
        WRITERS,
        "submitted",
        lambda session, contents, by: workflow.submit(
            session, by.campaign_id, contents, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "withdraw",
        WRITERS,
        "withdrawn",
        lambda session, _, by: workflow.withdraw(session, by.campaign_id, staff=by.staff, now=by.now),
    ),
    Button(
        "approve",
        APPROVERS,
        "approved",
        lambda session, contents, by: workflow.approve(
            session, by.campaign_id, contents, staff=by.staff, now=by.now, seen=by.number
        ),
    ),
    Button(
        "return",
        APPROVERS,
        "returned",
        lambda session, _, by: workflow.send_back(
            session, by.campaign_id, note=by.note, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "launch",
        WRITERS,
        "launched",
        lambda session, contents, by: workflow.launch(
            session, by.campaign_id, contents, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "undo-launch",
        STOPPERS,
        "launch_undone",
        lambda session, _, by: workflow.undo_launch(session, by.campaign_id, staff=by.staff, now=by.now),
    ),
    Button(
        "pause",
        STOPPERS,
        "paused",
        lambda session, _, by: workflow.pause(
            session, by.campaign_id, note=by.note, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "resume",
        STOPPERS,
        "resumed",
        lambda session, _, by: workflow.resume(session, by.campaign_id, staff=by.staff, now=by.now),
    ),
    Button(
        "abort",
        STOPPERS,
        "aborted",
        lambda session, _, by: workflow.abort(
            session, by.campaign_id, note=by.note, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "audience",
        WRITERS,
        "audience_taken",
        lambda session, _, by: workflow.take_newer_audience(
            session, by.campaign_id, by.audience_version, staff=by.staff, now=by.now
        ),
    ),
    Button(
        "delete",
        WRITERS,
        "deleted",
        lambda session, _, by: service.discard(session, by.campaign_id, staff=by.staff, now=by.now),
        stays=False,
    ),
)
