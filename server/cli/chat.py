"""`chat`: talk in the terminal. What is typed goes to the simulator's phone, and so the whole way of a real message.

If nothing is running, an installation is started for the time of the talk, on free ports with the same state.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import aiohttp
import typer

from server.settings import Settings, SettingsError, load_settings

QUIET = 0.6
"""Seconds without another message after which the bot is taken to have finished."""
PATIENCE = 20.0
"""Seconds to wait for the first message of an answer."""


class Channel(StrEnum):
    WECHAT = "wechat"
    SMS = "sms"


def add_to(app: typer.Typer) -> None:
    app.command(
        help="Talk to the bot as a demo patient, over the whole path.\n\n"
        "Examples: ./banyi chat --channel wechat\n\n"
        "          ./banyi chat --channel sms --patient D0000001 --script lines.txt\n\n"
        "In a script each line is said in turn; # starts a comment, >N taps the N-th option of the last menu."
    )(chat)


def chat(
    channel: Annotated[Channel, typer.Option(help="which phone")] = Channel.WECHAT,
    patient: Annotated[
        str, typer.Option(help="record number of a demo patient, or any new openid or phone")
    ] = "D0000001",
    script: Annotated[Path | None, typer.Option(help="play these lines", exists=True, dir_okay=False)] = None,
) -> None:
    settings = load_settings()
    if not settings.simulators:
        raise SettingsError("chat talks through the simulators: set BANYI_SIMULATORS=true.")
    asyncio.run(_chat(settings, channel, address_of(patient, channel), script))


def address_of(patient: str, channel: Channel) -> str:
    """A demo patient's openid or phone; anything else is taken as an address."""
    from care.seed import demo_patients

    for one in demo_patients():
        if patient in (one.record_number, one.name, str(one.patient_id)):
            found = [address for name, address, _ in one.contacts if name == channel.value]
            if not found:
                raise SettingsError(
                    f"{one.name} has no {channel.value} in the demo; choose another --patient."
                )
            return found[0]
    if channel is Channel.SMS:
        from channels.sms.numbers import to_e164

        number = to_e164(patient)
        if number is None:
            raise SettingsError(f"{patient}: neither a demo patient (D0000001 …) nor a mobile number.")
        return number
    return patient


class Phone:
    """One phone of the simulators, by their control plane."""

    def __init__(self, http: aiohttp.ClientSession, base: str, channel: Channel, address: str) -> None:
        self._http = http
        self._base = f"{base}/sim/{channel.value}"
        self._channel = channel
        self._address = address
        self._seen = 0
        self.menu: list[dict[str, str]] = []

    async def ready(self) -> None:
        """Follow the account if this openid does not; what was said before is passed over."""
        await self.new_messages()
        if self._channel is Channel.WECHAT:
            async with self._http.get(f"{self._base}/_sim/users") as response:
                users = await response.json()
            if not users.get(self._address, {}).get("subscribed"):
                await self._post(f"/_sim/users/{quote(self._address)}/follow", {})

    async def say(self, text: str) -> None:
        if self._channel is Channel.WECHAT:
            await self._post(f"/_sim/users/{quote(self._address)}/text", {"text": text})
        else:
            await self._post(f"/_sim/phones/{quote(self._address)}/text", {"text": text})

    async def tap(self, number: int) -> None:
        """Tap the `number`-th item of the last menu; on SMS, answer with the digit."""
        if self._channel is Channel.SMS or not 0 < number <= len(self.menu):
            await self.say(str(number))
        else:
            await self._post(f"/_sim/users/{quote(self._address)}/tap", {"id": self.menu[number - 1]["id"]})

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with self._http.post(self._base + path, json=body) as response:
            if response.status != 200:
                raise SettingsError(f"the simulator refused: {await response.text()}")

    async def new_messages(self) -> list[dict[str, Any]]:
        """What came since the last look, ours left out."""
        url = f"{self._base}/_sim/transcript"
        async with self._http.get(
            url, params={"address": self._address, "after": str(self._seen)}
        ) as response:
            events: list[dict[str, Any]] = await response.json()
        for event in events:
            self._seen = max(self._seen, int(event["seq"]))
        return [event for event in events if event["direction"] != "in"]

    async def answer(self) -> list[dict[str, Any]]:
        """The bot's next messages: waits for the first, then until it is quiet."""
        loop = asyncio.get_running_loop()
        heard: list[dict[str, Any]] = []
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            new = await self.new_messages()
            if any(event["direction"] == "out" for event in new):
                deadline = loop.time() + QUIET
            heard += new
            await asyncio.sleep(0.08)
        for event in heard:
            if event["direction"] == "out":
                self.menu = event.get("menu") or []
        return heard


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """The base URL of a running installation; one is started when there is none."""
    from server.cli.running import children, wait_for_application
    from server.supervisor import Supervisor, free_ports

    if await wait_for_application(settings, 1.0):
        yield settings.loopback
        return
    ports = free_ports(3)
    names = ("BANYI_PORT", "BANYI_INTERNAL_PORT", "BANYI_ENGINE_PORT")
    os.environ.update({name: str(port) for name, port in zip(names, ports, strict=True)})
    own = load_settings()
    from server import engine

    if not engine.model_path(own).exists():
        engine.train(own)
    print("… nothing is running here; starting it for this talk", file=sys.stderr, flush=True)
    supervisor = Supervisor(children(own, own.var_dir / "log-chat"))
    await supervisor.start()
    try:
        if not await wait_for_application(own):
            raise SettingsError(f"it did not start; see {own.var_dir / 'log-chat'}.")
        yield own.loopback
    finally:
        await supervisor.stop()


async def _chat(settings: Settings, channel: Channel, address: str, script: Path | None) -> None:
    async with running(settings) as base, aiohttp.ClientSession() as http:
        phone = Phone(http, base, channel, address)
        await phone.ready()
        if script is not None:
            for line in script.read_text("utf-8").splitlines():
                if line.strip() and not line.startswith("#"):
                    print(f"P {line}", flush=True)
                    await _turn(phone, line)
            return
        print("(空行结束；>2 点第2个选项)" if sys.stdin.isatty() else "", file=sys.stderr)
        while line := (await asyncio.to_thread(_prompt)).strip():
            await _turn(phone, line)


def _prompt() -> str:
    try:
        return input("P " if sys.stdin.isatty() else "")
    except EOFError:
        return ""


async def _turn(phone: Phone, line: str) -> None:
    if line.startswith(">") and line[1:].strip().isdigit():
        await phone.tap(int(line[1:]))
    else:
        await phone.say(line)
    heard = await phone.answer()
    if not heard:
        print("(没有等到回复)", flush=True)
    for event in heard:
        print(_shown(event), flush=True)


def _shown(event: dict[str, Any]) -> str:
    mark = "B" if event["direction"] == "out" else "·"
    menu = "".join(f"\n    {n} {item['label']}" for n, item in enumerate(event.get("menu") or [], 1))
    return f"{mark} {event['text']}{menu}"
