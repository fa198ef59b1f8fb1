"""What WeChat takes in a notice's fields: the kind of a field is its name without the number (`thing1`, `time2`).

https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html. Prose is cut to its limit; where a
cut would say something else (a number, a time, a name) the value is refused before the call: WeChat would answer 47003.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

THING = 20
"""Characters of prose in one field."""
_MOMENT = r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}[-/]\d{1,2}[-/]\d{1,2})(?: \d{1,2}:\d{2}(?::\d{2})?)?"
_EXACT: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"\d{1,32}|(?=[\d.]{1,32}\Z)\d+\.\d+"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[\x21-\x7e][\x20-\x7e]{0,31}"),
    "time": re.compile(rf"\d{{1,2}}:\d{{2}}(?::\d{{2}})?|{_MOMENT}(?:~{_MOMENT})?"),
    "date": re.compile(_MOMENT),
    "amount": re.compile(r"[¥￥$]?\d{1,10}(?:\.\d{1,2})?元?"),
    "phone_number": re.compile(r"(?=.{1,17}\Z)\+?[0-9]+(?:-[0-9]+)*"),
    "car_number": re.compile(r"[\u4e00-\u9fffA-Z0-9]{1,8}"),
    "name": re.compile(r"[\u4e00-\u9fff·]{1,10}|[A-Za-z][A-Za-z .]{0,19}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
}
_PROSE = frozenset({"thing", "const"})


class Unfit(ValueError):
    """The value cannot stand in this field; the message names the field, never the value."""


def kind_of(field: str) -> str:
    """`thing1` → `thing`."""
    return field.rstrip("0123456789")


def fit(field: str, value: str) -> str:
    """`value` as `field` takes it. Raises `Unfit`."""
    kind, text = kind_of(field), " ".join(value.split())
    if not text:
        raise Unfit(f"{field} is empty")
    if kind in _PROSE:
        return text if len(text) <= THING else text[: THING - 1] + "…"
    if kind in ("time", "date"):
        text = _iso(text)
    rule = _EXACT.get(kind)
    if rule is None:
        raise Unfit(f"{field} is of no kind we know")
    if rule.fullmatch(text) is None:
        raise Unfit(f"{field} does not take this value")
    return text


def _iso(text: str) -> str:
    """A moment in ISO 8601 as Chinese readers see it; anything else unchanged."""
    if not re.match(r"\d{4}-\d{2}-\d{2}T", text):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
