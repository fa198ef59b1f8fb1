"""Puts the commands together. Each imports what it needs when it runs: `--help` is quick."""

from __future__ import annotations

import sys

import typer

from server.cli import (
    care_team,
    chat,
    database,
    devices,
    evaluate,
    files,
    hl7,
    language,
    plans,
    privacy,
    running,
    staff,
    wechat,
)
from server.settings import SettingsError

app = typer.Typer(
    name="banyi",
    help="Banyi 伴医: run it, talk to it, load and export its data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
running.add_to(app)
language.add_to(app)
evaluate.add_to(app)
chat.add_to(app)
files.add_to(app)
database.add_to(app)
wechat.add_to(app)
staff.add_to(app)
care_team.add_to(app)
privacy.add_to(app)
plans.add_to(app)
devices.add_to(app)
hl7.add_to(app)


def main() -> int:
    try:
        app()
    except SettingsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
