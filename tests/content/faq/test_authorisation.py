"""Every route of the editors' FAQ pages by every role."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import staff, visiting
from tests.content.faq.site import faq_app
from web.signin.models import Role

ALLOWED = {"editor", "clinical_reviewer", "admin"}
NOBODY = "00000000-0000-0000-0000-000000000000"
ROUTES: dict[tuple[str, str], dict[str, str]] = {
    ("GET", "/content"): {},
    ("GET", "/content/questions"): {},
    ("POST", "/content/questions/group"): {},
    ("GET", "/content/questions/{group_id}/entry"): {},
    ("POST", "/content/questions/{group_id}/entry"): {"question": "x"},
    ("POST", "/content/questions/{group_id}/assign"): {"slug": "x"},
    ("POST", "/content/questions/{group_id}/dismiss"): {},
    ("POST", "/content/questions/{group_id}/reopen"): {},
    ("GET", "/content/faq"): {},
    ("GET", "/content/faq/near"): {},
    ("POST", "/content/faq/merge"): {"keep": "x", "drop": "y"},
    ("GET", "/content/faq/new"): {},
    ("POST", "/content/faq/new"): {"question": "有吗"},
    ("GET", "/content/faq/{slug}"): {},
    ("POST", "/content/faq/{slug}"): {"question": "有吗"},
    ("POST", "/content/faq/{slug}/withdraw"): {},
}


def test_no_route_is_forgotten(database: Database, clock: VirtualClock) -> None:
    app = faq_app(database, clock)
    known = {
        (method, route.path)
        for route in app.state.faq_routes
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert known == set(ROUTES)


@pytest.mark.parametrize("role", ["", *Role])
async def test_each_role_meets_what_is_its_own(database: Database, clock: VirtualClock, role: str) -> None:
    tokens = await staff(database, Role(role)) if role else {}
    async with visiting(faq_app(database, clock), tokens.get(role, "")) as visitor:
        for (method, path), form in ROUTES.items():
            address = path.format(group_id=NOBODY, slug="nothing")
            if method == "GET":
                status, _ = await visitor.get(address)
            else:
                status, location = await visitor.post(address, True, **form)
                if not role:
                    assert location == "/sign-in"
            if not role:
                assert status == 303, path
            elif role in ALLOWED:
                assert status in (200, 303, 404), (path, status)
            else:
                assert status == 403, (path, status)


async def test_forms_from_elsewhere_are_refused(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.ADMIN)
    async with visiting(faq_app(database, clock), tokens["admin"]) as admin:
        for (method, path), form in ROUTES.items():
            if method == "POST":
                address = path.format(group_id=NOBODY, slug="nothing")
                assert (await admin.post(address, False, **form))[0] == 403, path
