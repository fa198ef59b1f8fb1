"""Alibaba Cloud's request signature, ACS3-HMAC-SHA256 (https://help.aliyun.com/document_detail/2712195.html)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str:
    """Names, signatures and templates come again with every message."""
    return quote(text, safe="~")


def canonical_query(query: Mapping[str, str]) -> str:
    """Sorted, percent-encoded as RFC 3986; the very string to put into the URL."""
    return "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))


def signature(
    secret: str, method: str, path: str, query: str, headers: Mapping[str, str], body_hash: str
) -> str:
    """Hex signature over `headers` (lower-case names, all of them signed) and an already canonical
    `query`."""
    names = sorted(headers)
    canonical = "\n".join(
        (
            method,
            path,
            query,
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            ";".join(names),
            body_hash,
        )
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def authorization(
    key_id: str, secret: str, method: str, path: str, query: str, headers: Mapping[str, str], body_hash: str
) -> str:
    """The `Authorization` header's value."""
    signed = ";".join(sorted(headers))
    value = signature(secret, method, path, query, headers, body_hash)
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={value}"
