"""What the Alibaba Cloud stand-in enforces: signatures and templates in review, variables, numbers, rolling
limits. No I/O.

Sources: https://help.aliyun.com/document_detail/55284.html (SendSms), 2881383.html (limits), 463270.htm
(templates), 101346.html (codes).
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from channels.simulator.sms_handsets import parts_of
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.simulator.sms_twilio_rules import SimTwilioConfig
from channels.simulator.sms_windows import DAY, HOUR, MINUTE, Key, Windows
from channels.sms.template import SmsTemplate, State
from store.clock import Clock

MONTH = 30 * DAY
LEVELS = {MINUTE: "分钟", HOUR: "小时", DAY: "天"}
TEMPLATE_TYPES: Mapping[str, Literal["code", "notice", "marketing"]] = {
    "0": "code",
    "1": "notice",
    "2": "marketing",
}
FORBIDDEN = ("问卷调查", "邀请好评", "回复确认收货", "医美")
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")
_PLACE = re.compile(r"\$\{(\w+)\}")
_URL = re.compile(r"https?:|www\.", re.IGNORECASE)
EXTEND_DIGITS = 7
"""Longest SmsUpExtendCode (the vendor's SDK text); which ones are free to use is not documented [?]."""


@dataclass(frozen=True, slots=True)
class SimSmsConfig:
    """One simulated Alibaba Cloud account, and what all phones share. Secrets are for demonstration only.

    Limits: https://help.aliyun.com/document_detail/2881383.html; fields: 55284.html; callbacks: 101867.html; all may be changed,
    those marked [M] or [C] should be once a real account has shown its own.
    """

    access_keys: Mapping[str, str] = field(
        default_factory=lambda: {"demo-key-id": "demo-key-secret"}, repr=False
    )
    signs: Mapping[str, Literal["pending", "approved", "rejected"]] = field(default_factory=dict)
    """Signature → its state; those of approved templates count as approved without being listed."""
    templates: tuple[SmsTemplate, ...] = ()
    code_limits: Mapping[float, int] = field(default_factory=lambda: {MINUTE: 1, HOUR: 5, DAY: 10})
    """Seconds → codes to one number under one signature."""
    notice_daily: int = 50
    """Notices or marketing to one number by one template in 24 h."""
    number_daily: int = 40
    """Codes to one number over all senders in 24 h."""
    daily_cap: int = 0
    """The account's own cap for a day; 0 is none."""
    monthly_cap: int = 0
    """The account's own cap for 30 days; 0 is none."""
    queries_per_second: int = 5000
    """Calls an account may make in a second, then Throttling.User."""
    max_numbers: int = 1000
    variable_chars: int = 35
    """https://help.aliyun.com/document_detail/463270.htm"""
    illegal_words: tuple[str, ...] = ()
    """Words in the finished text refused with isv.SMS_CONTENT_ILLEGAL; the vendor does not publish them."""
    sign_scenes: Mapping[str, Literal["code", "notice", "marketing"]] = field(default_factory=dict)
    """Signatures filed for one kind of message only; others are refused with isv.SMS_SIGNATURE_SCENE_ILLEGAL."""
    denied_actions: tuple[str, ...] = ()
    """Actions the key has no right to (isp.RAM_PERMISSION_DENY)."""
    allowed_ips: tuple[str, ...] = ()
    """Addresses that may call, others get isv.DENY_IP_RANGE; empty: any."""
    review_seconds: float = 0.0
    """After which a created template is reviewed by itself; 0 leaves it to the control plane."""
    receipt_delay: float = 0.5
    receipt_batch: int = 100
    push_timeout: float = 5.0
    push_retries: tuple[float, ...] = (60.0, 300.0, 600.0)
    """Seconds to wait before each repetition of a push that was not answered rightly: 1, 5 and 10 minutes (101867.html)."""
    opt_out_words: tuple[str, ...] = ("R", "TD", "T", "N", "退订")
    """Answers after which marketing to the number fails."""
    max_skew: float = 900.0
    """Seconds a request's date may differ."""
    dest_code: str = "10690188"
    blocked_code: str = "MOBILE_IN_BLACK"
    off_code: str = "IS_CLOSED"
    keyword_code: str = "CONTENT_KEYWORD"
    """Report codes of a blacklisted number, a phone that is off, a filtered word. [M] all three; carriers add their own."""
    keywords: tuple[str, ...] = ()
    """Words a carrier filters, on every line."""
    transcript_events: int = 500
    tencent: SimTencentConfig | None = None
    """Serve Tencent Cloud's API as well."""
    twilio: SimTwilioConfig | None = None
    """Serve Twilio's API as well."""


class SmsRefusal(Exception):
    """The vendor's `Code` and `Message`; `status` 200 for business refusals."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


@dataclass(slots=True)
class Sent:
    """One accepted message to one number (E.164)."""

    number: str
    text: str
    parts: int
    kind: str
    biz_id: str
    out_id: str
    at: float
    status: Literal["waiting", "failed", "delivered"] = "waiting"
    code: str = ""


class SmsRules:
    """State and decisions of one account; what is refused raises `SmsRefusal`."""

    def __init__(self, config: SimSmsConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.templates = {template.code: template for template in config.templates}
        self.signs: dict[str, str] = {t.sign: "approved" for t in config.templates} | dict(config.signs)
        self.accepted: deque[Sent] = deque(maxlen=100_000)
        self.blacklist: set[str] = set()
        self.last_sign: dict[str, str] = {}
        self.last_extend: dict[str, str] = {}
        self.out_of_service = False
        self._windows = Windows()

    def now(self) -> float:
        return self.clock.now().timestamp()

    def admit(self, action: str, caller: str, now: float) -> None:
        """May this call be made at all? `now` is the requests' time."""
        if self.config.allowed_ips and caller not in self.config.allowed_ips:
            raise SmsRefusal("isv.DENY_IP_RANGE", "源IP地址所在的地区被禁用")
        if action in self.config.denied_actions:
            raise SmsRefusal("isp.RAM_PERMISSION_DENY", "RAM权限不足")
        if self._windows.used(("calls",), 1.0, now) >= self.config.queries_per_second:
            raise SmsRefusal("Throttling.User", "Request was denied due to user flow control.", 400)
        self._windows.count([("calls",)], now)

    def send(self, fields: Mapping[str, str]) -> list[Sent]:
        """SendSms: one message for each number, all or none."""
        if self.out_of_service:
            raise SmsRefusal("isv.OUT_OF_SERVICE", "业务停机")
        numbers = [self._number(text) for text in _needed(fields, "PhoneNumbers").split(",")]
        if len(numbers) > self.config.max_numbers:
            raise SmsRefusal("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
        template = self._template(_needed(fields, "SignName"), _needed(fields, "TemplateCode"))
        text = self._text(template, fields["SignName"], fields.get("TemplateParam", ""))
        if any(word in text for word in self.config.illegal_words):
            raise SmsRefusal("isv.SMS_CONTENT_ILLEGAL", "短信内容包含禁止发送内容")
        extend = fields.get("SmsUpExtendCode", "")
        if extend and not (extend.isascii() and extend.isdecimal() and len(extend) <= EXTEND_DIGITS):
            raise SmsRefusal("isv.EXTEND_CODE_ERROR", "扩展码使用错误，相同的扩展码不可用于多个签名")
        out_id = fields.get("OutId", "")
        if len(out_id) >= 256:
            raise SmsRefusal("isv.OUT_ID_ILLEGAL", "OutId 超长")
        now = self.now()
        for number in numbers:
            self._limits(number, template, fields["SignName"], now)
        biz_id = f"{secrets.randbelow(900_000_000_000_000) + 100_000_000_000_000}^0"
        parts = parts_of(text)
        sent = [Sent(number, text, parts, template.kind, biz_id, out_id, now) for number in numbers]
        for number in numbers:
            self._count(number, template, fields["SignName"], now)
            self.last_sign[number] = fields["SignName"]
            self.last_extend[number] = extend
        self.accepted.extend(sent)
        return sent

    # -- templates

    def create_template(self, fields: Mapping[str, str]) -> SmsTemplate:
        """CreateSmsTemplate: registered as pending; `review` decides."""
        kind = TEMPLATE_TYPES.get(fields.get("TemplateType", ""))
        text, name = fields.get("TemplateContent", ""), fields.get("TemplateName", "")
        if kind is None or not text or not name:
            raise SmsRefusal("isv.INVALID_PARAMETERS", "参数异常")
        sign = fields.get("RelatedSignName") or next(iter(self.signs), "")
        if sign not in self.signs:
            raise SmsRefusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        code = f"SMS_{secrets.randbelow(900_000_000) + 100_000_000}"
        self.templates[code] = SmsTemplate(code, name, text, sign, kind, "pending")
        return self.templates[code]

    def review(self, code: str) -> SmsTemplate:
        """Approves a pending template, or rejects one that breaks the vendor's written rules."""
        template = self._known(code)
        if template.state == "pending":
            state: State = "rejected" if review_reason(template) else "approved"
            self.templates[code] = template = replace(template, state=state)
        return template

    def describe_template(self, code: str) -> dict[str, Any]:
        """GetSmsTemplate's answer: `TemplateStatus` 0 in review, 1 approved, 2 rejected."""
        template = self._known(code)
        return {
            "TemplateCode": code,
            "TemplateName": template.key,
            "TemplateContent": template.text,
            "TemplateType": next(kind for kind, name in TEMPLATE_TYPES.items() if name == template.kind),
            "TemplateStatus": {"pending": "0", "approved": "1", "rejected": "2"}[template.state],
            "AuditInfo": {"RejectInfo": review_reason(template) if template.state == "rejected" else ""},
        }

    def _known(self, code: str) -> SmsTemplate:
        template = self.templates.get(code)
        if template is None:
            raise SmsRefusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        return template

    # -- sending

    def _number(self, text: str) -> str:
        match = _MOBILE.fullmatch(text.strip())
        if match is None:
            raise SmsRefusal("isv.MOBILE_NUMBER_ILLEGAL", f"{text[:20]}无效号码")
        return "+86" + match[1]

    def _template(self, sign: str, code: str) -> SmsTemplate:
        state = self.signs.get(sign)
        if state is None:
            raise SmsRefusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if state != "approved":
            raise SmsRefusal("isv.SIGN_STATE_ILLEGAL", "签名状态不可用")
        template = self.templates.get(code)
        if template is None or template.state != "approved":
            raise SmsRefusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        if self.config.sign_scenes.get(sign, template.kind) != template.kind:
            raise SmsRefusal("isv.SMS_SIGNATURE_SCENE_ILLEGAL", "短信所使用签名场景非法")
        return template

    def _text(self, template: SmsTemplate, sign: str, given: str) -> str:
        values: dict[str, Any] = {}
        if given:
            try:
                values = orjson.loads(given)
            except orjson.JSONDecodeError:
                raise SmsRefusal("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值") from None
            if not isinstance(values, dict) or not all(
                isinstance(value, str | int) for value in values.values()
            ):
                raise SmsRefusal("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
        for name in _PLACE.findall(template.text):
            if name not in values:
                raise SmsRefusal("isv.TEMPLATE_MISSING_PARAMETERS", f"模板缺少变量 {name}")
            value = str(values[name])
            if not 1 <= len(value) <= self.config.variable_chars:
                raise SmsRefusal("isv.PARAM_LENGTH_LIMIT", f"参数 {name} 超过长度限制")
            if _URL.search(value) or "【" in value or "】" in value:
                raise SmsRefusal(
                    "isv.TEMPLATE_PARAMS_ILLEGAL",
                    f"传入的变量内容和实际申请模板时变量所选择的属性类型不配 {name}",
                )
        return f"【{sign}】" + _PLACE.sub(lambda match: str(values[match[1]]), template.text)

    def _limits(self, number: str, template: SmsTemplate, sign: str, now: float) -> None:
        used = self._windows.used
        if self.config.daily_cap and used(("account",), DAY, now) >= self.config.daily_cap:
            raise SmsRefusal("isv.DAY_LIMIT_CONTROL", "触发日发送限额")
        if self.config.monthly_cap and used(("account",), MONTH, now) >= self.config.monthly_cap:
            raise SmsRefusal("isv.MONTH_LIMIT_CONTROL", "触发月发送限额")
        if template.kind == "code":
            for seconds, most in self.config.code_limits.items():
                if used(("code", sign, number), seconds, now) >= most:
                    raise _controlled(seconds, most)
            if used(("number", number), DAY, now) >= self.config.number_daily:
                raise _controlled(DAY, self.config.number_daily)
        elif used(("notice", sign, template.code, number), DAY, now) >= self.config.notice_daily:
            raise _controlled(DAY, self.config.notice_daily)

    def _count(self, number: str, template: SmsTemplate, sign: str, now: float) -> None:
        keys: list[Key] = [("account",)] if self.config.daily_cap or self.config.monthly_cap else []
        if template.kind == "code":
            keys += [("code", sign, number), ("number", number)]
        else:
            keys.append(("notice", sign, template.code, number))
        self._windows.count(keys, now)


def review_reason(template: SmsTemplate) -> str:
    """The vendor's reason to reject, in its own words; empty when there is none."""
    text = template.text
    if len(text) > 500 or "【" in text or "】" in text:
        return "模板内容不能超过500字，不能含有【】"
    if (template.kind == "marketing") != text.endswith("拒收请回复R"):
        return "推广短信须以“拒收请回复R”结尾，通知短信不得含有"
    if _MOBILE.search(text) or any(word in text for word in FORBIDDEN):
        return "模板含有手机号码或不支持的内容"
    names = _PLACE.findall(text)
    if len(set(names)) != len(names) or "}${" in text or not _PLACE.sub("", text).strip():
        return "变量重复、相邻或全部为变量"
    return ""


def _needed(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise SmsRefusal(f"Missing{name}", f"{name} is mandatory for this action.", 400)
    return value


def _controlled(seconds: float, most: int) -> SmsRefusal:
    return SmsRefusal("isv.BUSINESS_LIMIT_CONTROL", f"触发{LEVELS.get(seconds, '天')}级流控Permits:{most}")
