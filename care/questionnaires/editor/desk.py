"""What the editors' pages of questionnaires share: their parts, who may open them, and how a page is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import Depends, Request
from starlette.responses import Response

from care.questionnaires.definition import Definition, DefinitionError, Item, read_definition
from care.questionnaires.editor.tree import Raw
from care.questionnaires.errors import words
from care.questionnaires.paths import SEED
from store.clock import Clock
from store.database import Database
from web.shell import add_templates, render
from web.signin.access import require
from web.signin.models import Role, StaffUser

add_templates("questionnaires_editor", Path(__file__).parent / "templates")

WRITERS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
"""Who builds and hands in. Who may publish: `drafts.refusal`."""
Writer = Annotated[StaffUser, Depends(require(*WRITERS))]
HOME = "/content/questionnaires"
SHORT_TEXT = 40
"""How much of what a patient hears a list shows."""
ABOUT_WHEN = "15:30"
"""Stands for the time by which a nurse rings, where what a patient hears is shown to editors."""


@dataclass(frozen=True, slots=True)
class QuestionnaireDesk:
    """What the server hands in. `speak`: how a question is put on a channel (wechat, sms), as it is really said."""

    database: Database
    clock: Clock
    speak: Callable[[Definition, Item, str], str]


@cache
def heard() -> dict[str, str]:
    """Wording key → how what the patient hears at a red flag begins (`data/seed/wording/flags.yml`)."""
    said = yaml.safe_load((SEED / "wording" / "flags.yml").read_text("utf-8"))
    return {
        key: f"{one['wechat'].replace('{until}', ABOUT_WHEN)[:SHORT_TEXT]}…"
        for key, one in said.items()
        if key.startswith("flag.")
    }


def understood(raw: Raw) -> tuple[Definition | None, str]:
    """The definition, or what is wrong with it."""
    try:
        return read_definition(raw), ""
    except DefinitionError as error:
        return None, str(error)


def show(
    desk: QuestionnaireDesk, request: Request, template: str, status: int = 200, **values: Any
) -> Response:
    """A page of theirs. `?said=` names what was just done."""
    said = request.query_params.get("said", "")
    known = words().known("said").get(said, "")
    context = {
        "item_options": _options,
        "home": HOME,
        "words": words(),
        "local": desk.clock.local,
        "said": known,
        "problem": "",
        **values,
    }
    return render(request, f"questionnaires_editor/{template}", status, **context)


def _options(item: Item) -> list[tuple[str, str]]:
    """Code and words of an item's choices."""
    return [(one.code, one.label) for one in item.choices]
