"""The field rules of template messages and subscription notices.

https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html: the kind of a
field is its name without the number (`thing1`, `time2`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from channels.simulator.wechat_rules import Refusal

_RULES: Mapping[str, re.Pattern[str]] = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "number": re.compile(r"[0-9.]{1,32}"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "time": re.compile(
        r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}[-/]\d{1,2}[-/]\d{1,2})?\s?(?:\d{1,2}:\d{2}(?::\d{2})?)?(?:~.{1,30})?"
    ),
    "date": re.compile(
        r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}[-/]\d{1,2}[-/]\d{1,2})(?:\s\d{1,2}:\d{2}(?::\d{2})?)?"
    ),
    "amount": re.compile(r"[¥￥$]?\d{1,10}(?:\.\d{1,2})?元?"),
    "phone_number": re.compile(r"[0-9+\-() ]{1,17}"),
    "car_number": re.compile(r".{1,8}"),
    "name": re.compile(r"[\u4e00-\u9fff·]{1,10}|[A-Za-z .]{1,20}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
    "const": re.compile(r".{1,20}"),
}


def check_fields(wanted: tuple[str, ...], data: Any) -> dict[str, str]:
    """The values of `data` (`{"thing1": {"value": "…"}}`); 47003 naming the first field that breaks its
    rule."""
    if not isinstance(data, dict):
        raise Refusal(47003, " data is not an object")
    values: dict[str, str] = {}
    for name in wanted:
        part = data.get(name)
        value = part.get("value") if isinstance(part, dict) else None
        rule = _RULES.get(re.sub(r"\d+$", "", name))
        if not isinstance(value, str) or not value or (rule is not None and rule.fullmatch(value) is None):
            raise Refusal(47003, f" data.{name}.value invalid")
        values[name] = value
    return values
