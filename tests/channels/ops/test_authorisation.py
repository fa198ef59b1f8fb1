"""Every route of the operators' pages by every role: who is let in, who is turned away, who must sign in."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import ops_app, staff, visiting
from tests.factories import deliveries
from web.signin.models import Role

VIEW = {"operator", "nurse", "auditor", "admin"}
STOP = {"operator", "admin"}
SETTLE = {"operator", "nurse", "admin"}
READ = {"nurse", "admin"}
TEMPLATES = {"operator", "editor", "admin"}
NOBODY = "00000000-0000-0000-0000-000000000000"

ROUTES: dict[tuple[str, str], tuple[set[str], dict[str, str]]] = {
    ("GET", "/ops"): (VIEW, {}),
    ("GET", "/ops/delivery"): (VIEW, {}),
    ("GET", "/ops/delivery/now"): (VIEW, {}),
    ("GET", "/ops/delivery/accounts"): (VIEW, {}),
    ("GET", "/ops/delivery/troubles"): (VIEW, {}),
    ("GET", "/ops/delivery/trend"): (VIEW, {}),
    ("GET", "/ops/delivery/messages"): (VIEW, {}),
    ("POST", "/ops/delivery/search"): (VIEW, {"q": "x"}),
    ("POST", "/ops/delivery/stop"): (STOP, {"scope": "campaign", "key": "x", "reason": "y"}),
    ("POST", "/ops/delivery/stop/{hold_id}/lift"): (STOP, {}),
    ("POST", "/ops/delivery/abort"): (STOP, {"campaign": "x"}),
    ("GET", "/ops/delivery/{message_id}"): (VIEW, {}),
    ("GET", "/ops/delivery/{message_id}/words"): (READ, {}),
    ("POST", "/ops/delivery/{message_id}/{how}"): (SETTLE, {}),
    ("GET", "/ops/templates"): (TEMPLATES, {}),
    ("POST", "/ops/templates/submit"): (TEMPLATES, {"account": "aliyun", "code": "x"}),
    ("POST", "/ops/templates/sync"): (TEMPLATES, {}),
}


def test_no_route_is_forgotten(database: Database, clock: VirtualClock) -> None:
    app = ops_app(database, clock)
    known = {
        (method, route.path)
        for route in app.state.ops_routes
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert known == set(ROUTES)


@pytest.mark.parametrize("role", ["", *Role])
async def test_each_role_meets_what_is_its_own(database: Database, clock: VirtualClock, role: str) -> None:
    tokens = await staff(database, Role(role)) if role else {}
    async with database.write() as session:
        message = await deliveries.message(session, clock.now(), "failed")
    async with visiting(ops_app(database, clock), tokens.get(role, "")) as visitor:
        for (method, path), (allowed, form) in ROUTES.items():
            address = path.format(hold_id=NOBODY, message_id=message.id, how="dropped")
            if method == "GET":
                status, _ = await visitor.get(address)
            else:
                status, location = await visitor.post(address, True, **form)
                if not role:
                    assert location == "/sign-in"
            if not role:
                assert status == 303, path  # a browser is led to the sign-in
            elif role in allowed:
                assert status in (200, 303), (path, status)
            else:
                assert status == 403, (path, status)


@pytest.mark.parametrize("method", ["get", "post"])
async def test_a_program_without_a_session_gets_401(
    database: Database, clock: VirtualClock, method: str
) -> None:
    async with visiting(ops_app(database, clock), accept="application/json") as visitor:
        if method == "get":
            assert (await visitor.get("/ops/delivery"))[0] == 401
        else:
            assert (await visitor.post("/ops/delivery/abort", campaign="x"))[0] == 401


async def test_forms_from_elsewhere_are_refused(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.ADMIN)
    async with visiting(ops_app(database, clock), tokens["admin"]) as admin:
        for (method, path), (_, form) in ROUTES.items():
            if method == "POST":
                address = path.format(hold_id=NOBODY, message_id=NOBODY, how="again")
                assert (await admin.post(address, False, **form))[0] == 403, path
