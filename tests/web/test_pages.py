"""The shell, the home page and sign-in as a browser without scripts meets them."""

from __future__ import annotations

import re
from typing import Annotated

import aiohttp
import pytest
from fastapi import APIRouter, Depends

from tests.web.site import Site
from web.signin.models import Role, StaffUser
from web.signin.pages import require, safe_next


@pytest.fixture(scope="module", autouse=True)
def staff_pages(site: Site) -> None:
    router = APIRouter()

    @router.get("/for-nurses")
    async def nurses(staff: Annotated[StaffUser, Depends(require(Role.NURSE))]) -> dict[str, str]:
        return {"hello": staff.display_name}

    @router.get("/for-auditors")
    async def auditors(staff: Annotated[StaffUser, Depends(require(Role.AUDITOR))]) -> dict[str, str]:
        return {"hello": staff.display_name}

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret detail")

    site.app.include_router(router)


async def token_of(browser: aiohttp.ClientSession, path: str = "/sign-in") -> str:
    async with browser.get(path) as answer:
        found = re.search(r'name="csrf-token" content="([^"]+)"', await answer.text())
    assert found
    return found.group(1)


async def sign_in(
    browser: aiohttp.ClientSession, username: str, password: str, next_: str = "/"
) -> aiohttp.ClientResponse:
    form = {"username": username, "password": password, "next": next_, "csrf_token": await token_of(browser)}
    return await browser.post("/sign-in", data=form, allow_redirects=False)


async def test_home_says_what_to_try(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as answer:
        page = await answer.text()
        assert answer.status == 200
        headers = answer.headers
    assert 'lang="zh-CN"' in page and "试一试" in page and 'href="/phones"' in page
    assert "审计" not in page, "links for roles are hidden from visitors"
    assert (
        "script-src 'self'" in headers["Content-Security-Policy"]
        and "unsafe" not in headers["Content-Security-Policy"]
    )
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "no inline scripts"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page), "nothing from another site"


async def test_built_files_are_kept_by_hash(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as answer:
        addresses = re.findall(r'/static/build/[^"]+', await answer.text())
    assert len(addresses) >= 3
    for address in addresses:
        async with browser.get(address) as answer:
            assert answer.status == 200 and "immutable" in answer.headers["Cache-Control"]


async def test_sign_in_leads_back_and_out(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/for-nurses", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/for-nurses")
    answer = await sign_in(browser, "nurse", "nurse-password", "/for-nurses")
    assert (answer.status, answer.headers["Location"]) == (303, "/for-nurses")
    cookie = next(line for line in answer.headers.getall("Set-Cookie") if line.startswith("banyi_session="))
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and "secure" not in cookie.lower()
    async with browser.get("/for-nurses") as answer:
        assert await answer.json() == {"hello": "张护士"}
    async with browser.get("/for-auditors") as answer:
        assert answer.status == 403 and "没有权限" in await answer.text()
    form = {"csrf_token": await token_of(browser, "/")}
    async with browser.post("/sign-out", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
    async with browser.get("/for-nurses", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_an_admin_may_open_everything(browser: aiohttp.ClientSession) -> None:
    await sign_in(browser, "admin", "admin-password")
    async with browser.get("/for-auditors") as answer:
        assert answer.status == 200
    async with browser.get("/") as answer:
        assert "审计" in await answer.text()


async def test_wrong_password_keeps_the_name_and_says_so(browser: aiohttp.ClientSession) -> None:
    answer = await sign_in(browser, "someone", "wrong")
    page = await answer.text()
    assert (
        answer.status == 401
        and "用户名或密码不对" in page
        and 'value="someone"' in page
        and "wrong" not in page
    )


async def test_many_tries_are_stopped(browser: aiohttp.ClientSession) -> None:
    statuses = [(await sign_in(browser, "guessed", str(n))).status for n in range(12)]
    assert statuses[0] == 401 and statuses[-1] == 429


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"X-CSRF-Token": "made-up"}],
)
async def test_forms_from_elsewhere_are_refused(
    browser: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    form = {"username": "nurse", "password": "nurse-password", "csrf_token": await token_of(browser)}
    async with browser.post("/sign-in", data=form, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403 and "刷新" in await answer.text()


async def test_a_form_without_a_token_is_refused(browser: aiohttp.ClientSession) -> None:
    await token_of(browser)
    async with browser.post("/sign-in", data={"username": "nurse"}, allow_redirects=False) as answer:
        assert answer.status == 403


async def test_a_button_that_failed_leads_back_to_its_page(
    browser: aiohttp.ClientSession, site: Site
) -> None:
    here = {"Accept": "text/html", "Referer": f"{site.url}/for-nurses?day=1"}
    for headers, back in (
        (here, True),
        ({**here, "Referer": "https://evil.example/for-nurses?day=1"}, False),
    ):
        form = {"csrf_token": await token_of(browser)}
        async with browser.post("/for-nurses", data=form, headers=headers) as answer:
            page = await answer.text()
        assert (answer.status, 'href="/for-nurses?day=1"' in page) == (405, back)
    async with browser.get("/nothing", headers=here) as answer:
        assert 'href="/for-nurses?day=1"' not in await answer.text()


async def test_errors_are_pages_for_people_and_json_for_programs(
    site: Site, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/nowhere") as answer:
        assert answer.status == 404 and "没有这个页面" in await answer.text()
        assert "Content-Security-Policy" in answer.headers
    async with browser.get("/nowhere", headers={"Accept": "application/json"}) as answer:
        assert answer.status == 404 and list(await answer.json()) == ["detail"]
    async with browser.get("/for-nurses", headers={"Accept": "application/json"}) as answer:
        assert answer.status == 401
    async with browser.get("/broken") as answer:
        page = await answer.text()
        assert answer.status == 500 and "secret detail" not in page and "出了点问题" in page
        assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "", "/a\nb"]
)
def test_nobody_is_led_elsewhere(target: str) -> None:
    assert safe_next(target) == "/"
    assert safe_next("/care/desk?tab=1") == "/care/desk?tab=1"
