"""The editors' pages over a test's database."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from content.faq.pages import FaqDesk, faq_router
from content.faq.questions.grouper import QuestionGrouper
from content.faq.search import FaqIndex, sms_tail
from content.sms.lint import SmsFrame
from language.embed import Embedder
from language.grouping import GroupingSettings
from language.retrieve import HybridIndex
from server.settings import ROOT
from store.clock import Clock
from store.database import Database
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router

MODEL = ROOT / "var" / "models" / "sentence-onnx"
FRAME = SmsFrame("云江示范医院", sms_tail().format(landline="0571-00000000"))
GOOD: dict[str, Any] = {
    "question": "医院里可以借充电宝吗？",
    "similar": "哪里能借充电宝\n手机没电了怎么办\n有没有充电的地方\n充电宝在哪借",
    "category": "院内服务",
    "answer": "门诊楼1层大厅和各楼层护士站旁都有共享充电宝，扫码就能借，还到任意一台都可以。住院楼每个床头有插座。",
    "source": "总务科《便民服务指南》",
    "sms": "门诊楼1层大厅和各楼层都有共享充电宝，扫码即借，可还到任意一台",
    "keywords": "充电宝、充电",
}
"""An entry as its form is filled in, with nothing to object to."""


@cache
def embedder() -> Embedder:
    if not MODEL.exists():
        pytest.skip("NOT TESTED: the sentence model is not built (make setup)")
    return Embedder(MODEL)


def faq_app(database: Database, clock: Clock) -> FastAPI:
    """The application; its index is `app.state.index` and is not refreshed by itself."""
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("问答", "/content", frozenset({"editor", "clinical_reviewer"}))]
    install_shell(app)
    app.include_router(signin_router())
    index = FaqIndex(database, HybridIndex(embedder()))
    grouper = QuestionGrouper(database, clock, embedder(), index)
    desk = FaqDesk(database, clock, index, FRAME, grouper.refresh, GroupingSettings.load().same)
    router = faq_router(desk)
    app.include_router(router)
    app.state.index, app.state.grouper, app.state.faq_routes = index, grouper, router.routes
    return app
