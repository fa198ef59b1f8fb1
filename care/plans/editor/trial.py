"""试跑 on a plan's pages: played in the background, a line that says how far it is, then a timeline a patient and the text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.editor.desk import HOME, Looker, PlanDesk, show
from care.plans.editor.desk import words as desk_words
from care.plans.errors import PlanError
from care.plans.machine.journal import Journal, as_picture, as_text
from care.plans.machine.persona import PersonaError, read_personas
from care.plans.machine.words import words
from care.plans.models import PlanDraft

PATIENCE = 1.0
"""Seconds a request waits for the run before it says how far it is."""
LINES = Query(max_length=2000)


@dataclass(slots=True)
class _Far:
    """How far a run is."""

    day: int = 0


def add_trial(router: APIRouter, desk: PlanDesk) -> None:
    """`GET /content/plans/{name}/trial`: the part that asks for itself again until the run is over."""
    far: dict[tuple[str, ...], _Far] = {}

    async def plan_of(name: str, which: str) -> tuple[Plan, str]:
        """The plan, and what tells one state of it from another."""
        async with desk.database.read("plan to play") as session:
            if which == "draft":
                draft = await session.get(PlanDraft, name)
                if draft is None:
                    raise HTTPException(404, desk_words("refused", "draft_gone"))
                return read_plan(draft.definition), f"draft{draft.edition}"
            row = await publishing.newest(session, name)
            if row is None:
                raise HTTPException(404, desk_words("refused", "gone"))
            return publishing.plan_of(row), f"{row.version}.{row.revision}"

    @router.get("/{name}/trial")
    async def trial(
        request: Request,
        _staff: Looker,
        name: str,
        which: Annotated[str, Query(max_length=5)] = "live",
        patients: Annotated[str, LINES] = "",
        days: Annotated[int, Query(ge=1, le=400)] = 90,
    ) -> Response:
        found: Journal | float | None = None
        problem, at = "", _Far()
        try:
            personas = read_personas(patients.splitlines())
            plan, state = await plan_of(name, which)
            key = (name, state, patients, str(days))
            at = far.setdefault(key, at)
            work = partial(
                desk.player.play,
                plan,
                personas,
                anchor=desk.clock.local().date(),
                days=days,
                progress=partial(setattr, at, "day"),
            )
            found = await desk.trials.ask(key, work, PATIENCE)
            if isinstance(found, Journal):
                far.pop(key, None)
        except PersonaError as error:
            problem = words("page", "bad_patient", word=error.word)
        except PlanError:
            problem = words("page", "wrong_plan")
        journal = found if isinstance(found, Journal) else None
        return show(
            desk,
            request,
            "trial.html",
            name=name,
            which=which,
            patients=patients,
            days=days,
            problem=problem,
            running=words("page", "running", seconds=round(found)) if isinstance(found, float) else "",
            day=at.day,
            again=f"{HOME}/{name}/trial",
            journal=journal,
            took=words("page", "took", days=days, seconds=f"{journal.seconds:.1f}") if journal else "",
            pictures=[(part, as_picture(journal, part)) for part in journal.parts] if journal else [],
            text=as_text(journal) if journal else "",
        )
