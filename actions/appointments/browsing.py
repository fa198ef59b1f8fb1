"""Choosing a department by digits alone: a group, then its departments, as many at a time as the channel shows."""

from __future__ import annotations

from actions.appointments import words
from actions.appointments.state import DEPARTMENT, State
from actions.turn import Turn, option
from care.hospital import service as hospital
from care.hospital.groups import grouped
from channels.reply import Option
from channels.wording.labels import label

GROUP = "group"
_PAGE = "menu"


async def groups(turn: Turn, room: int) -> list[Option]:
    """At most `room` groups; where all departments have room they are offered themselves."""
    every = await hospital.departments(turn.session, bookable=True)
    if len(every) <= room:
        return [option(f"dept:{one.id.hex}", words.department_name(turn, one)) for one in every]
    return [option(f"{GROUP}:{name}:0", name) for name in grouped(every)][:room]


def turn_to(state: State, value: str) -> bool:
    """Go to the page an option named (`<group>:<first>`). False for one that never was."""
    name, _, first = value.rpartition(":")
    if not name or not first.isdecimal():
        return False
    state.remember("suggest", [])
    state.go(DEPARTMENT)
    state.data[_PAGE] = [name, int(first)]
    state.save()
    return True


def page_of(state: State) -> tuple[str, int] | None:
    """The page that is shown, if the question of the department is one."""
    found = state.data.get(_PAGE)
    return (str(found[0]), int(found[1])) if found and not state.ids("suggest") else None


async def say_page(turn: Turn, name: str, first: int, room: int) -> None:
    """Departments of the group from number `first` on; the last option goes on, and at the end back to the first ones."""
    rows = grouped(await hospital.departments(turn.session, bookable=True)).get(name, [])
    all_fit = not first and len(rows) <= room
    shown = rows[first:] if all_fit else rows[first : first + room - 1]
    options = [option(f"dept:{one.id.hex}", words.department_name(turn, one)) for one in shown]
    if not all_fit:
        more = first + len(shown) < len(rows)
        to = first + len(shown) if more else 0
        options.append(
            option(f"{GROUP}:{name}:{to}", label("more_departments" if more else "from_the_start"))
        )
    turn.say("booking.department_page", *options, group=name)
