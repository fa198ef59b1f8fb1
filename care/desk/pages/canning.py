"""`/desk/replies`: words to answer with, one's own and everybody's. Typing "/" in an answer finds them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from care.desk import canned
from care.desk.canned import TEXT_LONGEST, TITLE_LONGEST
from care.desk.pages.desk import Nurse
from care.desk.pages.tools import Tools, page
from web.shell import back_to

PATH = "/desk/replies"


def add_routes(router: APIRouter, tools: Tools) -> None:
    desk = tools.desk

    @router.get("/replies")
    async def everything(
        request: Request, staff: Nurse, edit: Annotated[str, Query(max_length=40)] = ""
    ) -> Response:
        async with desk.database.read("canned replies") as session:
            found = await canned.all_of(session, staff.id)
        chosen = next((one for one in found if str(one.id) == edit), None)
        return page(
            tools,
            request,
            staff,
            "replies.html",
            found=found,
            chosen=chosen,
            longest={"title": TITLE_LONGEST, "text": TEXT_LONGEST},
        )

    @router.get("/replies/find")
    async def find(request: Request, staff: Nurse, q: Annotated[str, Query(max_length=60)] = "") -> Response:
        async with desk.database.read("canned replies found") as session:
            found = await canned.find(session, staff.id, q)
        return page(tools, request, staff, "found.html", found=found)

    @router.post("/replies")
    async def save(
        staff: Nurse,
        title: Annotated[str, Form(max_length=TITLE_LONGEST)] = "",
        text: Annotated[str, Form(max_length=TEXT_LONGEST)] = "",
        shared: bool = False,
        reply: Annotated[UUID | None, Form()] = None,
    ) -> Response:
        async with desk.database.write("save canned reply") as session:
            try:
                done = await canned.save(
                    session,
                    staff_id=staff.id,
                    title=title,
                    text=text,
                    shared=shared,
                    now=tools.clock.now(),
                    reply_id=reply,
                )
            except ValueError:
                return back_to(PATH, said="no_words")
        return back_to(PATH, said="reply_saved" if done else "reply_gone")

    @router.post("/replies/{reply_id}/remove")
    async def remove(staff: Nurse, reply_id: UUID) -> Response:
        async with desk.database.write("remove canned reply") as session:
            done = await canned.remove(session, reply_id, staff_id=staff.id, now=tools.clock.now())
        return back_to(PATH, said="reply_removed" if done else "reply_gone")
