"""A hospital's own booking service over HTTP: the same rows behind JSON paths and behind one SOAP method with XML as a text inside."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web
from lxml import etree

FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass
class HttpHis:
    """`silent`: it does what it is told and then breaks off instead of answering. `encoding`: of its answers; `declares`: what the XML inside
    an answer says of itself."""

    slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    booked: list[dict[str, Any]] = field(default_factory=list)
    patients: list[tuple[str, str, str]] = field(default_factory=list)
    silent: bool = False
    encoding: str = "utf-8"
    declares: str = ""
    url: str = ""

    def clinic(self, code: str, service: str, starts: list[datetime], fee: str = "18.5") -> None:
        for start in starts:
            number = str(len(self.slots) + 1)
            row = {
                "hyid": number,
                "ysgh": code,
                "ksdm": service,
                "kssj": start.strftime(FORMAT),
                "syhs": "1",
                "ghf": fee,
            }
            self.slots[number] = {**row, "jssj": start.replace(minute=start.minute + 10).strftime(FORMAT)}

    def act(self, op: str, asked: dict[str, Any]) -> tuple[str, str, list[dict[str, Any]]]:
        """Code, message and rows."""
        match op:
            case "schedules":
                return "0", "", list(self.slots.values())
            case "book":
                slot, who = self.slots[asked["hyid"]], asked.get("hz", asked)
                self.patients.append((who["blh"], who["xm"], who["xb"]))
                if slot["syhs"] == "0":
                    return "1001", "号源已满", []
                slot["syhs"] = "0"
                number = f"YY{len(self.booked) + 1}"
                self.booked.append(
                    {
                        "yyh": number,
                        "wbh": asked["wbh"],
                        "zt": "1",
                        "sj": slot["kssj"],
                        "xgsj": "2026-11-22 09:00:00",
                    }
                )
                return "0", "", self.booked[-1:]
            case "cancel":
                for row in self.booked:
                    if row["yyh"] == asked["yyh"]:
                        row["zt"] = "2"
                return "0", "", []
            case "find":
                return "0", "", [row for row in self.booked if row["wbh"] == asked["wbh"]]
        return "0", "", [row for row in self.booked if row["xgsj"] >= asked["since"]]

    async def _json(self, request: web.Request) -> web.Response:
        op = request.path.strip("/")
        code, said, rows = self.act(op, await request.json() if request.can_read_body else {})
        self._break_off(request)
        data = rows[0] if op == "book" and rows else {"list": rows}
        text = json.dumps({"code": code, "msg": said, "data": data}, ensure_ascii=False)
        return web.Response(body=text.encode(self.encoding), content_type="application/json")

    async def _soap(self, request: web.Request) -> web.Response:
        sent = await request.text()
        [call] = etree.fromstring(sent.encode()).iter("{http://tempuri.org/}Call")
        asked = {etree.QName(one).localname: one.text for one in call}
        code, said, rows = self.act(asked["op"], asked)
        self._break_off(request)
        inside = "".join(
            f"<Row>{''.join(f'<{name}>{value}</{name}>' for name, value in row.items())}</Row>"
            for row in rows
        )
        text = escape(f"{self.declares}<Response><Code>{code}</Code><Msg>{said}</Msg>{inside}</Response>")
        body = f'<Envelope><Body><CallResponse xmlns="http://tempuri.org/"><CallResult>{text}</CallResult></CallResponse></Body></Envelope>'
        return web.Response(body=body.encode(self.encoding), content_type="text/xml", charset=self.encoding)

    def _break_off(self, request: web.Request) -> None:
        if self.silent and request.transport is not None:
            request.transport.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[HttpHis]:
        app = web.Application()
        app.router.add_post("/his.asmx", self._soap)
        app.router.add_route("*", "/{op}", self._json)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()
