"""The vendor's side of the WeChat stand-in: template messages and subscription notices, their results told afterwards.

https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html and
https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request

from channels.simulator.wechat_api import add_call
from channels.simulator.wechat_fields import check_fields
from channels.simulator.wechat_rules import Refusal, User

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator


def add_notice_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """`message/template/send`, `message/subscribe/bizsend`, and the list of the account's templates."""

    def checked(payload: Any) -> tuple[User, str, dict[str, str]]:
        if not isinstance(payload, dict):
            raise Refusal(47001)
        template_id = str(payload.get("template_id", ""))
        fields = sim.rules.config.templates.get(template_id)
        if fields is None:
            raise Refusal(40037)
        values = check_fields(fields, payload.get("data"))
        return sim.rules.user(str(payload.get("touser", ""))), template_id, values

    def template(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("template", sim.rules.config.template_daily)
        user, _, values = checked(payload)
        if sim.rules.config.account_type == "subscription":
            raise Refusal(48001)
        if not user.subscribed:
            raise Refusal(43004)
        again = sim.rules.already_sent(user.openid, str(payload.get("client_msg_id") or ""))
        if again:
            return {"errcode": 0, "errmsg": "ok", "msgid": again}
        status = _template_status(sim, user)
        message_id = sim.next_id()
        sim.rules.remember_sent(user.openid, str(payload.get("client_msg_id") or ""), message_id)
        if status == "success":
            sim.transcripts.add(user.openid, "out", _lines(values), "template")
        fault = sim.faults.take({"failed_receipt"}, "template") if sim.faults else None
        if fault is not None:
            status = str(fault.value or "failed: system failed")
        sim.notify(user, "TEMPLATESENDJOBFINISH", {"MsgID": message_id, "Status": status})
        return {"errcode": 0, "errmsg": "ok", "msgid": message_id}

    def subscription(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        user, template_id, values = checked(payload)
        page = str(payload.get("page") or "")
        if page and urlsplit(page).scheme not in ("http", "https"):
            raise Refusal(41030)
        left = user.consents.get(template_id, 0.0)
        if left < 1:
            raise Refusal(43101)
        user.consents[template_id] = left - 1
        code, status = ("0", "success") if not user.blocks else (sim.rules.config.blocked_code, "user block")
        if code == "0":
            sim.transcripts.add(user.openid, "out", _lines(values), "template")
        message_id = sim.next_id()
        item = {"TemplateId": template_id, "MsgID": message_id, "ErrorCode": code, "ErrorStatus": status}
        listed: Any = item if sim.rules.config.envelope == "xml" else [item]
        sim.notify(user, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": listed}})
        return {"errcode": 0, "errmsg": "ok", "msgid": message_id} if sim.rules.config.bizsend_msgid else {}

    def listed(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {
            "template_list": [
                {
                    "template_id": name,
                    "title": name,
                    "primary_industry": "医疗护理",
                    "deputy_industry": "医药医疗",
                    "content": "\n".join(f"{{{{{field}.DATA}}}}" for field in fields),
                    "example": "",
                }
                for name, fields in sim.rules.config.templates.items()
            ]
        }

    def industry(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        kind = {"first_class": "医疗护理", "second_class": "医药医疗"}
        return {"primary_industry": kind, "secondary_industry": kind}

    add_call(app, sim, "/cgi-bin/message/template/send", template)
    add_call(app, sim, "/cgi-bin/message/subscribe/bizsend", subscription)
    add_call(app, sim, "/cgi-bin/template/get_all_private_template", listed, ("GET",))
    add_call(app, sim, "/cgi-bin/template/get_industry", industry, ("GET",))


def _template_status(sim: WeChatSimulator, user: User) -> str:
    """What the job ends as. Above the account's limit for one openid it fails for frequency, far above it the call is refused:
    both were seen (community, 2024-07), the numbers are not published."""
    if user.blacklisted or user.blocks:
        return "failed:user block"
    limit = sim.rules.config.template_burst
    if limit:
        sent = sim.rules.tally(f"template:{user.openid}", 60)
        if sent > 2 * limit:
            raise Refusal(43117)
        if sent > limit:
            return "failed:freq limit"
    return "success"


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(values.values())
