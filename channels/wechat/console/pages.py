"""`/ops/wechat`: menu, welcome text and keyword replies of an account, with preview, publication, history and roll-back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import structlog
import yaml
from fastapi import APIRouter, Body, Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, RedirectResponse, Response

from channels.wechat.client import Answer, NotSent, WeChatClient
from channels.wechat.console import service
from channels.wechat.console.content import Content, Limits, NotContent, Problem, problems, read
from channels.wechat.console.live import LiveConsole
from channels.wechat.console.models import ConsoleVersion
from channels.wechat.errors import VendorError
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin import staffing
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.texts import Texts

log = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
add_templates("console", TEMPLATES)
say = Texts(TEMPLATES / "texts.yml")
_ALL: dict[str, Any] = yaml.safe_load((TEMPLATES / "texts.yml").read_text("utf-8"))
ROLES = (Role.OPERATOR, Role.EDITOR)
Staff = Annotated[StaffUser, Depends(require(*ROLES))]
Page = Annotated[dict[str, Any], Body()]
BODY_AT_MOST = 512 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of the history as the page shows it."""

    number: int
    live: bool
    note: str
    who: str
    when: str
    changes: list[tuple[service.Change, list[tuple[str, str]]]]


def default_menu() -> dict[str, Any]:
    """What a new account begins with."""

    def click(key: str, name: str) -> dict[str, Any]:
        return {"type": "click", "name": name, "key": key}

    return {
        "button": [
            {
                "name": say("default_menu.book_and_visit"),
                "sub_button": [
                    click("BOOK", say("keys.BOOK")),
                    click("MY_APPOINTMENTS", say("default_menu.my_appointments")),
                ],
            },
            click("FOLLOW_UP", say("default_menu.follow_up")),
            {
                "name": say("default_menu.help_and_people"),
                "sub_button": [click("HELP", say("keys.HELP")), click("HUMAN", say("keys.HUMAN"))],
            },
        ]
    }


