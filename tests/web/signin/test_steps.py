"""Signing in with a second factor, a start password and an idle screen, as a browser meets it."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, update

from store.clock import real_now
from store.database import Database
from tests.web.signin.site import PASSWORD, Site, signin_site
from web.signin import totp
from web.signin.models import RecoveryCode, Role, StaffSession
from web.signin.rules import SignInRules

REQUIRED = SignInRules(totp="required")


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(real_now(), counter_offset=steps)


async def enrolled(site: Site, username: str = "zhang") -> tuple[str, list[str]]:
    """A second factor set up a while ago: its secret and the recovery codes."""
    secret = pyotp.random_base32()
    user = await site.user(username)
    await site.change(username, totp_secret=secret, totp_since=real_now() - timedelta(days=9))
    async with site.database.write() as session:
        return secret, await totp.new_recovery_codes(session, user.id, real_now())


async def test_who_sees_patients_sets_up_a_second_factor_first(database: Database) -> None:
    async with signin_site(database, REQUIRED) as site, site.browser() as nurse:
        assert await nurse.sign_in("zhang") == (303, "/sign-in/enrol?next=/for-nurses")
        first = nurse.token
        assert (await nurse.get("/for-nurses"))[0] == 303, "half-way is not in"
        assert (await nurse.get("/account"))[0] == 303
        status, page = await nurse.get("/sign-in/enrol?next=/for-nurses")
        assert status == 200
        shown = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page)
        assert shown and 'src="data:image/svg+xml' in page
        secret = shown[1].replace(" ", "")
        assert secret in (await nurse.get("/sign-in/enrol"))[1].replace(" ", ""), "a reload shows the same"
        stored = await site.user("zhang")
        assert stored.totp_secret_sealed and secret.encode() not in stored.totp_secret_sealed
        status, page = await nurse.post("/sign-in/enrol", code="000000", next="/for-nurses")
        assert status == 422
        assert "验证码不对" in page
        status, page = await nurse.post("/sign-in/enrol", code=code(secret), next="/for-nurses")
        assert status == 200
        codes = re.findall(r"<li>([a-z2-7]{5}-[a-z2-7]{5})</li>", page)
        assert len(set(codes)) == 10
        assert 'href="/for-nurses"' in page
        assert nurse.token != first, "a new token once signed in"
        assert (await nurse.get("/for-nurses"))[0] == 200
        async with database.read() as session:
            kept = list(await session.scalars(select(RecoveryCode.code_hash)))
        assert len(kept) == 10 and not any(one in hashed for one in codes for hashed in kept)
    assert await site.audited() == ["totp_set_up", "recovery_codes_made", "sign_in"]


@pytest.mark.parametrize(
    ("mode", "username", "leads"),
    [
        ("required", "liu", "/sign-in/enrol?next=/for-nurses"),  # audiences show patients to editors
        ("offered", "zhang", "/for-nurses"),
        ("off", "zhang", "/for-nurses"),
        ("required", "root", "/sign-in/enrol?next=/for-nurses"),
    ],
)
async def test_who_is_asked_for_a_second_factor(
    database: Database, mode: str, username: str, leads: str
) -> None:
    async with signin_site(database, SignInRules(totp=mode)) as site, site.browser() as browser:  # type: ignore[arg-type]
        assert await browser.sign_in(username) == (303, leads)


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 303), (0, 303), (1, 303), (3, 401)])
async def test_a_phones_clock_may_be_a_step_off(database: Database, steps: int, status: int) -> None:
    async with signin_site(database, REQUIRED) as site, site.browser() as nurse:
        secret, _ = await enrolled(site)
        while real_now().timestamp() % 30 > 28:
            await asyncio.sleep(0.2)  # not over the edge of a step
        assert await nurse.sign_in("zhang") == (303, "/sign-in/code?next=/for-nurses")
        got = await nurse.post("/sign-in/code", code=code(secret, steps), next="/for-nurses")
        assert got[0] == status
        assert await nurse.inside() is (status == 303)


async def test_a_code_opens_once(database: Database) -> None:
    async with signin_site(database, REQUIRED) as site, site.browser() as one, site.browser() as other:
        secret, _ = await enrolled(site)
        spied = code(secret)
        for browser in (one, other):
            assert (await browser.sign_in("zhang"))[1].startswith("/sign-in/code")
        both = await asyncio.gather(
            one.post("/sign-in/code", code=spied), other.post("/sign-in/code", code=spied)
        )
        assert sorted(status for status, _ in both) == [303, 401]
        async with site.browser() as third:
            await third.sign_in("zhang")
            status, page = await third.post("/sign-in/code", code=code(secret, -1))
            assert (status, "已经用过" in page) == (401, True), "an older step is used up as well"


async def test_a_recovery_code_opens_once_however_it_is_typed(database: Database) -> None:
    async with signin_site(database, REQUIRED) as site:
        _, codes = await enrolled(site)
        for typed, status in ((codes[3].upper().replace("-", " "), 303), (codes[3], 401), (codes[4], 303)):
            async with site.browser() as nurse:
                await nurse.sign_in("zhang")
                assert (await nurse.post("/sign-in/code", code=typed))[0] == status
        nurse_id = (await site.user("zhang")).id
        async with database.read() as session:
            assert await totp.recovery_codes_left(session, nurse_id) == 8
    assert (await site.audited()).count("recovery_code_used") == 2


async def test_guessing_codes_locks_the_account(database: Database) -> None:
    """A right password between the guesses does not start the count anew."""
    async with signin_site(database, REQUIRED) as site, site.browser() as thief:
        secret, _ = await enrolled(site)
        for _ in range(2):
            await thief.sign_in("zhang")
            for _ in range(2):
                assert (await thief.post("/sign-in/code", code="123456"))[0] == 401
        await thief.sign_in("zhang")
        status, page = await thief.post("/sign-in/code", code="123456")
        assert (status, "已锁定" in page) == (401, True)
        status, page = await thief.post("/sign-in/code", code=code(secret))
        assert (status, "已锁定" in page) == (401, True), "the right code is too late"
        assert (await site.user("zhang")).locked_until is not None


async def test_a_start_password_is_changed_first(database: Database) -> None:
    async with signin_site(database, SignInRules()) as site, site.browser() as nurse:
        await site.change("zhang", must_change_password=True)
        assert await nurse.sign_in("zhang") == (303, "/sign-in/password?next=/for-nurses")
        assert not await nurse.inside()
        for password, again, said in (
            ("short", "short", "至少8位"),
            ("another one", "another two", "两次输入"),
            (PASSWORD, PASSWORD, "和原来的一样"),
            ("zhangzhang", "zhangzhang", "容易猜到"),
            ("11111111", "11111111", "容易猜到"),
        ):
            status, page = await nurse.post("/sign-in/password", password=password, again=again)
            assert (status, said in page) == (422, True), said
        got = await nurse.post(
            "/sign-in/password", password="another one", again="another one", next="/for-nurses"
        )
        assert got == (303, "/for-nurses")
        assert await nurse.inside()
        assert not (await site.user("zhang")).must_change_password
        async with site.browser() as other:
            assert (await other.sign_in("zhang"))[0] == 401
            assert await other.sign_in("zhang", "another one") == (303, "/for-nurses")


async def test_steps_cannot_be_skipped_or_done_by_strangers(database: Database) -> None:
    async with signin_site(database, REQUIRED) as site, site.browser() as nurse, site.browser() as stranger:
        await enrolled(site)
        for path in ("/sign-in/code", "/sign-in/password", "/sign-in/enrol"):
            assert (await stranger.get(path)) == (303, "/sign-in?next=/")
            assert (await stranger.post(path, code="123456", password="x", again="x"))[0] == 303
        await nurse.sign_in("zhang")
        for path in ("/sign-in/password", "/sign-in/enrol"):
            assert (await nurse.post(path, code="123456", password="x" * 9, again="x" * 9))[0] == 303
        assert not await nurse.inside()


async def test_half_way_ends_after_ten_minutes(database: Database) -> None:
    async with signin_site(database, REQUIRED) as site, site.browser() as nurse:
        secret, _ = await enrolled(site)
        await nurse.sign_in("zhang")
        async with database.write() as session:
            row = (await session.scalars(select(StaffSession))).one()
            assert row.expires_at - row.created_at == timedelta(minutes=10)
            row.expires_at = real_now()
        assert await nurse.post("/sign-in/code", code=code(secret)) == (303, "/sign-in?next=/")


async def test_signing_in_again_closes_what_this_browser_had(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser:
        await browser.sign_in("zhang")
        before = browser.token
        await browser.sign_in("liu")
        assert browser.token != before
        async with database.read() as session:
            assert len(list(await session.scalars(select(StaffSession)))) == 1


async def test_nobody_there_for_half_an_hour_is_signed_out(database: Database) -> None:
    async def last_seen(ago: timedelta) -> None:
        async with database.write() as session:
            await session.execute(update(StaffSession).values(last_seen_at=real_now() - ago))

    async def seen() -> timedelta:
        async with database.read() as session:
            return real_now() - (await session.scalars(select(StaffSession.last_seen_at))).one()

    async with signin_site(database) as site, site.browser() as nurse:
        await nurse.sign_in("zhang")
        assert 'name="session-idle" content="1800"' in (await nurse.get("/account"))[1]
        await last_seen(timedelta(minutes=20))
        await nurse.get("/for-nurses", **{"X-Poll": "1"})
        assert await seen() > timedelta(minutes=19), "what a page asks by itself is nobody doing something"
        assert (await nurse.post("/account/here"))[0] == 204
        assert await seen() < timedelta(minutes=1)
        await last_seen(timedelta(minutes=31))
        assert not await nurse.inside()
        status, page = await nurse.get("/sign-in?why=idle&next=/for-nurses")
        assert (status, "已自动退出" in page, 'value="/for-nurses"' in page) == (200, True, True)


async def test_cookies_are_for_https_where_the_site_is(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser:
        site.app.state.https = True
        await browser.get("/sign-in")
        flags = browser.headers["Set-Cookie"].lower()
        assert all(flag in flags for flag in ("secure", "httponly", "samesite=lax"))


async def test_who_has_no_password_cannot_come_by_one(database: Database) -> None:
    async with signin_site(database) as site, site.browser() as browser:
        await site.change("zhang", password_hash="", external_id="https://id.example#1")
        for password in ("", "nobody has this password"):
            assert (await browser.sign_in("zhang", password))[0] == 401


def test_roles_of_the_page_are_roles_of_ours() -> None:
    from web.signin.shown import words

    assert set(words.known("roles")) == set(words.known("role_hints")) == set(Role)
