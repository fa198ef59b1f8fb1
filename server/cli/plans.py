"""`plan run`: a follow-up plan played for synthetic patients, as text that can be compared."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated

import typer

from server.settings import Settings, SettingsError, load_settings

plan = typer.Typer(help="Follow-up plans: play one before anybody gets it.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(plan, name="plan")


@plan.callback()
def _group() -> None:
    """Keeps `run` a word of its own while it is the only one."""


@plan.command(
    "run",
    help="Play a plan for synthetic patients through the real code, with a virtual clock, in a scratch database.\n\n"
    "Example: ./banyi plan run post_discharge --patient 'silent' --patient 'female 67 I50 dies:20' --days 90\n\n"
    "A patient: answers or silent, unwell, wechat, sms, female, male, an age, ICD-10 codes, and what happens on which day: "
    "opts-out:10 dies:20 readmitted:15 visits:20 withdraws:5",
)
def run(
    name: Annotated[str, typer.Argument(help="the plan's name, as on its page")],
    patient: Annotated[list[str] | None, typer.Option(help="one who is played; again for a cohort")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="days played")] = 90,
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="the anchor's day")
    ] = None,
    shipped: Annotated[
        bool, typer.Option(help="play with what comes along, not with this installation's database")
    ] = False,
) -> None:
    print(asyncio.run(_run(load_settings(), name, patient or [], days, begin, shipped)), end="")


async def _run(
    settings: Settings, name: str, patients: list[str], days: int, begin: datetime | None, shipped: bool
) -> str:
    from care.plans import publishing
    from care.plans.machine.journal import as_text
    from care.plans.machine.persona import PersonaError, read_personas
    from server.timemachine.opening import open_house
    from server.timemachine.running import TimeMachine

    try:
        personas = read_personas(patients)
    except PersonaError as error:
        raise SettingsError(str(error)) from error
    async with open_house(settings, shipped=shipped) as house:
        async with house.database.read("plan") as session:
            found = await publishing.newest(session, name)
            known = [one.plan.name for one in await publishing.all_current(session)]
        if found is None:
            raise SettingsError(f"there is no plan {name!r}; there are: {', '.join(known)}.")
        machine = TimeMachine(house)
        anchor: date = begin.date() if begin else house.clock.local().date()
        try:
            return as_text(await machine.play(publishing.plan_of(found), personas, anchor=anchor, days=days))
        finally:
            machine.close()
