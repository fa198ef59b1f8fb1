"""The buttons of a campaign: who may press each, what it does, what is said then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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


Do = Callable[[AsyncSession, ArticleContents, Pressed], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Button:
    """`said`: the key of what the page says when it is done. `stays`: whether there is a campaign to come back to."""

    name: str
    roles: Sequence[Role]
    said: str
    do: Do
    stays: bool = True


def _plain(do: Any) -> Do:
    """A step that needs nobody's words."""
    return lambda session, _, by: do(session, by.campaign_id, staff=by.staff, now=by.now)


def _noted(do: Any) -> Do:
    """A step with a remark."""
    return lambda session, _, by: do(session, by.campaign_id, note=by.note, staff=by.staff, now=by.now)


def _checked(do: Any) -> Do:
    """A step for which the texts must be good."""
    return lambda session, contents, by: do(session, by.campaign_id, contents, staff=by.staff, now=by.now)


def _approve(session: AsyncSession, contents: ArticleContents, by: Pressed) -> Awaitable[object]:
    return workflow.approve(session, by.campaign_id, contents, staff=by.staff, now=by.now, seen=by.number)


def _take_audience(session: AsyncSession, _: ArticleContents, by: Pressed) -> Awaitable[object]:
    return workflow.take_newer_audience(
        session, by.campaign_id, by.audience_version, staff=by.staff, now=by.now
    )


BUTTONS = (
    Button("submit", WRITERS, "submitted", _checked(workflow.submit)),
    Button("withdraw", WRITERS, "withdrawn", _plain(workflow.withdraw)),
    Button("approve", APPROVERS, "approved", _approve),
    Button("return", APPROVERS, "returned", _noted(workflow.send_back)),
    Button("launch", WRITERS, "launched", _checked(workflow.launch)),
    Button("undo-launch", STOPPERS, "launch_undone", _plain(workflow.undo_launch)),
    Button("pause", STOPPERS, "paused", _noted(workflow.pause)),
    Button("resume", STOPPERS, "resumed", _plain(workflow.resume)),
    Button("abort", STOPPERS, "aborted", _noted(workflow.abort)),
    Button("audience", WRITERS, "audience_taken", _take_audience),
    Button("delete", WRITERS, "deleted", _plain(service.discard), stays=False),
)
