"""Sign-in, accounts and their rules, as the house's settings say."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from server.settings import Settings
from web.signin.account import account_router
from web.signin.oidc import HospitalSignOn, OidcConfig
from web.signin.pages import signin_router
from web.signin.roles import parse_role_map
from web.signin.rules import SignInRules
from web.signin.staff import staff_router


def rules(settings: Settings) -> SignInRules:
    """The demo can be looked at without a phone; production asks for a second factor."""
    totp = settings.staff_totp
    if totp == "auto":
        totp = "required" if settings.environment == "production" else "offered"
    return SignInRules(
        totp=totp,
        lasts=timedelta(hours=settings.staff_session_hours),
        idle=timedelta(minutes=settings.staff_idle_minutes),
        oidc_second_factor=settings.oidc_second_factor,
    )


def hospital_sign_on(settings: Settings) -> HospitalSignOn | None:
    """The provider, if the settings name one. Nothing is asked of it before somebody signs in."""
    if not settings.oidc_issuer:
        return None
    return HospitalSignOn(
        OidcConfig(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            redirect_uri=f"{settings.base}/sign-in/oidc/back",
            scopes=settings.oidc_scopes,
            roles_claim=settings.oidc_roles_claim,
            roles=parse_role_map(settings.oidc_role_map),
        )
    )


def add_sign_in(app: FastAPI, settings: Settings) -> None:
    """`/sign-in`, `/account`, `/admin/staff`."""
    app.state.sign_in_rules = rules(settings)
    app.state.oidc = hospital_sign_on(settings)
    app.state.https = settings.base.startswith("https:")
    app.include_router(signin_router())
    app.include_router(account_router())
    app.include_router(staff_router())
