"""WeCom's server API, the two calls we need: a token, and a text card to a member.

`GET /cgi-bin/gettoken?corpid&corpsecret` → `{errcode, errmsg, access_token, expires_in: 7200}`
(https://developer.work.weixin.qq.com/document/path/91039: to be kept until it expires; asked for too often it is refused).
`POST /cgi-bin/message/send?access_token=` with `{touser, msgtype: "textcard", agentid, textcard: {title ≤ 128 bytes, description
≤ 512 bytes, url, btntxt}}` → `{errcode, errmsg, invaliduser, msgid}`
(https://developer.work.weixin.qq.com/document/path/90236: `errcode` 0 with the member in `invaliduser` means it did not reach them;
with `enable_duplicate_check` the same JSON is not delivered twice within `duplicate_check_interval` seconds).
Codes: https://developer.work.weixin.qq.com/document/path/90313.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from yarl import URL

from channels.ports import Outcome, SendResult
from channels.sms.transport import Answer, Transport, later, refused, unclear
from store.clock import real_now

REAL = "https://qyapi.weixin.qq.com"
EXPIRED = frozenset({40014, 42001})
"""The token is not taken (any more): a new one, and once more."""
WAITS = {-1: 5.0, 45009: 60.0, 45033: 10.0}
"""Busy, too often, too many at once: seconds before another try; ours."""
ACCOUNT = frozenset({40001, 40013, 40056, 48002, 60020, 301002})
"""Wrong secret, corp id or agent, no right to the API, an address of ours that is not on the application's list: nothing leaves
until a person has looked."""
EARLY = timedelta(minutes=5)
"""So long before its end a token is not used any more."""
DUPLICATES = 600


@dataclass(frozen=True, slots=True)
class WeComAccount:
    """The hospital's application: `agent_id` is its number."""

    corp_id: str
    secret: str = field(repr=False)
    agent_id: int
    base_url: str = REAL


@dataclass(frozen=True, slots=True)
class Card:
    """What a member sees; `url` is opened by a tap. Nothing about a patient: it stands on a lock screen."""

    title: str
    description: str
    url: str
    button: str = ""


class WeComClient:
    """Sends cards. One token is kept a process; at the vendor it is the same for all until it expires."""

    def __init__(self, account: WeComAccount, transport: Transport | None = None) -> None:
        self.account = account
        self._transport = transport or Transport()
        self._token = ""
        self._until: datetime | None = None

    async def send(self, user_id: str, card: Card) -> SendResult:
        """Never raises for what the vendor or the network does. `UNCERTAIN`: it may have arrived, and is not sent again."""
        for fresh in (False, True):
            token = await self._get_token(fresh)
            if isinstance(token, SendResult):
                return token
            result = await self._post(token, user_id, card)
            if not (
                result.outcome is Outcome.REFUSED and result.code.isdigit() and int(result.code) in EXPIRED
            ):
                return result
        return result

    async def close(self) -> None:
        await self._transport.close()

    async def _get_token(self, fresh: bool) -> str | SendResult:
        if not fresh and self._until is not None and real_now() < self._until:
            return self._token
        url = (URL(self.account.base_url) / "cgi-bin/gettoken").with_query(
            corpid=self.account.corp_id, corpsecret=self.account.secret
        )
        answer = await self._transport.call("GET", url, {}, understood=_understood)
        if isinstance(answer, SendResult):  # nothing was sent: only the token was asked for
            return later(answer.code, answer.detail, WAITS[-1])
        if answer.body["errcode"] != 0:
            return _failed(answer.body)
        self._token = str(answer.body.get("access_token", ""))
        self._until = real_now() + timedelta(seconds=int(answer.body.get("expires_in", 7200))) - EARLY
        return self._token

    async def _post(self, token: str, user_id: str, card: Card) -> SendResult:
        url = (URL(self.account.base_url) / "cgi-bin/message/send").with_query(access_token=token)
        body = {
            "touser": user_id,
            "msgtype": "textcard",
            "agentid": self.account.agent_id,
            "textcard": {
                "title": card.title,
                "description": card.description,
                "url": card.url,
                **({"btntxt": card.button} if card.button else {}),
            },
            "enable_duplicate_check": 1,
            "duplicate_check_interval": DUPLICATES,
        }
        answer = await self._transport.call(
            "POST", url, {"Content-Type": "application/json"}, orjson.dumps(body), understood=_understood
        )
        return answer if isinstance(answer, SendResult) else _result(answer, user_id)


def _understood(answer: dict[str, Any]) -> bool:
    return isinstance(answer.get("errcode"), int)


def _result(answer: Answer, user_id: str) -> SendResult:
    body = answer.body
    if body["errcode"] != 0:
        return unclear(str(answer.status), str(body)) if answer.status >= 500 else _failed(body)
    unreached = str(body.get("invaliduser") or "") + "|" + str(body.get("unlicenseduser") or "")
    if user_id.lower() in unreached.lower().split("|"):
        return refused("invaliduser", "not a member who may see the application")
    return SendResult(Outcome.ACCEPTED, vendor_id=str(body.get("msgid", ""))[:120])


def _failed(body: dict[str, Any]) -> SendResult:
    code, detail = int(body["errcode"]), str(body.get("errmsg", ""))[:300]
    if code in WAITS:
        return later(str(code), detail, WAITS[code])
    return refused(str(code), detail, stop_account=code in ACCOUNT)
