"""The hospital's single sign-on: OpenID Connect, authorization code with PKCE, state and nonce.

Authlib speaks the protocol (discovery, token request, ID token). Who may enter is decided here: the claim's groups
are mapped to roles, an account is made at the first visit and brought up to date at each. Local accounts stay for the day
the provider is away.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError

from store import crypto
from web.signin.models import Role

VISIT_LASTS = 600
"""Seconds between leaving for the provider and coming back."""
TIMEOUT = 10.0
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures an ID token may bear: only ones made with the provider's private key, whatever it announces."""
_CONTEXT = "oidc/visit/-"


class SignOnError(RuntimeError):
    """It did not work; `code` names a text under `oidc`, the message is for the log and holds no token."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """`roles_claim`: where the groups stand, dots lead inwards (`realm_access.roles`). `roles`: group → ours."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scopes: str = "openid profile email"
    roles_claim: str = "groups"
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HospitalIdentity:
    """Who the provider says somebody is. `external_id` never changes; the rest may."""

    external_id: str
    username: str
    display_name: str
    roles: frozenset[Role]


class HospitalSignOn:
    """One provider. `start` and `finish` are the two halves of a visit; between them the browser holds a sealed cookie."""

    def __init__(self, config: OidcConfig) -> None:
        self.config = config
        self._client: Any = OAuth().register(
            name="hospital",
            client_id=config.client_id,
            client_secret=config.client_secret,
            server_metadata_url=f"{config.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": config.scopes,
                "code_challenge_method": "S256",
                "timeout": TIMEOUT,
            },
        )

    async def start(self, wanted: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie it must bring back. Raises `SignOnError`."""
        try:
            await self._discover()
            made = await self._client.create_authorization_url(self.config.redirect_uri)
        except (httpx2.HTTPError, AuthlibBaseError, JoseError, ValueError, RuntimeError) as error:
            raise _away(error) from error
        kept = {
            "state": made["state"],
            "nonce": made["nonce"],
            "verifier": made["code_verifier"],
            "next": wanted,
            "ends": time.time() + VISIT_LASTS,
        }
        sealed = crypto.keyring().seal(json.dumps(kept).encode(), _CONTEXT)
        return str(made["url"]), urlsafe_b64encode(sealed).decode()

    async def finish(self, query: Mapping[str, str], cookie: str) -> tuple[HospitalIdentity, str]:
        """Who came back, and where they wanted to go. Raises `SignOnError`."""
        kept = _unseal(cookie)
        if kept is None or not secrets.compare_digest(kept["state"], query.get("state", "")):
            raise SignOnError("stale", "state does not fit the browser")
        if query.get("iss", self.config.issuer) != self.config.issuer:  # RFC 9207
            raise SignOnError("invalid", "answered by another issuer")
        if said := query.get("error"):
            raise SignOnError("refused" if said == "access_denied" else "invalid", f"provider: {said[:80]}")
        try:
            claims = await self._claims(query.get("code", ""), kept)
        except SignOnError:
            raise
        except httpx2.HTTPError as error:
            raise _away(error) from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
            raise SignOnError("invalid", f"{type(error).__name__}: {str(error)[:200]}") from error
        return self._identity(claims), str(kept["next"])

    async def _claims(self, code: str, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the ID token says, and the userinfo where the groups only stand there."""
        metadata = await self._discover()
        token = await self._client.fetch_access_token(
            code=code, redirect_uri=self.config.redirect_uri, code_verifier=kept["verifier"]
        )
        claims: Mapping[str, Any] | None = await self._client.parse_id_token(
            token, nonce=kept["nonce"], claims_options=self._expected()
        )
        if claims is None:
            raise SignOnError("invalid", "no ID token")
        if self._groups(claims) is not None or "userinfo_endpoint" not in metadata:
            return claims
        more = await self._client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2
            raise SignOnError("invalid", "userinfo is about somebody else")
        return {**more, **claims}

    async def _discover(self) -> dict[str, Any]:
        """The provider's addresses, asked for once. Only its own issuer is believed (Discovery 4.3)."""
        metadata: dict[str, Any] = await self._client.load_server_metadata()
        if metadata.get("issuer") != self.config.issuer:
            self._client.server_metadata.clear()
            raise SignOnError("away", "the issuer of the discovery document is not BANYI_OIDC_ISSUER")
        announced = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in announced if one in ALGORITHMS]
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self.config.client_secret and "client_secret_basic" not in methods:
            self._client.client_kwargs["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105
        return metadata

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self.config.issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": self.config.client_id},
            "exp": {"essential": True},
            "iat": {"essential": True},
            "nonce": {"essential": True},
        }

    def _groups(self, claims: Mapping[str, Any]) -> list[str] | None:
        found: Any = claims
        for part in self.config.roles_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            return found.split()
        return [str(one) for one in found] if isinstance(found, list) else None

    def _identity(self, claims: Mapping[str, Any]) -> HospitalIdentity:
        subject = str(claims["sub"])
        username = str(claims.get("preferred_username") or claims.get("email") or subject)
        roles: frozenset[Role] = frozenset()
        for group in self._groups(claims) or []:
            roles |= self.config.roles.get(group, frozenset())
        return HospitalIdentity(
            external_id=f"{self.config.issuer}#{subject}"[:512],
            username=username,
            display_name=str(claims.get("name") or username),
            roles=roles,
        )


def _away(error: Exception) -> SignOnError:
    if isinstance(error, SignOnError):
        return error
    return SignOnError("away", f"{type(error).__name__}: {str(error)[:200]}")


def _unseal(cookie: str) -> dict[str, Any] | None:
    try:
        raw = crypto.keyring().open(urlsafe_b64decode(cookie), _CONTEXT)
    except (crypto.CryptoError, ValueError):
        return None
    kept: dict[str, Any] = json.loads(raw)
    return kept if kept["ends"] > time.time() else None
