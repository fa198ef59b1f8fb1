"""WeChat inside a web page: who opened it (OAuth2) and the JS-SDK's signature.

https://developers.weixin.qq.com/doc/service/api/webdev/access/api_snsaccesstoken
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from channels.wechat.account import WeChatAccount
from channels.wechat.client import Failure, Unclear, WeChatClient

Scope = Literal["snsapi_base", "snsapi_userinfo"]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who opened the page. A `snapshot` visitor is WeChat's stand-in account, not a person: never bind it."""

    openid: str
    scope: str
    snapshot: bool = False


def authorize_url(account: WeChatAccount, redirect_uri: str, state: str, scope: Scope = "snsapi_base") -> str:
    """Where to send the browser. `state` (up to 128 letters and digits) must be ours, signed and good for
    one use."""
    return (
        f"{account.open_url.rstrip('/')}/connect/oauth2/authorize?appid={quote(account.appid, safe='')}"
        f"&redirect_uri={quote(redirect_uri, safe='')}&response_type=code&scope={scope}"
        f"&state={quote(state, safe='')}#wechat_redirect"
    )


async def sign_in(client: WeChatClient, code: str) -> SignedIn | Failure:
    """Exchanges a page's `code`, once, on the server: 40029 wrong, 40163 used, 42003 expired."""
    account = client.account
    params = {
        "appid": account.appid,
        "secret": account.secret,
        "code": code,
        "grant_type": "authorization_code",
    }
    answer = await client.request("GET", "/sns/oauth2/access_token", params, None, "openid")
    if not isinstance(answer, dict):
        return answer
    openid = answer.get("openid")
    if not isinstance(openid, str) or not openid:
        return Unclear("no openid in the answer")
    return SignedIn(openid, str(answer.get("scope", "")), answer.get("is_snapshotuser") == 1)


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The JS-SDK's signature of a page; the part of `url` behind `#` does not count."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
