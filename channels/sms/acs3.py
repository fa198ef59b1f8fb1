"""Alibaba Cloud's request signature, ACS3-HMAC-SHA256 (https://help.aliyun.com/document_detail/2712195.html)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()


_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
"""Needs no encoding: numbers, codes and ids, which are most of what is sent."""


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Names, signatures and templates come again with every message."""
    return quote(text, safe="~")


def _encoded(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def canonical_query(query: Mapping[str, str]) -> str:
    """Sorted, percent-encoded as RFC 3986; the very string to put into the URL."""
    return "&".join([f"{_quoted(name)}={_encoded(value)}" for name, value in sorted(query.items())])


def authorization(
    key_id: str, secret: str, method: str, path: str, query: str, headers: Mapping[str, str], body_hash: str
) -> str:
    """The `Authorization` header's value: a signature over `headers` (lower-case names, all of them signed) and an already
    canonical `query`."""
    names = sorted(headers)
    lines = "".join([f"{name}:{headers[name].strip()}\n" for name in names])
    signed = ";".join(names)
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{body_hash}"
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    made = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={made}"
