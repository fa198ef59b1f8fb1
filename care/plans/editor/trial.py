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
from care.plans.machine.journal import Journal, as_picture, as_text, compared
from care.plans.machine.persona import PersonaError, read_personas
from care.plans.machine.words import words
from care.plans.models import PlanDraft
from web.words import query_of

PATIENCE = 1.0
"""Seconds a request waits for the run before it says how far it is."""
TO_KEEP = 20.0
"""Seconds a download waits for a run that is no longer there."""
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

    async def played(
        name: str, which: str, patients: str, days: int, patience: float
    ) -> tuple[Journal | float, _Far]:
        """The run, or how long it has been going on, and how far it is. Raises `PersonaError`, `PlanError`."""
        personas = read_personas(patients.splitlines())
        plan, state = await plan_of(name, which)
        key = (name, state, patients, str(days))
        at = far.setdefault(key, _Far())
        work = partial(
            desk.player.play,
            plan,
            personas,
            anchor=desk.clock.local().date(),
            days=days,
            progress=partial(setattr, at, "day"),
        )
        found = await desk.trials.ask(key, work, patience)
        if isinstance(found, Journal):
            far.pop(key, None)
        return found, at

    @router.get("/{name}/trial")
    async def trial(
        request: Request,
        _staff: Looker,
        name: str,
        which: Annotated[str, Query(max_length=5)] = "live",
        patients: Annotated[str, LINES] = "",
        days: Annotated[int, Query(ge=1, le=400)] = 90,
        compare: bool = False,
    ) -> Response:
        """`compare`: the draft's run beside the published plan's, for the same people."""
        found: Journal | float | None = None
        before: Journal | float | None = None
        problem, at = "", _Far()
        async with desk.database.read("published plan") as session:
            beside = which == "draft" and await publishing.newest(session, name) is not None
        try:
            found, at = await played(name, which, patients, days, PATIENCE)
            if compare and beside and isinstance(found, Journal):
                before, at = await played(name, "live", patients, days, PATIENCE)
        except PersonaError as error:
            problem = words("page", "bad_patient", word=error.word)
        except PlanError:
            problem = words("page", "wrong_plan")
        running = next((one for one in (found, before) if isinstance(one, float)), None)
        journal = found if isinstance(found, Journal) and running is None else None
        return show(
            desk,
            request,
            "trial.html",
            name=name,
            which=which,
            patients=patients,
            days=days,
            problem=problem,
            running=words("page", "running", seconds=round(running)) if running is not None else "",
            day=at.day,
            again=f"{HOME}/{name}/trial",
            journal=journal,
            beside=beside,
            compare=compare,
            apart=compared(before, journal) if journal and isinstance(before, Journal) else None,
            took=words("page", "took", days=days, seconds=f"{journal.seconds:.1f}") if journal else "",
            pictures=[(part, as_picture(journal, part)) for part in journal.parts] if journal else [],
            text=as_text(journal) if journal else "",
            query=query_of({"which": which, "patients": patients, "days": days}),
        )

    @router.get("/{name}/trial/text")
    async def text(
        _staff: Looker,
        name: str,
        which: Annotated[str, Query(max_length=5)] = "live",
        patients: Annotated[str, LINES] = "",
        days: Annotated[int, Query(ge=1, le=400)] = 90,
    ) -> Response:
        """The run as a file, to be kept and compared."""
        try:
            found, _ = await played(name, which, patients, days, TO_KEEP)
        except (PersonaError, PlanError) as error:
            raise HTTPException(422, words("page", "wrong_plan")) from error
        if not isinstance(found, Journal):
            raise HTTPException(503, words("page", "running", seconds=round(found)))
        named = f'attachment; filename="{name}-{found.plan.version}.{found.plan.revision}-{days}.txt"'
        return Response(
            as_text(found), media_type="text/plain; charset=utf-8", headers={"Content-Disposition": named}
        )
