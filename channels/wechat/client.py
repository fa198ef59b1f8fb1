"""Calls to WeChat's API: timeouts, one shared token, a single retry. What went wrong is a value, not an
exception."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from channels import metrics
from channels.wechat.account import WeChatAccount
from channels.wechat.errors import (
    ALERT_CODES,
    STALE_MEDIUM,
    TOKEN_ERRORS,
    TYPING_ERRORS,
    VendorError,
    closed_until,
)
from channels.wechat.token import MemoryTokenStore, StoredToken, TokenKeeper, TokenStore
from store.clock import Clock

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2, sock_connect=2, sock_read=5)
"""Seconds: connect 2, read 5; 10 in all, against answers that drip."""
MEDIA_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=2, sock_connect=2, sock_read=10)
"""Seconds for one medium: longer than a call, shorter than the media worker's lease."""
VIDEO_HOSTS = (".qq.com", ".wechat.com", ".weixin.qq.com")
"""Where a video may be fetched from [M]."""
KEEPALIVE = 4.0
"""Seconds an idle connection is kept: less than any server's own, so that a POST never meets one being
closed."""
MAX_ANSWER = 256 * 1024
MAX_MEDIA = 20 * 1024 * 1024
"""Bytes of one downloaded medium; WeChat's own largest kind is 10 MB."""
TOO_LARGE = "the medium is too large"
"""`Unclear.detail` of a download that was cut off at its limit: the same will happen again."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection was made: trying again is safe."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The request may have been acted upon: a timeout, a cut connection, a gateway's page."""

    detail: str


Failure = NotSent | Unclear | VendorError
Answer = dict[str, Any] | Failure
Body = bytes | Callable[[], aiohttp.FormData] | None
"""JSON in UTF-8, or a form made anew for each try."""


class TokenRefused(RuntimeError):
    """No access token could be had; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(type(failure).__name__)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class TokenTrouble:
    """The vendor's newest code (or the kind of failure), and since when it has been so."""

    code: str
    since: datetime


