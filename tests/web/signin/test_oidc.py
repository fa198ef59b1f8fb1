"""The hospital's single sign-on against a real provider on its own port: the way in, who may, and everything that may be wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import OctKey

from store.database import Database
from tests.channels.simulator.serving import serve
from tests.factories.oidc_provider import Provider, provider_app, rsa_key
from tests.web.signin.site import Browser, Site, people, signin_app
from web.signin.models import Role
from web.signin.oidc import HospitalSignOn, OidcConfig
from web.signin.roles import parse_role_map
from web.signin.rules import SignInRules

CHEN = {
    "sub": "10086",
    "preferred_username": "chen",
    "name": "陈护士长",
    "groups": ["ward-nurses", "canteen"],
}
ROLES = "ward-nurses=nurse, ward-nurses=doctor, press=editor"


@asynccontextmanager
async def hospital(
    database: Database, rules: SignInRules | None = None, **config: Any
) -> AsyncIterator[tuple[Site, Provider, Browser]]:
    provider = Provider(who=dict(CHEN))
    app = signin_app(database, rules)
    await people(database)
    async with serve(provider_app(provider)) as there, serve(app) as url:
        provider.url = there
        given = {"client_secret": provider.client_secret, "roles": parse_role_map(ROLES), **config}
        app.state.oidc = HospitalSignOn(
            OidcConfig(
                issuer=there, client_id=provider.client_id, redirect_uri=f"{url}/sign-in/oidc/back", **given
            )
        )
        site = Site(app, url, database)
        async with site.browser() as browser:
            yield site, provider, browser


async def to_the_provider(browser: Browser, next: str = "/for-nurses") -> str:
    """The browser leaves for the provider, signs in there, and is sent back to this address of ours."""
    status, target = await browser.get(f"/sign-in/oidc?next={next}")
    assert status == 302, target
    async with (
        aiohttp.ClientSession() as outside,
        outside.get(target, allow_redirects=False) as answer,
    ):
        assert answer.status == 302, await answer.text()
        back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


async def through(browser: Browser, next: str = "/for-nurses") -> tuple[int, str]:
    return await browser.get(await to_the_provider(browser, next))


async def test_the_way_in(database: Database) -> None:
    async with hospital(database) as (site, provider, browser):
        assert "用医院账号登录" in (await browser.get("/sign-in?next=/for-nurses"))[1]
        status, target = await browser.get("/sign-in/oidc?next=/for-nurses")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        assert (status, asked["code_challenge_method"], asked["response_type"]) == (302, "S256", "code")
        assert len(asked["state"]) >= 20 and len(asked["nonce"]) >= 16
        cookie = browser.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and asked["nonce"] not in cookie and asked["state"] not in cookie
        assert await through(browser) == (303, "/for-nurses")
        assert (await browser.get("/for-nurses"))[1] == '{"hello":"陈护士长"}'
        chen = await site.user("chen")
        assert chen.roles == ["doctor", "nurse"]
        assert (chen.password_hash, chen.external_id) == ("", f"{provider.url}#10086")
        assert "您用医院账号登录" in (await browser.get("/account"))[1]
        assert (await browser.sign_in("chen", ""))[0] == 401, "no way round the provider"
    assert await site.audited("sign_in_failed") == ["staff_created", "roles_changed", "sign_in"]


async def test_the_account_follows_the_provider(database: Database) -> None:
    async with hospital(database) as (site, provider, browser):
        await through(browser)
        first = (await site.user("chen")).id
        provider.who = {**CHEN, "name": "陈主任", "preferred_username": "chen.li", "groups": ["press"]}
        async with site.browser() as elsewhere:
            assert (await through(elsewhere))[0] == 303
        chen = await site.user("chen")
        assert (chen.id, chen.display_name, chen.roles) == (first, "陈主任", ["editor"])
        assert not await browser.inside(), "what the old roles had open is closed"


async def test_nobody_takes_over_a_local_account_by_its_name(database: Database) -> None:
    async with hospital(database) as (site, provider, browser):
        provider.who = {**CHEN, "preferred_username": "root"}
        assert (await through(browser))[0] == 303
        root = await site.user("root")
        assert (root.external_id, root.roles) == (None, ["admin"])
        assert (await browser.get("/admin/staff"))[0] == 403
        async with site.browser() as local:
            assert (await local.sign_in("root"))[0] == 303, "the way in when the provider is away"


@pytest.mark.parametrize(
    ("who", "code", "said"),
    [
        ({"groups": ["canteen"]}, 403, "还没有岗位"),
        ({"groups": []}, 403, "还没有岗位"),
        (None, 403, "取消了"),
    ],
)
async def test_who_may_not(database: Database, who: Any, code: int, said: str) -> None:
    async with hospital(database) as (_, provider, browser):
        provider.who = None if who is None else {**CHEN, **who}
        status, page = await through(browser)
        assert (status, said in page) == (code, True)
        assert not await browser.inside()


async def test_who_was_switched_off_stays_out(database: Database) -> None:
    async with hospital(database) as (site, _, browser):
        await through(browser)
        await site.change("chen", active=False)
        status, page = await through(browser)
        assert (status, "已停用" in page) == (403, True)


@pytest.mark.parametrize(
    "lies",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "another client"}},
        {"claims": {"iss": "https://elsewhere.example"}},
        {"claims": {"exp": 1000}},
        {"claims": {"exp": None}},
        {"claims": {"sub": None}},
        {"claims": {"azp": "another client"}},
        {"key": "another"},
        {"key": "shared", "alg": "HS256", "algorithms": ["HS256"]},
        {"answered_by": "https://elsewhere.example"},
        {"no_id_token": True},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_right_opens_nothing(database: Database, lies: dict[str, Any]) -> None:
    async with hospital(database) as (_, provider, browser):
        keys = {"another": rsa_key("one", 2), "shared": OctKey.import_key(b"k" * 32)}
        provider.lies.update({**lies, "key": keys.get(lies.get("key", ""), provider.key)})
        status, page = await through(browser)
        assert (status, "没有通过核对" in page) == (502, True)
        assert not await browser.inside()


async def test_an_answer_belongs_to_one_browser_and_is_good_once(database: Database) -> None:
    async with hospital(database) as (site, _, browser):
        back = await to_the_provider(browser)
        async with site.browser() as victim:
            status, page = await victim.get(back)
            assert (status, "停留得太久" in page) == (400, True), "somebody else's sign-in"
        assert (await browser.get(back.replace("state=", "state=x")))[0] == 400
        assert (await browser.get(back))[0] == 400, "the visit ended with the first answer"
        back = await to_the_provider(browser)
        assert (await browser.get(back))[0] == 303
        assert (await browser.get(back))[0] == 400


async def test_a_stolen_code_is_worth_nothing_without_the_verifier(database: Database) -> None:
    async with hospital(database) as (_, provider, browser):
        back = parse_qs(urlsplit(await to_the_provider(browser)).query)
        form = {
            "grant_type": "authorization_code",
            "code": back["code"][0],
            "redirect_uri": next(iter(provider.grants.values())).redirect_uri,
            "code_verifier": "guessed" * 8,
        }
        auth = aiohttp.BasicAuth(provider.client_id, provider.client_secret)
        async with (
            aiohttp.ClientSession(auth=auth) as thief,
            thief.post(f"{provider.url}/token", data=form) as answer,
        ):
            assert (answer.status, (await answer.json())["error"]) == (400, "invalid_grant")


async def test_a_new_key_of_the_provider_is_fetched(database: Database) -> None:
    async with hospital(database) as (_, provider, browser):
        assert (await through(browser))[0] == 303
        provider.turn_key()
        assert (await through(browser))[0] == 303
        assert provider.seen.count("keys") == 2


@pytest.mark.parametrize("lies", [{"down": True}, {"issuer": "https://elsewhere.example"}])
async def test_a_provider_that_is_away_says_so_and_the_form_stays(
    database: Database, lies: dict[str, Any]
) -> None:
    async with hospital(database) as (_, provider, browser):
        provider.lies.update(lies)
        if "down" in lies:
            status, page = await through(browser)
        else:
            status, page = await browser.get("/sign-in/oidc?next=/for-nurses")
        assert (status, "连不上" in page, 'name="password"' in page) == (503, True, True)
        provider.lies.clear()
        assert (await through(browser))[0] == 303, "back again without a restart"


async def test_nothing_listens_there(database: Database) -> None:
    config = OidcConfig("http://127.0.0.1:9", "banyi", "s", "http://127.0.0.1/back")
    app = signin_app(database, None, HospitalSignOn(config))
    async with serve(app) as url, Site(app, url, database).browser() as browser:
        status, page = await browser.get("/sign-in/oidc?next=/x")
        assert (status, "连不上" in page, 'value="/x"' in page) == (503, True, True)


async def test_without_a_provider_there_is_no_such_page(database: Database) -> None:
    app = signin_app(database)
    async with serve(app) as url, Site(app, url, database).browser() as browser:
        assert (await browser.get("/sign-in/oidc"))[0] == 404
        assert (await browser.get("/sign-in/oidc/back?code=1&state=2"))[0] == 404
        assert "用医院账号登录" not in (await browser.get("/sign-in"))[1]


async def test_groups_may_stand_deep_inside_or_only_in_the_userinfo(database: Database) -> None:
    async with hospital(database, roles_claim="realm_access.roles") as (site, provider, browser):
        provider.who = {"sub": "7", "email": "wu@hospital.example", "realm_access": {"roles": ["press"]}}
        assert (await through(browser))[0] == 303
        assert (await site.user("wu@hospital.example")).roles == ["editor"]
        assert "userinfo" not in provider.seen
        provider.who = {"sub": "8"}
        provider.more = {
            "name": "吴医生",
            "preferred_username": "wu",
            "realm_access": {"roles": ["ward-nurses"]},
        }
        assert (await through(browser))[0] == 303
        wu = await site.user("wu")
        assert (wu.display_name, wu.roles) == ("吴医生", ["doctor", "nurse"])
        provider.more |= {"sub": "somebody else"}
        assert (await through(browser))[0] == 502


async def test_a_provider_that_wants_the_secret_in_the_form(database: Database) -> None:
    async with hospital(database) as (_, provider, browser):
        provider.auth_methods = ("client_secret_post",)
        assert (await through(browser))[0] == 303


@pytest.mark.parametrize(
    ("ours", "leads"), [(False, "/for-nurses"), (True, "/sign-in/enrol?next=/for-nurses")]
)
async def test_the_second_factor_is_theirs_unless_the_setting_says_ours(
    database: Database, ours: bool, leads: str
) -> None:
    rules = SignInRules(totp="required", oidc_second_factor=ours)
    async with hospital(database, rules) as (_, _provider, browser):
        assert await through(browser) == (303, leads)


def test_the_role_map_is_read_or_refused_in_words() -> None:
    found = parse_role_map(
        " cn=nurses,ou=x=nurse ".replace("cn=nurses,ou=x", "cn=nurses;ou=x") + ", a=nurse,a=admin"
    )
    assert found == {"cn=nurses;ou=x": {Role.NURSE}, "a": {Role.NURSE, Role.ADMIN}}
    for wrong in ("nurses", "nurses=", "=nurse", "nurses=matron"):
        with pytest.raises(ValueError, match="group=role"):
            parse_role_map(wrong)
