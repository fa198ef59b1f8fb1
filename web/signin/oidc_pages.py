"""`/sign-in/oidc`: to the hospital's sign-on, and back."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, HTTPException, Request
from sqlalchemy.exc import IntegrityError
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from store.database import Database
from web.security import cookie_flags
from web.signin import staffing
from web.signin.cookies import address_of, safe_next
from web.signin.flow import begin, go_on, sign_in_page
from web.signin.limiter import limiter_of
from web.signin.models import Stage
from web.signin.oidc import VISIT_LASTS, HospitalIdentity, HospitalSignOn, SignOnError
from web.texts import say

log = structlog.get_logger(__name__)

VISIT_COOKIE = "banyi_oidc"
NEXT_AT_MOST = 500
_STATUS = {"away": 503, "stale": 400, "invalid": 502}


def add_oidc_routes(router: APIRouter) -> None:
    """Both halves; 404 where no provider is set (`app.state.oidc`)."""

    @router.get("/sign-in/oidc")
    async def leave(request: Request, next: str = "/") -> Response:
        provider, wanted = _provider(request), safe_next(next)
        if not await limiter_of(request.app).allow_address(address_of(request)):
            return sign_in_page(request, 429, next=wanted, problem=say("signin.too_often"))
        try:
            target, visit = await provider.start(wanted if len(wanted) <= NEXT_AT_MOST else "/")
        except SignOnError as error:
            return _problem(request, error, wanted)
        response = RedirectResponse(target, 302)
        response.set_cookie(VISIT_COOKIE, visit, max_age=VISIT_LASTS, **cookie_flags(request))
        response.headers["Cache-Control"] = "no-store"
        return response

    @router.get("/sign-in/oidc/back")
    async def back(request: Request) -> Response:
        provider = _provider(request)
        if not await limiter_of(request.app).allow_address(address_of(request)):
            return sign_in_page(request, 429, problem=say("signin.too_often"))
        try:
            who, wanted = await provider.finish(request.query_params, request.cookies.get(VISIT_COOKIE, ""))
            token, stage = await _enter(request, who)
        except SignOnError as error:
            response = _problem(request, error)
        else:
            response = go_on(request, token, stage, wanted)
        response.delete_cookie(VISIT_COOKIE, path="/")  # good for one answer
        response.headers["Cache-Control"] = "no-store"
        return response


def _provider(request: Request) -> HospitalSignOn:
    provider: HospitalSignOn | None = getattr(request.app.state, "oidc", None)
    if provider is None:
        raise HTTPException(404)
    return provider


async def _enter(request: Request, who: HospitalIdentity) -> tuple[str, Stage]:
    """The new session of an account that is brought up to date. Raises `SignOnError`."""
    try:
        return await _session(request, who)
    except IntegrityError:  # two first visits at once: the other one made the account
        return await _session(request, who)


async def _session(request: Request, who: HospitalIdentity) -> tuple[str, Stage]:
    database: Database = request.app.state.database
    now = real_now()
    opened: tuple[str, Stage] | None = None
    async with database.write("hospital sign-on") as session:
        user = await staffing.from_hospital(
            session, who.external_id, who.username, who.display_name, who.roles, now
        )
        if user.active and user.roles:
            opened = await begin(session, request, user, "oidc")
        else:
            staffing.note(session, None, "sign_in_failed", user.id, now, stage="oidc")
    if opened is None:
        raise SignOnError(
            "no_role" if user.active else "switched_off", "no role" if user.active else "switched off"
        )
    return opened


def _problem(request: Request, error: SignOnError, wanted: str = "/") -> Response:
    log.warning("oidc.failed", code=error.code, reason=str(error))
    return sign_in_page(request, _STATUS.get(error.code, 403), next=wanted, problem=say(f"oidc.{error.code}"))
