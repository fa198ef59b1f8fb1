"""`hl7 send`: play a file of HL7 messages against a listener, ours or another's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from server.settings import SettingsError, load_settings

_BEGINS = re.compile(rb"(?m)^(?=MSH[^\w\s])")


def add_to(app: typer.Typer) -> None:
    hl7 = typer.Typer(
        help="HL7 v2 over MLLP (docs/hl7.md).\n\nExample: ./banyi hl7 send docs/examples/stay.hl7",
        no_args_is_help=True,
    )
    hl7.callback()(lambda: None)  # one command alone would take the group's place
    hl7.command(
        help="Send each message of a file and print its answer; the exit code is 1 when one was not taken."
        "\n\nExample: ./banyi hl7 send docs/examples/stay.hl7 --to 127.0.0.1:2575"
    )(send)
    app.add_typer(hl7, name="hl7")


def send(
    file: Annotated[Path, typer.Argument(help="messages, one after the other; - reads standard input")],
    to: Annotated[str, typer.Option(help="host:port; empty: BANYI_HL7_LISTEN")] = "",
    timeout: Annotated[float, typer.Option(help="seconds to wait for an answer", min=0.1)] = 30.0,
) -> None:
    target = to or load_settings().hl7_listen
    if not re.fullmatch(r"\S+:\d{1,5}", target):
        raise SettingsError("where to: give --to host:port, or set BANYI_HL7_LISTEN.")
    try:
        raw = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
    found = messages_in(raw)
    if not found:
        raise SettingsError(f"{file} holds no message: each begins with MSH.")
    taken = asyncio.run(_send(found, target, timeout))
    print(f"{taken} of {len(found)} messages were taken")
    if taken < len(found):
        raise typer.Exit(1)


def messages_in(raw: bytes) -> list[bytes]:
    """The messages of a file, framed or not, with whatever ends its lines; each ends in CR, as HL7 wants it."""
    plain = raw.replace(b"\x0b", b"\n").replace(b"\x1c", b"\n").removeprefix(b"\xef\xbb\xbf")
    parts = _BEGINS.split(plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return [
        b"\r".join(line for line in part.split(b"\n") if line.strip()) + b"\r"
        for part in parts
        if part.startswith(b"MSH")
    ]


async def _send(found: list[bytes], target: str, timeout: float) -> int:
    from care.systems.hl7.client import Line, NoAnswer, NotHeard
    from care.systems.hl7.message import Unreadable, header
    from server.hl7 import address

    host, port = address(target)
    line, taken = Line(host, port, timeout=timeout), 0
    try:
        for number, raw in enumerate(found, 1):
            try:
                head = header(raw)
                what, control = head.kind, head[10]
            except Unreadable:
                what, control = "?", ""
            try:
                answer = await line.say(raw, control)
            except NotHeard as error:
                raise SettingsError(f"nobody answers at {target}: {error}") from error
            except NoAnswer as error:
                print(f"{number:>4}  {what:<8} {control:<20} no answer ({error})")
                continue
            taken += answer.taken
            why = "" if answer.taken else f"{answer.error} {answer.says}"
            print(f"{number:>4}  {what:<8} {control:<20} {answer.code} {why}".rstrip())
    finally:
        await line.close()
    return taken
