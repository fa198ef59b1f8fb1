"""How each of the operators' pages is put together: the shared words, times and what the reader may press."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from channels.ops.desk import OpsHouse
from channels.ops.shown import TEMPLATES, OpsWords, Times, masked
from web.shell import add_templates, render
from web.signin.access import may
from web.signin.models import Role, StaffUser
from web.words import query_of

add_templates("ops", TEMPLATES)

VIEWERS = (Role.OPERATOR, Role.NURSE, Role.AUDITOR)
"""Who may look at the delivery."""
STOPPERS = (Role.OPERATOR,)
"""Who may stop and start it."""
SETTLERS = (Role.OPERATOR, Role.NURSE)
"""Who decides about what is unclear or failed."""
READERS = (Role.NURSE,)
"""Who may read what a patient was told."""
TEMPLATERS = (Role.OPERATOR, Role.EDITOR)
"""Who looks after the templates."""


class OpsPages:
    """Renders `ops/<template>` for a member of staff."""

    def __init__(self, house: OpsHouse) -> None:
        self.words = OpsWords(house.explain)
        self.times = Times(house.clock, self.words)

    def show(self, request: Request, template: str, staff: StaffUser, **context: Any) -> Response:
        said = request.query_params.get("said", "")
        known = said in self.words.known("said")
        tabs = [("delivery", VIEWERS), ("messages", VIEWERS), ("templates", TEMPLATERS)]
        return render(
            request,
            f"ops/{template}",
            words=self.words,
            times=self.times,
            masked=masked,
            query_of=query_of,
            tab_names=[name for name, roles in tabs if may(staff, roles)],
            said=self.words("said", said) if known else "",
            said_kind="error" if said in ("too_late", "not_found", "sync_failed") else "success",
            may_stop=may(staff, STOPPERS),
            may_settle=may(staff, SETTLERS),
            may_read=may(staff, READERS),
            **context,
        )
