"""Spoken numbers as digits, for readings: 八十一 -> 81, 两点八 -> 2.8, 三十八度五 -> 38.5, 高压两百二 -> 高压220."""

from __future__ import annotations

import re

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "俩": 2,
    "幺": 1,
}
_WHOLE = "零〇一二三四五六七八九两俩幺十百"
_SPOKEN = re.compile(
    rf"(百分之)?(?<![{_WHOLE}第])([{_WHOLE}]+)(?:点([零〇一二三四五六七八九]{{1,2}}))?(?![{_WHOLE}])"
)
_DEGREES = re.compile(
    r"(\d{2})\s*(?:度|℃)(?:零?(\d)(?![\d天个次年月小分周])|半|([一二三四五六七八九])(?![一二三四五六七八九十百]))"
)
_SOME = re.compile(r"(?<=\d)(?:多|来)(?![\u4e00-\u9fff]?[天月年岁周个])|(?<=\d)点[多几](?!钟)")


def digits(text: str) -> str:
    """``text`` with its numbers below a thousand in digits; a temperature's 度 becomes the decimal point."""
    plain = _SPOKEN.sub(_number, text)
    plain = _DEGREES.sub(lambda m: f"{m[1]}.{m[2] or (m[3] and _DIGITS[m[3]]) or 5}度", plain)
    return _SOME.sub("", plain)


def _number(match: re.Match[str]) -> str:
    percent, whole, decimals = match.groups()
    value = _value(whole)
    if value is None:
        return match.group()
    after = "." + "".join(str(_DIGITS[char]) for char in decimals) if decimals else ""
    return f"{value}{after}{'%' if percent else ''}"


def _value(whole: str) -> int | None:
    """两百二 is 220, 一百零二 102, 一二零 120; None for 百 alone and the like."""
    if not any(char in "十百" for char in whole):
        return int("".join(str(_DIGITS[char]) for char in whole)) if len(whole) <= 3 else None
    if "百" in whole:
        head, _, tail = whole.partition("百")
        if len(head) != 1 or head not in _DIGITS or "百" in tail:
            return None
        rest = _DIGITS[tail] * 10 if len(tail) == 1 and tail in _DIGITS else _tens(tail.lstrip("零〇"))
        return None if rest is None else _DIGITS[head] * 100 + rest
    return _tens(whole)


def _tens(text: str) -> int | None:
    if not text:
        return 0
    head, ten, tail = text.partition("十")
    if not ten:
        return _DIGITS.get(text)
    if len(head) > 1 or len(tail) > 1 or not all(char in _DIGITS for char in head + tail):
        return None
    return (_DIGITS[head] if head else 1) * 10 + (_DIGITS[tail] if tail else 0)
