"""What the WeChat stand-in knows and enforces: users, tokens, windows, quotas, errcodes. No I/O.

Numbers are configuration; their sources are the vendor's pages under
https://developers.weixin.qq.com/doc/service/ unless a line says otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from channels.simulator.chance import Chance
from store.clock import Clock

ERRORS: dict[int, str] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40004: "invalid media type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40039: "invalid url size",
    40012: "invalid thumb size",
    40009: "invalid image size",
    40005: "invalid file type",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40032: "invalid openid list size",
    40053: "invalid remark",
    45056: "tag num out of limit",
    45057: "can't delete tag that has too many fans",
    45058: "can't modify sys tag",
    45059: "tag num on one fan out of limit",
    45157: "invalid tag name: already exists",
    45158: "invalid tag name: too long",
    45159: "invalid tag id",
    61004: "access clientip is not registered",
    89503: "this ip is to be confirmed by the administrator",
    40017: "invalid button type",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40033: "invalid charset. please check your request, if include \\uxxxx will create fail!",
    40037: "invalid template_id",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40200: "invalid account type",
    40243: "appsecret has been frozen",
    41001: "access_token missing",
    41030: "invalid page",
    41005: "media data missing",
    42001: "access_token expired",
    42003: "code expired",
    43004: "require subscribe",
    43019: "require remove blacklist",
    43101: "user refuse to accept the msg",
    43117: "Sending messages to this openid too frequently",
    44004: "empty content",
    45002: "content size out of limit",
    45110: "author size out of limit",
    45004: "description size out of limit",
    45003: "title size out of limit",
    45001: "media size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45072: "command should be Typing or CancelTyping",
    45080: "no recent message exchange with this user",
    45081: "typing already set",
    45087: "customer service message of this account is blocked",
    45098: "msgmenu list size out of limit",
    45099: "msgmenu item size out of limit",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    48006: "forbid to clear quota because of reaching the limit",
}

GRANTS: Mapping[str, tuple[int, float]] = {
    "message": (5, 48 * 3600.0),
    "click": (3, 60.0),
    "follow": (3, 60.0),
    "scan": (3, 60.0),
    # A tap on a msgmenu item: third-party reading of the official note (docs.chatalog.ai).
    "menu": (3, 60.0),
}


@dataclass(frozen=True, slots=True)
class SimWeChatConfig:
    """One simulated account. Secrets are for demonstration only."""

    appid: str = "wxba0000000000demo"
    secret: str = field(default="demo-secret", repr=False)
    token: str = field(default="demo-token", repr=False)
    aes_key: str = field(default="demo0demo0demo0demo0demo0demo0demo0demo0dem", repr=False)
    original_id: str = "gh_banyi_demo"
    mode: Literal["plain", "compat", "safe"] = "safe"
    envelope: Literal["xml", "json"] = "xml"
    account_type: Literal["service", "subscription", "test"] = "service"
    followers: tuple[str, ...] = ()
    """openids that follow from the start, without an event."""
    grants: Mapping[str, tuple[int, float]] = field(default_factory=lambda: dict(GRANTS))
    push_timeout: float = 5.0
    push_deliveries: int = 3
    """Deliveries in all; the page says "重试三次", peers read it as three in all (chatgpt-on-wechat,
    WeRoBot#801)."""
    push_spacing: float = 5.0
    """Seconds from one delivery to the next; unpublished."""
    markfail_after: int = 10
    """Failures in a row before pushes stop; unpublished. 0 never stops."""
    markfail_seconds: float = 60.0
    token_seconds: int = 7200
    token_overlap: float = 300.0
    token_daily: int = 2000
    stable_daily: int = 500_000
    stable_minute: int = 10_000
    force_daily: int = 20
    force_pause: float = 30.0
    custom_daily: int = 500_000
    template_daily: int = 100_000
    upload_daily: int = 100_000
    download_daily: int = 200_000
    menu_create_daily: int = 1000
    menu_get_daily: int = 10_000
    menu_delete_daily: int = 1000
    qrcode_daily: int = 100_000
    followers_daily: int = 500
    user_info_daily: int = 5_000_000
    """Daily limits: https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html"""
    test_share: float = 0.1
    """A test account has a tenth of every daily limit (same page)."""
    clear_monthly: int = 10
    sns_minute: int = 50_000
    """https://developers.weixin.qq.com/doc/service/api/webdev/access/api_snsaccesstoken"""
    code_seconds: float = 300.0
    """Life of a web sign-in code; from memory, unconfirmed."""
    sns_seconds: int = 7200
    ticket_seconds: int = 7200
    """Life of a JS ticket; from memory, unconfirmed."""
    followers_page: int = 10_000
    tags: int = 100
    tags_each: int = 20
    """https://developers.weixin.qq.com/doc/offiaccount/User_Management/User_Tag_Management.html"""
    template_burst: int = 30
    """Template messages to one openid in a minute before jobs fail with "failed:freq limit", twice as many before 43117; both were
    seen (community, 2024-07), the numbers are unpublished. 0: no limit."""
    blocked_code: str = "43116"
    """ErrorCode of a notice's result when the user has blocked the account; the real one is unpublished."""
    bizsend_msgid: bool = True
    """Whether `bizsend` answers with the msgid that its result carries; from memory, unconfirmed."""
    media_seconds: float = 3 * 86400.0
    media_limits: Mapping[str, int] = field(
        default_factory=lambda: {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}
    )
    """Bytes of an upload; from memory of the vendor's table (voice: chatgpt-on-wechat), unconfirmed."""
    article_image_bytes: int = 1 << 20
    material_images: int = 100_000
    material_others: int = 1000
    draft_title: int = 32
    draft_author: int = 16
    draft_digest: int = 128
    draft_content: int = 20_000
    draft_articles: int = 8
    """Pictures, materials and drafts: `wechat_materials.py` names the pages; articles a draft from third-party clients."""
    recognition: bool = False
    """Whether a voice carries words in Recognition: dead since 2023 (community), empty even where it is switched on."""
    notify_delay: float = 0.05
    """Seconds until the result of a notice is told; unpublished."""
    seed: int | None = None
    """Makes ids, tokens and nonces the same in every run."""
    text_bytes: int = 2048
    """Measured by users (MamaShip/Observer#77)."""
    menu_items: int = 10
    """45098; the real number is unpublished."""
    menu_item_chars: int = 60
    """45099; the real number is unpublished."""
    typing_recent: float = 30.0
    typing_shown: float = 15.0
    """Community reading (courier)."""
    transcript_events: int = 500
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Template id → its fields (`thing1`, `time2`…), for template messages and subscription notices."""
    oauth_domains: tuple[str, ...] = ()
    """Hosts pages may be sent back to; empty: any."""
    snapshot_users: tuple[str, ...] = ()
    """openids that WeChat would show a page to as a virtual snapshot account."""
    ip_white_list: tuple[str, ...] = ()
    """Empty: every address may fetch tokens."""


@dataclass(slots=True)
class User:
    """One person's WeChat as the account sees it; times in seconds since 1970 of the simulator's clock."""

    openid: str
    subscribed: bool = False
    subscribe_time: int = 0
    blacklisted: bool = False
    """By the account (43019)."""
    blocks: bool = False
    """The user takes nothing from the account: notices end as "user block", customer messages are answered 45015 (unpublished)."""
    remark: str = ""
    tags: set[int] = field(default_factory=set)
    scene: str = ""
    remaining: int = 0
    expires: float = 0.0
    granted: str = ""
    """What opened the window that is open longest: a key of `GRANTS`."""
    exchanged: float = 0.0
    typing_until: float = 0.0
    menus: dict[str, str] = field(default_factory=dict)
    consents: dict[str, float] = field(default_factory=dict)
    """Subscription-notice template id → messages still allowed (`inf` for a long-term one)."""


class Refusal(Exception):
    """The vendor's answer `errcode` with an optional addition to its errmsg."""

    def __init__(self, code: int, addition: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.addition = addition


class WeChatRules:
    """State and decisions of one account; every method that refuses raises `Refusal`."""

    def __init__(self, config: SimWeChatConfig, clock: Clock, chance: Chance | None = None) -> None:
        self.config = config
        self.clock = clock
        self.users: dict[str, User] = {}
        self.accepted: deque[tuple[str, str]] = deque(maxlen=100_000)
        """`(openid, msgtype)` of the accepted messages."""
        self.blocked = False
        self.menu: dict[str, Any] | None = None
        self._counts: dict[str, tuple[int, int]] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._chance = chance or Chance(config.seed)
        self._reset_tokens()
        for openid in config.followers:
            self.follow(openid)

    def now(self) -> float:
        return self.clock.now().timestamp()

    # -- people

    def user(self, openid: str) -> User:
        user = self.users.get(openid)
        if user is None:
            raise Refusal(40003)
        return user

    def follow(self, openid: str) -> User:
        user = self.users.setdefault(openid, User(openid))
        user.subscribed, user.subscribe_time = True, int(self.now())
        return user

    def grant(self, user: User, kind: str) -> None:
        """The larger count and the later end."""
        count, seconds = self.config.grants[kind]
        now = self.now()
        if not user.remaining or now + seconds >= user.expires:
            user.granted = kind
        if user.remaining and now < user.expires:
            user.remaining = max(user.remaining, count)
            user.expires = max(user.expires, now + seconds)
        else:
            user.remaining, user.expires = count, now + seconds
        user.exchanged = now

    def left(self, user: User) -> int:
        """Customer-service messages the user may still get."""
        return user.remaining if user.subscribed and self.now() < user.expires else 0

    # -- tokens

    def _reset_tokens(self) -> None:
        self.tokens: dict[str, float] = {}
        self._plain = ""
        self._stable = ""
        self._forced_at = float("-inf")

    def plain_token(self) -> tuple[str, int]:
        """`cgi-bin/token`: a new one each time; the former lives five more minutes."""
        self.count("token", self.config.token_daily)
        self._plain = self._replace(self._plain)
        return self._plain, self.config.token_seconds

    def stable_token(self, force: bool) -> tuple[str, int]:
        """`cgi-bin/stable_token`: the same until its last five minutes, or a forced new one."""
        self.count("stable_minute", self.config.stable_minute, 60, 45011)
        self.count("stable", self.config.stable_daily)
        now = self.now()
        lasts = self.tokens.get(self._stable, 0.0) - now
        if force and now - self._forced_at >= self.config.force_pause:
            self.count("force", self.config.force_daily)
            self._forced_at = now
            lasts = 0.0
        if lasts <= self.config.token_overlap:
            self._stable = self._replace(self._stable)
            lasts = self.config.token_seconds
        return self._stable, int(lasts)

    def _replace(self, old: str) -> str:
        now = self.now()
        for token in [token for token, end in self.tokens.items() if end < now - 86400]:
            del self.tokens[token]
        if old in self.tokens:
            self.tokens[old] = min(self.tokens[old], now + self.config.token_overlap)
        new = "96_" + self._chance.token(96)
        self.tokens[new] = now + self.config.token_seconds
        return new

    def check_token(self, token: str) -> None:
        if not token:
            raise Refusal(41001)
        if not token.startswith("96_"):
            raise Refusal(40014)
        end = self.tokens.get(token)
        if end is None:
            raise Refusal(40001)
        if self.now() >= end:
            raise Refusal(42001)

    def revoke_tokens(self) -> None:
        """As if another system had fetched tokens and the grace had passed."""
        self._reset_tokens()

    def clear_counts(self) -> None:
        """`clear_quota`: ten times a month, all daily counters back to nothing."""
        month = self._counts.get("clear", (0, 0))
        self.count("clear", self.config.clear_monthly, 30 * 86400, 48006)
        self._counts = {"clear": self._counts.get("clear", month)}

    def count(self, name: str, limit: int, seconds: int = 86400, code: int = 45009) -> None:
        """One more call of `name`; refused above `limit` in the present day (UTC+8) or minute."""
        if self.config.account_type == "test" and seconds == 86400:
            limit = max(1, int(limit * self.config.test_share))
        if self.tally(name, seconds) > limit:
            raise Refusal(code)

    def tally(self, name: str, seconds: int) -> int:
        """How many of `name` there were in the present period, this one included."""
        period = int((self.now() + 8 * 3600) // seconds)
        at, used = self._counts.get(name, (period, 0))
        used = used + 1 if at == period else 1
        self._counts[name] = (period, used)
        return used

    def already_sent(self, openid: str, client_msg_id: str) -> int:
        """The msgid under which a template message with this `client_msg_id` went out; 0 for none."""
        return self._sent.get((openid, client_msg_id), 0) if client_msg_id else 0

    def remember_sent(self, openid: str, client_msg_id: str, message_id: int) -> None:
        if client_msg_id:
            self._sent[openid, client_msg_id] = message_id

    # -- sending

    def custom(self, payload: Any, raw: bytes) -> tuple[User, str, list[dict[str, str]]]:
        """Accepts one customer-service message: `(user, text shown, menu)`."""
        if b"\\u" in raw:
            raise Refusal(40033)
        if not isinstance(payload, dict):
            raise Refusal(47001)
        self.count("custom", self.config.custom_daily)
        if self.blocked:
            raise Refusal(45087)
        user = self.user(str(payload.get("touser", "")))
        text, menu = self._content(payload)
        if user.blacklisted:
            raise Refusal(43019)
        if not user.subscribed or user.blocks or self.now() >= user.expires:
            raise Refusal(45015)
        if user.remaining <= 0:
            raise Refusal(45047)
        user.remaining -= 1
        user.exchanged = self.now()
        user.typing_until = 0.0
        user.menus.update({item["id"]: item["label"] for item in menu})
        self.accepted.append((user.openid, str(payload["msgtype"])))
        return user, text, menu

    def _content(self, payload: dict[str, Any]) -> tuple[str, list[dict[str, str]]]:
        kind = payload.get("msgtype")
        part = payload.get(str(kind))
        if not isinstance(part, dict):
            raise Refusal(40008)
        if kind == "text":
            return self._text(part.get("content")), []
        if kind == "msgmenu":
            return self._menu(part)
        if kind in ("image", "voice", "video", "mpnews", "mpnewsarticle"):
            return f"[{kind}]", []
        if kind == "news":
            if len(part.get("articles") or ()) != 1:
                raise Refusal(45008)
            article = part["articles"][0]
            return (
                f"{article.get('title', '')}\n{article.get('description', '')}\n{article.get('url', '')}",
                [],
            )
        if kind in ("wxcard", "miniprogrampage"):
            return str(part.get("title", f"[{kind}]")), []
        raise Refusal(40008)

    def _text(self, content: Any) -> str:
        if not isinstance(content, str) or not content:
            raise Refusal(44004)
        if len(content.encode()) > self.config.text_bytes:
            raise Refusal(45002)
        return content

    def _menu(self, part: dict[str, Any]) -> tuple[str, list[dict[str, str]]]:
        if self.config.account_type != "service":
            raise Refusal(40200)
        items = part.get("list")
        if not isinstance(items, list) or not 1 <= len(items) <= self.config.menu_items:
            raise Refusal(45098)
        menu = []
        for item in items:
            if not isinstance(item, dict) or not item.get("id") or not item.get("content"):
                raise Refusal(47001)
            if len(str(item["content"])) > self.config.menu_item_chars:
                raise Refusal(45099)
            menu.append({"id": str(item["id"]), "label": str(item["content"])})
        head, tail = str(part.get("head_content") or ""), str(part.get("tail_content") or "")
        if (
            sum(len(text.encode()) for text in (head, tail, *(item["label"] for item in menu)))
            > self.config.text_bytes
        ):
            raise Refusal(45002)
        return "\n".join(text for text in (head, tail) if text), menu

    def typing(self, payload: Any) -> None:
        if not isinstance(payload, dict) or payload.get("command") not in ("Typing", "CancelTyping"):
            raise Refusal(45072)
        user = self.user(str(payload.get("touser", "")))
        now = self.now()
        if payload["command"] == "CancelTyping":
            user.typing_until = 0.0
            return
        if now - user.exchanged > self.config.typing_recent:
            raise Refusal(45080)
        if now < user.typing_until:
            raise Refusal(45081)
        user.typing_until = now + self.config.typing_shown