class ConsoleDesk:
    """What the routes do: read, keep, publish. One instance a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        clients: Mapping[str, WeChatClient],
        live: LiveConsole,
        keys: frozenset[str],
        welcome: str,
        limits: Limits | None = None,
    ) -> None:
        """`keys`: what a tapped button may mean to the bot. `welcome`: what is said while staff have written nothing."""
        self.database = database
        self.clock = clock
        self.clients = clients
        self.live = live
        self.keys = keys
        self.limits = limits or Limits()
        self.default = Content(default_menu(), welcome, [])

    async def state(self, session: AsyncSession, account_id: str) -> dict[str, Any]:
        """What the page edits."""
        draft = await service.draft(session, account_id)
        live = await service.published(session, account_id)
        there = service.content_of(live) if live else self.default
        content = service.content_of(draft) if draft else there
        return {
            **content.to_json(),
            "tag": content.tag,
            "live_tag": there.tag if live else "",
            "problems": self.said(content),
            "number": live.number if live else 0,
        }

    def said(self, content: Content) -> list[dict[str, str]]:
        return [_said(one) for one in problems(content, self.keys, self.limits)]

    async def put_up(self, account_id: str, content: Content) -> str | None:
        """Give the menu to WeChat; what went wrong, in words for staff, or None. Repeating it does no harm."""
        client = self.clients[account_id]
        answer: Answer
        if content.menu["button"]:
            answer = await client.create_menu(content.menu)
        else:
            answer = await client.delete_menu()
        if isinstance(answer, dict):
            return None
        log.warning("console.refused", account=account_id, answer=str(answer)[:200])
        if isinstance(answer, VendorError):
            known = _ALL["vendor"].get(str(answer.code))
            return str(known) if known else say("vendor.other", code=answer.code)
        return say("vendor.unreached" if isinstance(answer, NotSent) else "vendor.unclear")

    async def publish(
        self, account_id: str, content: Content, note: str, staff_id: UUID | None
    ) -> ConsoleVersion | str:
        """Publish; the version, or what went wrong. WeChat is asked with no transaction open."""
        if (trouble := await self.put_up(account_id, content)) is not None:
            return trouble
        async with self.database.write("console-publish") as session:
            row = await service.publish(
                session, account_id, content, note=note, staff_id=staff_id, now=self.clock.now()
            )
        await self.live.refresh()
        return row


def console_router(desk: ConsoleDesk) -> APIRouter:
    """The page and what its script asks."""

    def known(request: Request) -> None:
        account_id = request.path_params.get("account_id")
        if account_id is not None and account_id not in desk.clients:
            raise HTTPException(404)

    router = APIRouter(
        prefix="/ops/wechat", include_in_schema=False, dependencies=[Depends(csrf_protect), Depends(known)]
    )
    database, clock = desk.database, desk.clock

    def content_in(body: Mapping[str, Any]) -> Content:
        try:
            return read(body)
        except NotContent as error:
            raise HTTPException(422, say("not_read")) from error

    @router.get("")
    async def first(_staff: Staff) -> Response:
        account = next(iter(desk.clients), None)
        if account is None:
            raise HTTPException(404)
        return RedirectResponse(f"/ops/wechat/{account}", 303)

    @router.get("/{account_id}")
    async def page(request: Request, staff: Staff, account_id: str) -> Response:
        async with database.read("console-page") as session:
            state = await desk.state(session, account_id)
            entries = await _history(session, account_id, clock)
        return render(
            request,
            "console/console.html",
            account=account_id,
            accounts=list(desk.clients),
            state=state,
            words={
                **_ALL["ui"],
                "keys": {key: say(f"keys.{key}") for key in _ALL["keys"] if key in desk.keys},
            },
            entries=entries,
            limits=desk.limits,
        )

    @router.get("/{account_id}/history")
    async def past(request: Request, _staff: Staff, account_id: str) -> Response:
        async with database.read("console-history") as session:
            entries = await _history(session, account_id, clock)
        return render(request, "console/history.html", entries=entries)

    @router.put("/{account_id}/draft")
    async def keep(staff: Staff, account_id: str, body: Page) -> Response:
        content = content_in(body)
        async with database.write("console-save") as session:
            kept = await service.save(
                session,
                account_id,
                content,
                seen=str(body.get("seen", "")),
                fallback=desk.default,
                staff_id=staff.id,
                now=clock.now(),
            )
        if isinstance(kept, service.Conflict):
            there = {**kept.content.to_json(), "tag": kept.content.tag}
            return JSONResponse({"detail": say("ui.conflict"), "theirs": there}, 409)
        return JSONResponse({"tag": content.tag, "problems": desk.said(content)})

    @router.delete("/{account_id}/draft")
    async def drop(_staff: Staff, account_id: str) -> Response:
        async with database.write("console-discard") as session:
            await service.discard(session, account_id)
            state = await desk.state(session, account_id)
        return JSONResponse(state)

    @router.post("/{account_id}/publish")
    async def publish(staff: Staff, account_id: str, body: Page) -> Response:
        """Publishes the draft as it is kept, if it is still what the editor saw (`seen`)."""
        async with database.read("console-draft") as session:
            state = await desk.state(session, account_id)
        content = Content(state["menu"], state["welcome"], state["keywords"])
        if content.tag != body.get("seen"):
            return JSONResponse({"detail": say("stale")}, 409)
        if found := desk.said(content):
            return JSONResponse({"detail": say("unfinished"), "problems": found}, 422)
        done = await desk.publish(account_id, content, str(body.get("note", "")), staff.id)
        if isinstance(done, str):
            return JSONResponse({"detail": done}, 502)
        return JSONResponse({"number": done.number, "live_tag": content.tag})

    @router.post("/{account_id}/roll-back/{number}")
    async def roll_back(staff: Staff, account_id: str, number: int) -> Response:
        """Publishes an older version's content under a new number; the draft stays."""
        async with database.read("console-version") as session:
            row = await service.version(session, account_id, number)
        if row is None:
            raise HTTPException(404, say("no_version"))
        done = await desk.publish(account_id, service.content_of(row), f"#{number}", staff.id)
        if isinstance(done, str):
            return JSONResponse({"detail": done}, 502)
        async with database.read("console-page") as session:
            return JSONResponse(await desk.state(session, account_id))

    return router


def _said(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "said": say(f"problems.{problem.what}", **problem.values)}


async def _history(session: AsyncSession, account_id: str, clock: Clock) -> list[Entry]:
    rows = list(await service.history(session, account_id))
    names = await staffing.names(session, {row.published_by for row in rows})
    entries = []
    for row, older in zip_longest(rows, rows[1:]):
        changed = service.changes(service.content_of(older), service.content_of(row)) if older else []
        entries.append(
            Entry(
                number=row.number,
                live=row.state == service.PUBLISHED,
                note=row.note,
                who=names.get(row.published_by, ""),
                when=f"{clock.local(row.published_at):%Y-%m-%d %H:%M}" if row.published_at else "",
                changes=[
                    (one, _marked(_said_as(one, one.before), _said_as(one, one.after))) for one in changed
                ],
            )
        )
    return entries


def _said_as(change: service.Change, text: str) -> str:
    """A difference's text without our keys: what a button does, how a keyword is matched, in words."""
    if change.what == "menu":
        name, dot, target = text.rpartition(" · ")
        return f"{name}{dot}{_ALL['keys'].get(target, target)}"
    if change.what == "keyword" and text:
        said, _, how = text.rpartition("\n")
        return f"{said}（{say(f'ui.match_{how}')}）"
    return text


def _marked(before: str, after: str) -> list[tuple[str, str]]:
    """Pieces of both texts: `same`, `out` (only before), `in` (only after)."""
    pieces = []
    for how, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how == "equal":
            pieces.append(("same", before[i:j]))
            continue
        if i < j:
            pieces.append(("out", before[i:j]))
        if k < m:
            pieces.append(("in", after[k:m]))
    return pieces
