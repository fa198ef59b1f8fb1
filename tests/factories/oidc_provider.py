"""An OpenID Connect provider on a real port: discovery, PKCE (S256 only), single-use codes, client secret, RS256, userinfo.

It keeps to the rules, and refuses who does not. `lies` makes it answer wrongly, one way at a time.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response


@cache
def rsa_key(kid: str, which: int = 1) -> RSAKey:
    """Made once a run: primes take a while. `which`: another key under the same name."""
    return RSAKey.generate_key(2048, parameters={"kid": kid})


@dataclass
class Grant:
    """What a code stands for."""

    claims: dict[str, Any]
    nonce: str
    challenge: str
    redirect_uri: str


@dataclass
class Provider:
    """`who`: the claims of whoever signs in next, or None: they press cancel. `more`: claims only userinfo tells."""

    url: str = ""
    client_id: str = "banyi"
    client_secret: str = "a secret of the hospital"
    who: dict[str, Any] | None = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    lies: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: rsa_key("one"))

    def turn_key(self) -> None:
        self.key = rsa_key("two")

    def id_token(self, grant: Grant) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.nonce,
            **grant.claims,
            **self.lies.get("claims", {}),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key, alg = self.lies.get("key", self.key), self.lies.get("alg", "RS256")
        return jwt.encode({"alg": alg, "kid": self.key.kid}, claims, key, algorithms=[alg])


def provider_app(provider: Provider) -> FastAPI:
    """The provider's five addresses."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> Any:
        return {
            "issuer": provider.lies.get("issuer", provider.url),
            "authorization_endpoint": f"{provider.url}/authorize",
            "token_endpoint": f"{provider.url}/token",
            "userinfo_endpoint": f"{provider.url}/userinfo",
            "jwks_uri": f"{provider.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": provider.lies.get("algorithms", ["RS256"]),
            "token_endpoint_auth_methods_supported": list(provider.auth_methods),
            "code_challenge_methods_supported": ["S256"],
        }

    @app.get("/keys")
    async def keys() -> Any:
        provider.seen.append("keys")
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/authorize")
    async def authorize(request: Request) -> Response:
        asked = request.query_params
        good = (
            asked.get("client_id") == provider.client_id
            and asked.get("response_type") == "code"
            and "openid" in asked.get("scope", "").split()
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43
            and asked.get("nonce")
            and asked.get("state")
        )
        if not good:
            return JSONResponse({"error": "invalid_request"}, 400)
        answer = {"state": asked["state"], "iss": provider.lies.get("answered_by", provider.url)}
        if provider.who is None:
            answer |= {"error": "access_denied"}
        else:
            code = secrets.token_urlsafe(24)
            provider.grants[code] = Grant(
                provider.who, asked["nonce"], asked["code_challenge"], asked["redirect_uri"]
            )
            answer |= {"code": code}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    @app.post("/token")
    async def token(
        request: Request,
        grant_type: str = Form(),
        code: str = Form(),
        redirect_uri: str = Form(),
        code_verifier: str = Form(),
        client_id: str = Form(""),
        client_secret: str = Form(""),
    ) -> Response:
        provider.seen.append("token")
        if provider.lies.get("down"):
            return JSONResponse({}, 503)
        if not _client_is_right(provider, request, client_id, client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = provider.grants.pop(code, None)  # a code is good once
        proof = (
            base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        )
        if grant is None or grant.challenge != proof or grant.redirect_uri != redirect_uri:
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(24)
        provider.tokens[access] = {"sub": grant.claims["sub"], **provider.more}
        body = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        if not provider.lies.get("no_id_token"):
            body["id_token"] = provider.id_token(grant)
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    @app.get("/userinfo")
    async def userinfo(request: Request) -> Response:
        provider.seen.append("userinfo")
        found = provider.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        return JSONResponse(found or {}, 200 if found else 401)

    return app


def _client_is_right(provider: Provider, request: Request, client_id: str, client_secret: str) -> bool:
    """By the method the provider announces, and no other (RFC 6749, 2.3.1)."""
    header = request.headers.get("authorization", "")
    if provider.auth_methods == ("client_secret_basic",):
        if not header.startswith("Basic "):
            return False
        client_id, _, client_secret = base64.b64decode(header[6:]).decode().partition(":")
    elif header:
        return False
    return (client_id, client_secret) == (provider.client_id, provider.client_secret)
