"""The reviewers of the Alibaba Cloud stand-in: templates and signatures in review, decided after a time on the clock, with reasons.

CreateSmsTemplate, GetSmsTemplate, QuerySmsTemplate, GetSmsSign, QuerySmsSign as in the vendor's SDK 4.6.0
(https://help.aliyun.com/document_detail/2806243.html for variables; 100 applications a calendar day:
https://help.aliyun.com/en/sms/user-guide/create-message-templates-1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from channels.chinatime import CHINA
from channels.simulator.sms_rules import SmsRefusal, SmsRules, review_reason
from store.clock import Clock

Fields = Mapping[str, str]
Action = Callable[[Fields], dict[str, Any]]
DAILY = 100
NAME_CHARS, TEXT_CHARS = 30, 500
STATUS = {"pending": "0", "approved": "1", "rejected": "2"}
OVER_LIMIT = "isv.TEMPLATE_OVER_LIMIT"
"""[M]: the refusal's name after the last application of a day is not documented."""
NO_REMARK = "无审批备注"
"""What QuerySmsTemplate says where there is nothing to say, in the vendor's words."""
UNTOLD = "模板内容不符合规范"
"""Said of what the control plane rejected without a reason."""


@dataclass
class Reviewers:
    """One account's applications. `rules` is asked each time: a restart of the simulator replaces them."""

    rules: Callable[[], SmsRules]
    clock: Clock
    daily: int = DAILY
    _due: dict[str, float] = field(default_factory=dict)
    _order: dict[str, str] = field(default_factory=dict)
    _made: list[datetime] = field(default_factory=list)

    def actions(self, others: Mapping[str, Action]) -> dict[str, Action]:
        """`others` with the reviewers' own in front: whatever is asked, what is due is decided first."""
        own: dict[str, Action] = {
            "CreateSmsTemplate": self.create,
            "GetSmsTemplate": self.get,
            "QuerySmsTemplate": self.query,
            "GetSmsSign": self.get_sign,
            "QuerySmsSign": self.query_sign,
        }
        return {name: self._after_review(action) for name, action in {**others, **own}.items()}

    def _after_review(self, action: Action) -> Action:
        def run(fields: Fields) -> dict[str, Any]:
            self.decide()
            return action(fields)

        return run

    def decide(self) -> None:
        """Approve or reject what has been in review long enough."""
        now = self.clock.now().timestamp()
        for code in [one for one, due in self._due.items() if due <= now]:
            del self._due[code]
            if code in self.rules().templates:
                self.rules().review(code)

    def create(self, fields: Fields) -> dict[str, Any]:
        """In review from now on; decided after `review_seconds` of the clock, where that is set."""
        text, name = fields.get("TemplateContent", ""), fields.get("TemplateName", "")
        if not 1 <= len(name) <= NAME_CHARS or not 1 <= len(text) <= TEXT_CHARS:
            raise SmsRefusal("isv.INVALID_PARAMETERS", "参数异常")
        if not fields.get("RelatedSignName"):
            raise SmsRefusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if "${" in text:
            self._check_rule(text, fields.get("TemplateRule", ""))
        now = self.clock.now().astimezone(CHINA)
        self._made = [at for at in self._made if at.date() == now.date()]
        if len(self._made) >= self.daily:
            raise SmsRefusal(OVER_LIMIT, "今日申请模板次数已达上限")
        template = self.rules().create_template(fields)
        self._made.append(now)
        self._order[template.code] = f"{20_000_000_000 + len(self._order)}"
        if seconds := self.rules().config.review_seconds:
            self._due[template.code] = now.timestamp() + seconds
        return {
            "Code": "OK",
            "Message": "OK",
            "TemplateCode": template.code,
            "TemplateName": template.key,
            "OrderId": self._order[template.code],
        }

    @staticmethod
    def _check_rule(text: str, given: str) -> None:
        try:
            rule = orjson.loads(given)
        except orjson.JSONDecodeError:
            rule = None
        if not isinstance(rule, dict) or not all(f"${{{name}}}" in text and rule[name] for name in rule):
            raise SmsRefusal("isv.INVALID_PARAMETERS", "模板变量规则 TemplateRule 缺失或格式错误")
        if text.count("${") != len(rule):
            raise SmsRefusal("isv.INVALID_PARAMETERS", "模板变量规则 TemplateRule 与模板变量不一致")

    def get(self, fields: Fields) -> dict[str, Any]:
        """GetSmsTemplate."""
        code = fields.get("TemplateCode", "")
        told = self.rules().describe_template(code)
        return {
            "Code": "OK",
            "Message": "OK",
            **told,
            "OrderId": self._order.get(code, ""),
            "AuditInfo": {"RejectInfo": self._reason(code)},
        }

    def query(self, fields: Fields) -> dict[str, Any]:
        """QuerySmsTemplate, the older one: numbers where the newer has strings, and the reason beside them."""
        code = fields.get("TemplateCode", "")
        told = self.rules().describe_template(code)
        del told["AuditInfo"]
        return {
            "Code": "OK",
            "Message": "OK",
            **told,
            "TemplateStatus": int(told["TemplateStatus"]),
            "TemplateType": int(told["TemplateType"]),
            "Reason": self._reason(code) or NO_REMARK,
        }

    def _reason(self, code: str) -> str:
        template = self.rules().templates[code]
        return (review_reason(template) or UNTOLD) if template.state == "rejected" else ""

    def get_sign(self, fields: Fields) -> dict[str, Any]:
        """GetSmsSign."""
        sign, state = self._sign(fields)
        audit = {"RejectInfo": "签名资料不齐全" if state == "rejected" else ""}
        return {
            "Code": "OK",
            "Message": "OK",
            "SignName": sign,
            "SignStatus": int(STATUS[state]),
            "AuditInfo": audit,
        }

    def query_sign(self, fields: Fields) -> dict[str, Any]:
        """QuerySmsSign."""
        answer = self.get_sign(fields)
        return {**answer, "Reason": answer.pop("AuditInfo")["RejectInfo"]}

    def _sign(self, fields: Fields) -> tuple[str, str]:
        sign = fields.get("SignName", "")
        state = self.rules().signs.get(sign)
        if state is None:
            raise SmsRefusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        return sign, state
