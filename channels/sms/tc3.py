"""Tencent Cloud's request signature, TC3-HMAC-SHA256 (https://cloud.tencent.com/document/api/382/52072)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], payload: bytes) -> str:
    """`headers` (lower-case names) are all signed; their values are compared in lower case."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in names)
    return "\n".join((method, path, query, lines, ";".join(names), hashlib.sha256(payload).hexdigest()))


def signature(secret_key: str, service: str, timestamp: int, canonical: str) -> str:
    """Hex signature over a `canonical` request; `timestamp` is in seconds since 1970, its UTC day is signed with it."""
    day = _day(timestamp)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{day}/{service}/tc3_request\n{digest}"
    key = b"TC3" + secret_key.encode()
    for step in (day, service, "tc3_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def authorization(
    secret_id: str,
    secret_key: str,
    service: str,
    timestamp: int,
    headers: Mapping[str, str],
    payload: bytes,
) -> str:
    """The `Authorization` header's value for a POST to `/`."""
    canonical = canonical_request("POST", "/", "", headers, payload)
    return (
        f"{ALGORITHM} Credential={secret_id}/{_day(timestamp)}/{service}/tc3_request, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature(secret_key, service, timestamp, canonical)}"
    )


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
