"""A small real site: the shell, home, sign-in and the phones on the real simulators, served on a free port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from channels.simulator.pages import FeedStep, PhoneLook, PhoneNotice, PhonePerson, phones_router
from channels.simulator.sms import SmsSimulator
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.wechat import WeChatSimulator
from channels.simulator.wechat_rules import SimWeChatConfig
from server.supervisor import free_ports
from store.base import Base
from store.clock import VirtualClock
from store.database import Database
from web.build import build
from web.home import HomeLink, home_router
from web.shell import NavLink, install_shell
from web.signin.models import Role
from web.signin.pages import signin_router
from web.signin.service import create_user, ensure_admin

T = TypeVar("T")

PEOPLE = [
    PhonePerson("p1", "王秀兰", "62岁，2型糖尿病，术后第7天", "o-wang", "+8613800001234"),
    PhonePerson("p2", "李建国", "55岁，高血压", "o-li", "+8613900005678"),
    PhonePerson("p3", "欧阳静", "31岁，孕28周", "o-ouyang", "+8613700009999"),
]


class Directory:
    """The three people above."""

    async def people(self, query: str) -> list[PhonePerson]:
        return [one for one in PEOPLE if query in one.name or query in one.note]

    async def person(self, person_id: str) -> PhonePerson | None:
        return next((one for one in PEOPLE if one.id == person_id), None)


@dataclass
class Site:
    """The running site. `run` does something inside its event loop, as the hospital's side would."""

    url: str
    app: FastAPI
    wechat: WeChatSimulator
    sms: SmsSimulator
    loop: asyncio.AbstractEventLoop
    pushes: list[bytes]
    steps: list[FeedStep] = field(default_factory=list)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def call(self, work: Callable[[], T]) -> T:
        async def inside() -> T:
            return work()

        return self.run(inside())

    def hospital_writes(self, person: PhonePerson, text: str, menu: Sequence[tuple[str, str]] = ()) -> None:
        """A customer-service message arrives on the person's WeChat, under the simulator's own rules."""
        items = [{"id": item, "content": label} for item, label in menu]
        message: dict[str, Any] = {"touser": person.openid, "msgtype": "text", "text": {"content": text}}
        if items:
            body = {"head_content": text, "list": items, "tail_content": ""}
            message = {"touser": person.openid, "msgtype": "msgmenu", "msgmenu": body}

        def send() -> None:
            user, said, shown = self.wechat.rules.custom(message, str(message).encode())
            self.wechat.transcripts.add(user.openid, "out", said, "custom", shown)

        self.call(send)

    def hospital_texts(self, person: PhonePerson, text: str, parts: int = 1) -> None:
        self.call(lambda: self.sms.transcripts.add(person.phone, "out", text, "sms", parts=parts))


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Build the front end if needed, serve, and stop everything at the end."""
    build()
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    clock = VirtualClock()
    followers = tuple(one.openid for one in PEOPLE)
    config = SimWeChatConfig(followers=followers, templates={"visit_once": ("thing1",)})
    look = PhoneLook(notices=(PhoneNotice("visit_once", "预约结果通知"),))
    wechat = WeChatSimulator(config, f"{url}/wx/callback", clock)
    sms = SmsSimulator(SimSmsConfig(), f"{url}/sms/up", "", clock)
    wechat.rules.menu = look.menu_payload()
    pushes: list[bytes] = []
    steps: list[FeedStep] = []
    database = Database(f"sqlite+aiosqlite:///{folder / 'site.db'}")
    ready = threading.Event()
    box: dict[str, asyncio.AbstractEventLoop] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        async with database.writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.write("people") as session:
            await ensure_admin(session, "admin", "admin-password")
            await create_user(
                session,
                username="nurse",
                display_name="张护士",
                password="nurse-password",
                roles=[Role.NURSE],
            )
        box["loop"] = asyncio.get_running_loop()
        ready.set()
        yield
        await wechat.close()
        await sms.close()
        await database.close()

    app = FastAPI(lifespan=lifespan)
    app.state.database = database
    app.state.nav = [
        NavLink("首页", "/"),
        NavLink("两部手机", "/phones"),
        NavLink("审计", "/audit", frozenset({"auditor"})),
    ]
    install_shell(app)

    async def feed(_person: PhonePerson) -> list[FeedStep]:
        return steps

    app.include_router(
        home_router(
            [
                HomeLink(
                    "两部手机", "/phones", "在微信和短信上和系统说话。", "发“我妈眼睛看东西模糊想挂个号”。"
                )
            ]
        )
    )
    app.include_router(signin_router())
    app.include_router(phones_router(Directory(), wechat, sms, feed, look=look, clock=clock))

    @app.post("/wx/callback")
    async def callback(request: Request) -> Response:
        pushes.append(await request.body())
        return PlainTextResponse("success")

    @app.post("/sms/up")
    async def up(request: Request) -> Response:
        pushes.append(await request.body())
        return JSONResponse({"code": 0, "msg": "接收成功"})

    @app.get("/health/ready")
    async def health() -> Response:
        checks = [
            {"name": "database", "label": "数据库", "ok": True, "detail": ""},
            {"name": "engine", "label": "对话引擎", "ok": False, "detail": "正在启动"},
        ]
        return JSONResponse({"checks": checks}, 503)

    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=5)
    )
    app.state.stopping = lambda: server.should_exit
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        if not ready.wait(20):
            raise RuntimeError("the test site did not start")
        while not server.started:
            threading.Event().wait(0.02)
        yield Site(url, app, wechat, sms, box["loop"], pushes, steps)
    finally:
        server.should_exit = True
        thread.join(10)
