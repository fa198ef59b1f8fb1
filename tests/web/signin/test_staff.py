"""Administrators look after accounts, and everybody after their own."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from store.clock import real_now
from store.database import Database
from tests.web.signin.site import PASSWORD, Browser, Site, signin_site
from tests.web.signin.test_steps import code, enrolled
from web.signin.models import Role
from web.signin.rules import SignInRules
from web.signin.service import create_user


def start_password(page: str) -> str:
    found = re.search(r'id="start-password">([a-z2-7-]{19})<', page)
    assert found, page
    return found[1]


async def admin(site: Site, browser: Browser) -> Browser:
    await browser.sign_in("root", next="/admin/staff")
    return browser


async def test_an_account_is_made_and_used(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser, site.browser() as new:
        root = await admin(site, browser)
        assert "还没登录过" in (await root.get("/admin/staff"))[1]
        status, page = await root.post(
            "/admin/staff/new", username="Wu ", display_name="吴护士", roles=["nurse"]
        )
        assert status == 200
        password = start_password(page)
        assert root.headers["Cache-Control"] == "no-store"
        assert await new.sign_in("wu", password) == (303, "/sign-in/password?next=/for-nurses")
        assert (await site.user("wu")).roles == ["nurse"]
        status, page = await root.post("/admin/staff/new", username="wu", display_name="吴", roles=["editor"])
        assert (status, "已经有人用了" in page, 'value="editor" checked' in page) == (422, True, True)
        status, page = await root.post("/admin/staff/new", username="he", display_name="何")
        assert (status, "至少选一个岗位" in page, 'value="he"' in page) == (422, True, True)
        assert (await root.post("/admin/staff/new", username="he", display_name="何", roles=["king"]))[
            0
        ] == 422
        for q, seen in (("吴", True), ("WU", True), ("%", False), ("何", False)):
            assert ("吴护士" in (await root.get(f"/admin/staff?q={q}"))[1]) is seen
    assert (await site.audited("sign_in"))[0] == "staff_created"


async def test_new_roles_count_at_once(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser, site.browser() as nurse:
        root = await admin(site, browser)
        await nurse.sign_in("zhang")
        page = f"/admin/staff/{(await site.user('zhang')).id}"
        assert (await root.post(page, display_name="张护士长", roles=["nurse"]))[1].endswith("said=saved")
        assert await nurse.inside(), "a name ends nothing"
        assert (await root.post(page, display_name="张护士长", roles=["editor"]))[1].endswith("said=roles")
        assert not await nurse.inside()
        await nurse.sign_in("zhang")
        assert (await nurse.get("/for-nurses"))[0] == 403
        assert (await root.post(page, display_name="x"))[0] == 422


async def test_switched_off_is_out_and_comes_back(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser, site.browser() as nurse:
        root = await admin(site, browser)
        await nurse.sign_in("zhang")
        page = f"/admin/staff/{(await site.user('zhang')).id}"
        _, leads = await root.post(f"{page}/off")
        assert not await nurse.inside()
        assert (await nurse.sign_in("zhang"))[0] == 401
        assert "撤销" in (await root.get(leads))[1]
        await root.post(f"{page}/on")
        assert (await nurse.sign_in("zhang"))[0] == 303
    assert {"switched_off", "switched_on"} <= set(await site.audited())


async def test_help_for_who_is_locked_out(database: Database) -> None:
    async with signin_site(database, SignInRules(totp="required")) as site:
        secret, _ = await enrolled(site)
        async with site.browser() as browser, site.browser() as nurse:
            root_secret, _ = await enrolled(site, "root")
            await browser.sign_in("root")
            await browser.post("/sign-in/code", code=code(root_secret))
            page = f"/admin/staff/{(await site.user('zhang')).id}"
            await site.change("zhang", locked_until=real_now() + timedelta(minutes=9))
            assert "锁定到" in (await browser.get(page))[1]
            await browser.post(f"{page}/unlock")
            assert (await nurse.sign_in("zhang"))[1].startswith("/sign-in/code")
            assert (await browser.post(f"{page}/totp"))[1].endswith("said=totp_reset")
            assert (await nurse.post("/sign-in/code", code=code(secret)))[0] == 303, "that session is gone"
            assert not await nurse.inside()
            assert (await nurse.sign_in("zhang"))[1].startswith("/sign-in/enrol")
            password = start_password((await browser.post(f"{page}/password"))[1])
            assert (await nurse.sign_in("zhang"))[0] == 401, "the old password"
            assert (await nurse.sign_in("zhang", password))[1].startswith("/sign-in/password")
    assert {"unlocked", "totp_removed", "password_reset"} <= set(await site.audited())


async def test_the_last_administrator_stays(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser, site.browser() as other:
        root = await admin(site, browser)
        mine = f"/admin/staff/{(await site.user('root')).id}"
        for path, form in ((f"{mine}/off", {}), (mine, {"display_name": "x", "roles": ["editor"]})):
            status, page = await root.post(path, **form)
            assert (status, "另一位管理员" in page) == (422, True)
        async with database.write() as session:
            await create_user(
                session, username="second", display_name="二", password=PASSWORD, roles=[Role.ADMIN]
            )
        await site.change("second", external_id="https://id.example#2", password_hash="")
        await site.change("zhang", roles=["admin"])
        await other.sign_in("zhang", next="/")
        assert (await other.post(f"{mine}/off"))[0] == 303, "two with passwords: one may go"
        assert not await root.inside()
        theirs = f"/admin/staff/{(await site.user('zhang')).id}"
        status, page = await other.post(f"{theirs}/off")
        assert status == 422
        assert (await site.user("zhang")).active


async def test_two_administrators_cannot_remove_each_other_at_once(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as one, site.browser() as two:
        await site.change("zhang", roles=["admin"])
        await one.sign_in("root", next="/")
        await two.sign_in("zhang", next="/")
        targets = [(one, "zhang"), (two, "root")]
        paths = [(who, f"/admin/staff/{(await site.user(name)).id}/off") for who, name in targets]
        await asyncio.gather(*(who.post(path) for who, path in paths))
        left = [name for name in ("root", "zhang") if (await site.user(name)).active]
        assert len(left) == 1


@pytest.mark.parametrize("what", ["off", "on", "totp", "unlock", "sessions", "password"])
async def test_an_account_that_is_not_there(database: Database, what: str) -> None:
    async with signin_site(database) as site, site.browser() as browser:
        root = await admin(site, browser)
        nobody = "/admin/staff/00000000-0000-0000-0000-000000000000"
        assert (await root.post(f"{nobody}/{what}"))[0] == 404
        assert (await root.get(nobody))[0] == 404


async def test_ones_own_password(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as here, site.browser() as there:
        for browser in (here, there):
            await browser.sign_in("zhang")
        form = {"current": "wrong", "password": "another one", "again": "another one"}
        status, page = await here.post("/account/password", **form)
        assert (status, "当前密码不对" in page) == (422, True)
        assert (await site.user("zhang")).failed_tries == 1
        assert (await here.post("/account/password", **{**form, "current": PASSWORD}))[0] == 303
        assert await here.inside()
        assert not await there.inside()
    assert "password_changed" in await site.audited()


async def test_ones_own_second_factor(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as nurse:
        await nurse.sign_in("zhang")
        page = (await nurse.get("/account/totp"))[1]
        found = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page)
        assert found
        secret = found[1].replace(" ", "")
        assert (await nurse.post("/account/totp", code=code(secret, -1)))[0] == 200
        assert (await nurse.get("/account/totp"))[0] == 303
        assert (await nurse.post("/account/totp/codes", code="000000"))[0] == 422
        status, page = await nurse.post("/account/totp/codes", code=code(secret))
        assert (status, len(re.findall(r"<li>[a-z2-7]{5}-", page))) == (200, 10)
        assert (await nurse.post("/account/totp/off", code=code(secret)))[0] == 422, "used up a moment ago"
        assert (await nurse.post("/account/totp/off", code=code(secret, 1)))[0] == 303
        assert (await site.user("zhang")).totp_secret_sealed is None


async def test_who_needs_a_second_factor_keeps_it(database: Database) -> None:
    async with signin_site(database, SignInRules(totp="required")) as site, site.browser() as nurse:
        secret, codes = await enrolled(site)
        await nurse.sign_in("zhang")
        await nurse.post("/sign-in/code", code=codes[0])
        status, page = await nurse.post("/account/totp/off", code=code(secret))
        assert (status, "不能关闭" in page) == (422, True)
        assert (await site.user("zhang")).totp_since is not None


async def test_sessions_are_listed_and_ended(database: Database) -> None:
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 MicroMessenger/8.0"
    async with (
        signin_site(database) as site,
        site.browser() as here,
        site.browser(**{"User-Agent": phone}) as there,
        site.browser() as stranger,
    ):
        await here.sign_in("zhang")
        await there.sign_in("zhang")
        await stranger.sign_in("liu")
        page = (await here.get("/account"))[1]
        assert "微信 · 安卓" in page and "这台设备" in page
        ends = re.findall(r'action="(/account/sessions/[0-9a-f-]{36}/end)"', page)
        assert len(ends) == 1
        await stranger.post(ends[0])
        assert await there.inside(), "nobody ends a colleague's session"
        await here.post(ends[0])
        assert not await there.inside()
        await there.sign_in("zhang")
        await here.post("/account/sessions/end")
        assert (await here.inside(), await there.inside(), await stranger.inside()) == (True, False, True)