def http_session() -> aiohttp.ClientSession:
    """A session as the clients want it. Call inside a running loop."""
    connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=KEEPALIVE)
    return aiohttp.ClientSession(
        timeout=TIMEOUT,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


class WeChatClient:
    """The few endpoints the house needs, for one account. Share one a process; `close()` it at the end."""

    def __init__(
        self,
        account: WeChatAccount,
        clock: Clock,
        tokens: TokenStore | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.account = account
        self.clock = clock
        self._session = session
        self._owns_session = session is None
        self._closed: dict[str, tuple[datetime, VendorError]] = {}
        self.token_trouble: TokenTrouble | None = None
        """While no access token is to be had, or each one that is had is refused."""
        self.tokens = TokenKeeper(account.account_id, tokens or MemoryTokenStore(), self._fetch_token, clock)

    # -- customer-service messages

    async def send_text(self, openid: str, text: str) -> Answer:
        """`message/custom/send`, text of at most 2,048 UTF-8 bytes."""
        return await self._custom({"touser": openid, "msgtype": "text", "text": {"content": text}})

    async def send_menu(self, openid: str, head: str, items: list[dict[str, str]], tail: str) -> Answer:
        """`message/custom/send`, a msgmenu; items are `{"id", "content"}`. Verified service accounts only
        (else 40200)."""
        menu = {"head_content": head, "list": items, "tail_content": tail}
        return await self._custom({"touser": openid, "msgtype": "msgmenu", "msgmenu": menu})

    async def typing(self, openid: str, on: bool = True) -> Answer:
        """Shows or hides "正在输入"; works only within 30 s of an exchange. That it did not (45080), or shows already (45081), is
        nobody's trouble: success."""
        command = "Typing" if on else "CancelTyping"
        answer = await self.post("/cgi-bin/message/custom/typing", {"touser": openid, "command": command})
        return {} if isinstance(answer, VendorError) and answer.code in TYPING_ERRORS else answer

    async def send_medium(
        self, openid: str, kind: str, content: bytes, content_type: str, media_id: str = ""
    ) -> tuple[Answer, str]:
        """`message/custom/send` of an image, voice or video: uploaded unless `media_id` still serves, and once more when that
        has expired (40007). The answer and the media id to use for three days."""
        uploaded = False
        while True:
            if not media_id:
                fresh = await self.upload_media(kind, content, content_type)
                if not isinstance(fresh, dict):
                    return fresh, ""
                media_id, uploaded = str(fresh["media_id"]), True
            answer = await self._custom({"touser": openid, "msgtype": kind, kind: {"media_id": media_id}})
            if isinstance(answer, VendorError) and answer.code == STALE_MEDIUM and not uploaded:
                media_id = ""
                continue
            return answer, media_id

    async def upload_media(self, kind: str, content: bytes, content_type: str) -> Answer:
        """`media/upload` of a temporary medium (`image`, `voice`, `video`, `thumb`): its `media_id`, good for three days."""
        return await self.upload(
            "/cgi-bin/media/upload", {"type": kind}, content, f"media.{kind}", content_type, "media_id"
        )

    async def upload(
        self, path: str, params: dict[str, str], content: bytes, filename: str, content_type: str, field: str
    ) -> Answer:
        """One file as the form field `media`; success is the presence of `field`."""

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("media", content, filename=filename, content_type=content_type)
            return data

        return await self._call("POST", path, params, form, field)

    async def _custom(self, payload: dict[str, Any]) -> Answer:
        return await self.post("/cgi-bin/message/custom/send", payload)

    # -- notices

    async def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        url: str = "",
        client_msg_id: str = "",
    ) -> Answer:
        """`message/template/send`; only for what the patient's own action triggered. `msgid` in the
        answer."""
        payload: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": _values(data),
        }
        if url:
            payload["url"] = url
        if client_msg_id:
            payload["client_msg_id"] = client_msg_id
        return await self.post("/cgi-bin/message/template/send", payload)

    async def send_subscription(
        self, openid: str, template_id: str, data: Mapping[str, str], page: str = ""
    ) -> Answer:
        """`message/subscribe/bizsend`, a 订阅通知 the patient agreed to (43101 otherwise)."""
        payload: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": _values(data),
        }
        if page:
            payload["page"] = page
        return await self.post("/cgi-bin/message/subscribe/bizsend", payload)

    # -- the rest

    async def user_info(self, openid: str) -> Answer:
        """`subscribe`, `unionid`, `qr_scene_str`…"""
        return await self.get("/cgi-bin/user/info", {"openid": openid, "lang": "zh_CN"}, "subscribe")

    async def create_qrcode(self, scene: str, seconds: int = 600) -> Answer:
        """A temporary QR code (`ticket`, `url`) for a scene of 1..64 characters, at most 2,592,000 s."""
        payload = {
            "expire_seconds": seconds,
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": scene}},
        }
        return await self.post("/cgi-bin/qrcode/create", payload, "ticket")

    async def create_menu(self, menu: dict[str, Any]) -> Answer:
        """Replaces the account's menu: `{"button": […]}`, 1-3 with 1-5 below each."""
        return await self.post("/cgi-bin/menu/create", menu)

    async def clear_quota(self) -> Answer:
        """Sets today's counters back, ten times a month at most (48006): for people, after a mistake of ours."""
        answer = await self.post("/cgi-bin/clear_quota", {"appid": self.account.appid})
        if isinstance(answer, dict):
            self._closed.clear()
        return answer

    async def get_menu(self) -> Answer:
        return await self.get("/cgi-bin/get_current_selfmenu_info", {}, "is_menu_open")

    async def delete_menu(self) -> Answer:
        return await self.get("/cgi-bin/menu/delete", {})

    async def js_ticket(self) -> Answer:
        """`ticket` and `expires_in` (7,200 s) for the JS-SDK; to be kept as long as it lives."""
        return await self.get("/cgi-bin/ticket/getticket", {"type": "jsapi"}, "ticket")

    async def download_media(self, media_id: str, limit: int = MAX_MEDIA) -> tuple[str, bytes] | Failure:
        """`(content type, bytes)` of a temporary medium (kept three days); `Unclear` when longer than `limit`.

        For a video WeChat answers `{"video_url"}` instead [M]: that is fetched from its own hosts, without a token.
        """
        for attempt in (1, 2):
            try:
                token = await self.tokens.current()
                session = await self._http()
                url = f"{self.account.hosts[0]}/cgi-bin/media/get"
                asked = {"access_token": token, "media_id": media_id}
                async with session.get(
                    url, params=asked, allow_redirects=False, timeout=MEDIA_TIMEOUT
                ) as response:
                    if response.status != 200:
                        return Unclear(f"HTTP {response.status}")
                    if "json" not in response.content_type and not response.content_type.startswith("text/"):
                        data = await _limited(response, limit)
                        return Unclear(TOO_LARGE) if data is None else (response.content_type, data)
                    answer = _read(await _limited(response, MAX_ANSWER), "video_url")
                if isinstance(answer, dict) and "video_url" in answer:
                    return await self._video(str(answer["video_url"]), limit)
            except TokenRefused as refused:
                return refused.failure
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                return Unclear(type(error).__name__)
            if attempt == 1 and isinstance(answer, VendorError) and answer.code in TOKEN_ERRORS:
                await self._other_token(token)
                continue
            return answer if not isinstance(answer, dict) else Unclear("no medium in the answer")
        return Unclear("no medium")

    async def _video(self, url: str, limit: int) -> tuple[str, bytes] | Failure:
        parts = urlsplit(url)
        ours = {urlsplit(host).hostname for host in self.account.hosts}
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not (host in ours or host.endswith(VIDEO_HOSTS)):
            return Unclear("a video on a host that is not WeChat's")
        session = await self._http()
        async with session.get(url, allow_redirects=False, timeout=MEDIA_TIMEOUT) as response:
            if response.status != 200:
                return Unclear(f"HTTP {response.status}")
            data = await _limited(response, limit)
            return Unclear(TOO_LARGE) if data is None else (response.content_type, data)

    async def get(self, path: str, params: dict[str, str], field: str = "errcode") -> Answer:
        """Any endpoint by GET. Success is errcode 0, or the presence of `field` where the vendor leaves
        errcode out."""
        return await self._call("GET", path, params, None, field)

    async def post(self, path: str, payload: dict[str, Any], field: str = "errcode") -> Answer:
        """Any endpoint by JSON, in UTF-8 without escapes (WeChat shows `\\u` escapes literally)."""
        return await self._call("POST", path, {}, orjson.dumps(payload), field)

    async def close(self) -> None:
        if self._session is not None and self._owns_session:
            await self._session.close()
            self._session = None

    async def _call(
        self,
        method: str,
        path: str,
        params: dict[str, str],
        body: Body,
        field: str,
    ) -> Answer:
        if (closed := self._still_closed(path)) is not None:
            return closed
        answer = await self._with_token(method, path, params, body, field)
        if isinstance(answer, VendorError):
            self._note(path, answer)
        return answer

    def _still_closed(self, path: str) -> VendorError | None:
        """The quota's error, while asking again would only be counted again."""
        until, error = self._closed.get(path, (None, None))
        if until is not None and self.clock.now() < until:
            return error
        self._closed.pop(path, None)
        return None

    def _note(self, path: str, error: VendorError) -> None:
        metrics.WECHAT_ERRORS.labels(self.account.account_id, path, str(error.code)).inc()
        if (until := closed_until(error.code, self.clock.now())) is not None:
            self._closed[path] = until, error
        if error.code in ALERT_CODES:
            log.error(
                "wechat refused a call",
                extra={"path": path, "errcode": error.code, "detail": error.detail[:200]},
            )

    async def _with_token(
        self, method: str, path: str, params: dict[str, str], body: Body, field: str
    ) -> Answer:
        try:
            token = await self.tokens.current()
        except TokenRefused as refused:
            return _before_sending(refused.failure)
        answer = await self.request(method, path, {**params, "access_token": token}, body, field)
        if isinstance(answer, VendorError) and answer.code in TOKEN_ERRORS:
            other = await self._other_token(token)
            if other is None:
                return answer
            answer = await self.request(method, path, {**params, "access_token": other}, body, field)
        if isinstance(answer, VendorError) and answer.code in TOKEN_ERRORS:
            self._trouble(str(answer.code))
        elif isinstance(answer, dict | VendorError):
            self.token_trouble = None
        return answer

    def _trouble(self, code: str) -> None:
        since = self.token_trouble.since if self.token_trouble is not None else self.clock.now()
        self.token_trouble = TokenTrouble(code, since)

    async def _other_token(self, refused: str) -> str | None:
        try:
            return await self.tokens.replace(refused)
        except TokenRefused:
            return None

    async def _fetch_token(self) -> StoredToken:
        payload = {
            "grant_type": "client_credential",
            "appid": self.account.appid,
            "secret": self.account.secret,
        }
        answer = await self.request(
            "POST", "/cgi-bin/stable_token", {}, orjson.dumps(payload), "access_token"
        )
        if not isinstance(answer, dict):
            self._trouble(str(answer.code) if isinstance(answer, VendorError) else answer.detail)
            raise TokenRefused(answer)
        value, lasts = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(lasts, int):
            raise TokenRefused(Unclear("no access token in the answer"))
        now = self.clock.now().timestamp()
        return StoredToken(value, now + lasts, now)

    async def request(
        self,
        method: str,
        path: str,
        params: dict[str, str],
        body: Body,
        field: str,
    ) -> Answer:
        """One call without a token of ours, on the second host when the first cannot be reached."""
        answer: Answer = NotSent("no host")
        for host in self.account.hosts:
            answer = await self._once(method, host + path, params, body, field)
            if not isinstance(answer, NotSent):
                break
        return answer

    async def _once(
        self,
        method: str,
        url: str,
        params: dict[str, str],
        body: Body,
        field: str,
    ) -> Answer:
        session = await self._http()
        headers = {"Content-Type": "application/json; charset=utf-8"} if isinstance(body, bytes) else None
        try:
            async with session.request(
                method,
                url,
                params=params,
                data=body() if callable(body) else body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                data = await _limited(response, MAX_ANSWER)
                if response.status in (429, 503):
                    return VendorError(-1, f"HTTP {response.status}")
                if 300 <= response.status < 500 and response.status != 408:
                    return VendorError(response.status, f"HTTP {response.status}")
                if response.status != 200:
                    return Unclear(f"HTTP {response.status}")
                return _read(data, field)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Unclear(type(error).__name__)

    async def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = http_session()
        return self._session


def _before_sending(failure: Failure) -> Failure:
    """Whatever went wrong with the token, the call itself never left."""
    return NotSent(f"token: {failure.detail}") if isinstance(failure, Unclear) else failure


def _read(data: bytes | None, field: str) -> Answer:
    try:
        answer = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return Unclear("the answer is not JSON")
    if not isinstance(answer, dict):
        return Unclear("the answer is not an object")
    code = answer.get("errcode", 0 if field in answer else None)
    if not isinstance(code, int) or isinstance(code, bool):
        return Unclear("the answer has no errcode")
    return answer if code == 0 else VendorError(code, str(answer.get("errmsg", "")))


async def _limited(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _values(data: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in data.items()}
