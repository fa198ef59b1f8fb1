"""What the settings make of sign-in, and the way in from the terminal."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest import MonkeyPatch
from sqlalchemy import select
from typer.testing import CliRunner

from server.cli.__main__ import app
from server.migrate import upgrade
from server.settings import Settings, SettingsError, load_settings
from server.signin import hospital_sign_on, rules
from store import crypto
from store.clock import real_now
from store.database import Database
from web.signin import service
from web.signin.models import Role, StaffUser

ISSUER = {
    "oidc_issuer": "https://sso.example-hospital.cn",
    "oidc_client_id": "banyi",
    "oidc_role_map": "nurses=nurse",
}


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(var_dir=tmp_path, **given)


def test_the_demo_needs_no_phone_and_production_does(tmp_path: Path) -> None:
    assert rules(settings(tmp_path)).totp == "offered"
    assert rules(settings(tmp_path, staff_totp="required")).totp == "required"
    assert rules(settings(tmp_path, environment="production")).totp == "required"
    assert rules(settings(tmp_path, staff_idle_minutes=5)).idle == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"environment": "production", "staff_totp": "offered"}, "BANYI_STAFF_TOTP"),
        ({**ISSUER, "oidc_issuer": "http://sso.example-hospital.cn"}, "BANYI_OIDC_ISSUER"),
        ({**ISSUER, "oidc_role_map": ""}, "BANYI_OIDC_ROLE_MAP"),
        ({**ISSUER, "oidc_client_id": ""}, "BANYI_OIDC_CLIENT_ID"),
    ],
)
def test_a_setting_that_lets_too_many_in_stops_the_start(
    tmp_path: Path, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        settings(tmp_path, **given).check()


def test_a_role_that_is_none_stops_the_start(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("BANYI_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("BANYI_OIDC_ROLE_MAP", "nurses=matron")
    with pytest.raises(SettingsError, match="BANYI_OIDC_ROLE_MAP"):
        load_settings()


def test_the_hospitals_sign_on_comes_back_to_the_public_address(tmp_path: Path) -> None:
    assert hospital_sign_on(settings(tmp_path)) is None
    provider = hospital_sign_on(settings(tmp_path, public_url="https://bot.example-hospital.cn/", **ISSUER))
    assert provider is not None
    assert provider.config.redirect_uri == "https://bot.example-hospital.cn/sign-in/oidc/back"
    assert provider.config.roles == {"nurses": {Role.NURSE}}


def test_the_terminal_lets_a_lost_administrator_in(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("BANYI_VAR_DIR", str(tmp_path))
    ours = load_settings()
    upgrade(ours.database)
    monkeypatch.setattr(crypto, "_current", crypto._current)  # the house installs its own; back afterwards
    crypto.install(ours.secrets.keyring)

    async def before() -> None:
        database = Database(ours.database)
        async with database.write() as session:
            user = await service.create_user(
                session, username="root", display_name="管理员", password="forgotten", roles=[Role.ADMIN]
            )
            user.active, user.totp_since, user.totp_secret = False, real_now(), "SECRET"
        await database.close()

    async def after() -> StaffUser:
        database = Database(ours.database)
        async with database.read() as session:
            user = (await session.scalars(select(StaffUser))).one()
        await database.close()
        return user

    asyncio.run(before())
    done = CliRunner().invoke(app, ["staff-reset", "root"])
    assert done.exit_code == 0, done
    password = next(word for word in done.output.split() if word.count("-") == 3)
    root = asyncio.run(after())
    assert service.password_fits(root, password)
    assert (root.active, root.must_change_password, root.totp_since) == (True, True, None)
    with pytest.raises(SettingsError, match="nobody"):
        raise CliRunner().invoke(app, ["staff-reset", "nobody"]).exception  # type: ignore[misc]
