"""A booking system at the other end of HL7's wire: python-hl7's own server takes messages apart and answers them.

It answers a control id it knows as it did before (HL7 2.5.1, 2.9.3.2), and keeps appointments by the placer's number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hl7.mllp import InvalidBlockError, start_hl7_server

PATIENT = "D0000001"


class BookingSystem:
    """`full`: starts (YYYYMMDDHHMM) it refuses. `lose`: answers to come that it swallows, closing the connection after it acted."""

    def __init__(self) -> None:
        self.port = 0
        self.heard: list[str] = []
        self.effects: list[tuple[str, str]] = []
        self.appointments: dict[str, tuple[str, str]] = {}
        self.full: set[str] = set()
        self.lose = 0
        self._answers: dict[str, str] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[BookingSystem]:
        server = await start_hl7_server(self._met, "127.0.0.1", self.port, encoding="utf-8")
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _met(self, reader: Any, writer: Any) -> None:
        try:
            while not reader.at_eof():
                message = await reader.readmessage()
                self.heard.append(str(message))
                answer = self._answer(message)
                if self.lose:
                    self.lose -= 1
                    break
                writer.writeblock(answer.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, InvalidBlockError):
            pass
        finally:
            writer.close()

    def _answer(self, message: Any) -> str:
        control = str(message.segment("MSH")[10])
        if control not in self._answers:
            self._answers[control] = self._act(message, control)
        return self._answers[control]

    def _act(self, message: Any, control: str) -> str:
        event = str(message.segment("MSH")[9]).split("^")[1]
        sch = message.segment("SCH")
        placer, start = str(sch[1]).split("^")[0], str(sch[11]).split("^")[3][:12]
        if event in ("S12", "S13") and start in self.full:
            refused = str(message.create_ack("AE", application="HIS"))
            return refused + "ERR|||103^Table value not found^HL70357|E||||号源已满\r"
        self.effects.append((event, placer))
        states = {"S12": "booked", "S13": "booked", "S15": "cancelled", "S26": "noshow"}
        self.appointments[placer] = (states[event], start)
        return str(message.create_ack("AA", application="HIS"))


def siu(
    event: str, control: str, *, placer: str = "", filler: str = "F1", start: str = "202611240930",
    doctor: str = "Y1", at: str = "20261122080000", record: str = PATIENT, state: str = "",
) -> str:  # fmt: skip
    """What its counters say."""
    fields = [""] * 26
    fields[1], fields[2], fields[6], fields[11], fields[25] = placer, filler, event, f"^^^{start}00", state
    return "\r".join(
        [
            f"MSH|^~\\&|HIS|云江医院|BANYI||{at}||SIU^{event}^SIU_S12|{control}|P|2.5.1||||||UNICODE UTF-8",
            "SCH|" + "|".join(fields[1:]),
            f"PID|1||{record}^^^云江医院^MR||王秀兰",
            "RGS|1|A",
            f"AIP|1|A|{doctor}^李敏",
            "",
        ]
    )
