"""A patient with a short check after an operation to answer, links and codes to it, and the pages in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from fastapi import FastAPI
from sqlalchemy import select

from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from care.questionnaires import extensions as ext
from care.questionnaires import service
from care.questionnaires.entrance import codes, links
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.pages.answering import answering_router
from care.questionnaires.pages.public import PublicDesk
from channels.contacts.models import Contact, Conversation
from channels.reply import Reply
from channels.wechat.wording import as_text
from channels.wording.catalogue import Catalogue
from store.clock import VirtualClock
from store.database import Database
from tests.care.questionnaires.building import questionnaire, scale
from tests.channels.simulator.serving import serve
from tests.factories.messages import conversation
from web.build import ROOT, build
from web.limits import Limits
from web.shell import install_shell

NAME, LAST4 = "欧阳海棠", "002X"
HOSPITAL, LANDLINE = "云江市示范医院", "0571-00000000"
FIXED = timedelta(days=14)


def _choice(*labels: str, alone: str = "") -> list[dict[str, Any]]:
    return [
        {
            "valueCoding": {
                "code": str(at),
                "display": label,
                "extension": [{"url": ext.ORDINAL, "valueDecimal": at}],
            },
            **({"extension": [{"url": ext.EXCLUSIVE, "valueBoolean": True}]} if label == alone else {}),
        }
        for at, label in enumerate(labels)
    ]


def _range(low: float, high: float) -> dict[str, Any]:
    inner = [{"url": "low", "valueDecimal": low}, {"url": "high", "valueDecimal": high}]
    return {"url": ext.PLAUSIBLE, "extension": inner}


def _flag(
    code: str, severity: str, says: str, of: str, operator: str, value: dict[str, Any]
) -> dict[str, Any]:
    when = [
        {"url": "on", "valueCode": "answer"},
        {"url": "of", "valueCode": of},
        {"url": "operator", "valueCode": operator},
        {"url": "value", **value},
    ]
    inner: list[dict[str, Any]] = [
        {"url": "code", "valueCode": code},
        {"url": "severity", "valueCode": severity},
        {"url": "title", "valueString": f"术后{code}"},
        {"url": "says", "valueCode": says},
        {"url": "when", "extension": when},
    ]
    return {"url": ext.RED_FLAG, "extension": inner}


CHECK = questionnaire(
    {"linkId": "fever", "type": "boolean", "required": True, "text": "今天发烧吗？"},
    {
        "linkId": "temperature",
        "type": "quantity",
        "required": True,
        "text": "今天量的体温是多少度？",
        "enableWhen": [{"question": "fever", "operator": "=", "answerBoolean": True}],
        "extension": [
            _range(35, 41),
            {"url": ext.UNIT, "valueCoding": {"system": ext.UCUM, "code": "Cel", "display": "℃"}},
            {"url": ext.MIN_VALUE, "valueDecimal": 30},
            {"url": ext.MAX_VALUE, "valueDecimal": 45},
        ],
    },
    {
        "linkId": "pain",
        "type": "choice",
        "required": True,
        "text": "伤口疼得怎么样？",
        "answerOption": _choice("不疼", "有点疼", "很疼"),
        "extension": [{"url": ext.WHY, "valueString": "疼得厉害时护士会早点联系您。"}],
    },
    {
        "linkId": "signs",
        "type": "choice",
        "repeats": True,
        "text": "伤口有下面的情况吗？",
        "answerOption": _choice("红肿", "流脓", "裂开", "以上都没有", alone="以上都没有"),
    },
    {"linkId": "comment", "type": "text", "text": "还有什么想告诉护士的？"},
    extension=[
        scale("total", "pain", bands=[(0, 2, "已记录", "伤口疼痛的情况护士已经看到。")]),
        _flag("high", "urgent", "flag.fever", "temperature", ">=", {"valueDecimal": 38.5}),
        _flag("open", "emergency", "flag.emergency", "signs", "=", {"valueString": "2"}),
        {"url": ext.SHOWS_RESULT, "valueBoolean": True},
        {"url": ext.PURPOSE, "valueCode": "follow_up"},
    ],
)


@dataclass
class Ground:
    """One patient with a WeChat contact and one open response."""

    database: Database
    clock: VirtualClock
    patient: UUID
    contact: Contact
    talk: Conversation
    response: UUID

    async def link(self, lasts: timedelta = FIXED) -> str:
        """The path of a new link."""
        async with self.database.write("a link") as session:
            return await links.issue(session, self.response, now=self.clock.now(), lasts=lasts)

    async def code(self, lasts: timedelta = timedelta(hours=72)) -> str:
        async with self.database.write("a code") as session:
            return await codes.issue(session, self.response, now=self.clock.now(), lasts=lasts)

    async def found(self) -> QuestionnaireResponse:
        async with self.database.read("the response") as session:
            return await session.get_one(QuestionnaireResponse, self.response)

    async def says(self, link_id: str, words: str, channel: Any = "wechat") -> Any:
        """Answered in the conversation meanwhile."""
        async with self.database.write("said") as session:
            response = await session.get_one(QuestionnaireResponse, self.response)
            return await service.answer(
                session, response, link_id, words, now=self.clock.now(), by=service.By(channel)
            )

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read("rows") as session:
            return list(await session.scalars(select(table)))


async def make_ground(database: Database, clock: VirtualClock, *, id_number: bool = True) -> Ground:
    contact, talk = await conversation(database, clock)
    async with database.write("a patient with a check") as session:
        number = f"99010019600501{LAST4}" if id_number else None
        data = PatientData("R7700042", NAME, "female", date(1960, 5, 1), "19900007742", number)
        patient = await patients.create(session, data, clock.now())
        await patients.link_contact(session, patient.id, contact.id, Relation.SELF, at=clock.now())
        await service.publish(session, CHECK, clock.now())
        response = await service.assign(
            session, "check", patient_id=patient.id, now=clock.now(), source="staff", key="check:1"
        )
        assert response is not None
        return Ground(database, clock, patient.id, contact, talk, response.id)


def answering_app(database: Database, clock: VirtualClock) -> FastAPI:
    build()
    catalogue = Catalogue(
        Path(ROOT) / "data" / "seed" / "wording",
        {"hospital": HOSPITAL, "landline": LANDLINE, "site": "https://h.example"},
    )

    def speak(reply: Reply) -> str:
        return as_text(catalogue.render_wechat(reply, None))

    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    desk = PublicDesk(database, clock, Limits(), HOSPITAL, LANDLINE, "hospital", FIXED, speak)
    app.include_router(answering_router(desk))
    return app


@dataclass
class Phone:
    """A phone's browser without scripts."""

    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **form: Any) -> tuple[int, str, str]:
        """Status, the page, and where it leads."""
        async with self.http.post(path, data=form, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")

    async def send(self, path: str, link_id: str, *values: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """As the script does."""
        body = {"link_id": link_id, "values": list(values), **more}
        async with self.http.post(f"{path}/answer", json=body) as answer:
            found: dict[str, Any] = await answer.json()
            return answer.status, found


@asynccontextmanager
async def a_phone(url: str) -> AsyncIterator[Phone]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, headers={"Accept": "text/html"}, cookie_jar=jar) as http:
        yield Phone(http)


@asynccontextmanager
async def answering(ground: Ground) -> AsyncIterator[Phone]:
    async with serve(answering_app(ground.database, ground.clock)) as url, a_phone(url) as phone:
        yield phone
