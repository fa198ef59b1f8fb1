"""TC3-HMAC-SHA256 against the vendor's documentation and the SDK's own signer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.sign import Sign  # type: ignore[import-untyped]

from channels.sms import tc3

# The worked example of https://cloud.tencent.com/document/api/213/30654 (its key is masked, so its signature is not used).
PAYLOAD = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
HEADERS = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
STAMP = 1551113065


@pytest.mark.parametrize(
    ("headers", "digest"),
    [
        (HEADERS, "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031"),
        (
            HEADERS | {"x-tc-action": "DescribeInstances"},
            "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
        ),
    ],
)
def test_canonical_request_is_the_documented_one(headers: dict[str, str], digest: str) -> None:
    canonical = tc3.canonical_request("POST", "/", "", headers, PAYLOAD)
    assert canonical.endswith("35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064")
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest


@given(st.text(min_size=1), st.integers(0, 2**33), st.text())
def test_signature_is_the_sdks(secret: str, stamp: int, canonical: str) -> None:
    secret, canonical = (text.encode("utf-8", "replace").decode() for text in (secret, canonical))
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{stamp}\n{day}/sms/tc3_request\n{digest}"
    assert tc3.signature(secret, "sms", stamp, canonical) == Sign.sign_tc3(secret, day, "sms", text)


def test_header() -> None:
    value = tc3.authorization("id", "key", "cvm", STAMP, HEADERS, PAYLOAD)
    canonical = tc3.canonical_request("POST", "/", "", HEADERS, PAYLOAD)
    assert value == (
        "TC3-HMAC-SHA256 Credential=id/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, "
        f"Signature={tc3.signature('key', 'cvm', STAMP, canonical)}"
    )
