"""Chinese and Arabic numerals to numbers, and the one form of a text the reader works on."""

from __future__ import annotations

import re

from language.normalise import normalise

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "俩": 2,
    "幺": 1,
    "廿": 20,
    "卅": 30,
}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾", "一二三四五六七八九十")
NUMBER = r"(?:\d+|[零〇一二三四五六七八九十百千两俩廿卅]+)"


def number(text: str) -> int | None:
    """Read a numeral: 十二 -> 12, 廿三 -> 23, 二零二六 -> 2026, 12 -> 12; ``None`` when it is none."""
    text = text.translate(_FORMAL)
    if re.fullmatch(r"\d+", text):
        return int(text)
    if not text or any(c not in _DIGITS and c not in _UNITS for c in text):
        return None
    if not any(c in _UNITS or c in "廿卅" for c in text):
        return int("".join(str(_DIGITS[c]) for c in text))
    total, current = 0, 0
    for char in text:
        if char in _UNITS:
            total += (current or 1) * _UNITS[char]
            current = 0
        elif char in "廿卅":
            total += _DIGITS[char]
        else:
            current = _DIGITS[char]
    return total + current


_SLIPS = (
    # 看一下, 等一下, 等下 before a pause: no 下周.
    (re.compile("(?<![周期拜十号月初])一下子?(?!午|半)|等下(?=[\\s,，。])|待会儿?|稍等"), ","),
    (re.compile("仨"), "三个"),
    (re.compile("(?<=[上下这本])洲(?=[一二三四五六日天末])"), "周"),
    (re.compile("礼拜|星期|週"), "周"),
    (re.compile("周天"), "周日"),
    (re.compile("周山(?=[上下早晚中的吧行可有号,，。 ]|$)"), "周三"),
    (re.compile("周[思似寺](?=[上下早晚中的吧行可有号,，。 ]|$)"), "周四"),
    (re.compile("周曰"), "周日"),
    (re.compile("点钟|點"), "点"),
    (re.compile("钟头"), "小时"),
    (re.compile("个半小时"), ".5小时"),
    (re.compile(r"(?<=[一二两三四五六七八九十\d])个(?=小时|周|年)"), ""),
    (re.compile("明个儿|明儿个?|明日|ming\\s?tian|聽日|听日|明个儿?|明早(?=上)"), "明天"),
    (re.compile("今个儿|今儿个?|今日|jin\\s?tian|今个儿"), "今天"),
    (re.compile("后个儿|后儿个?|后日|hou\\s?tian|後日"), "后天"),
    (re.compile("昨儿个?|昨日|寻日|琴日"), "昨天"),
    (re.compile("前儿个?|前日"), "前天"),
    (re.compile("名天|明添|明田|眀天"), "明天"),
    (re.compile("侯天|候天|厚天"), "后天"),
    (re.compile("夏周|吓周|下个周|下个?周"), "下周"),
    (re.compile("这个周|本周|這周"), "这周"),
    (re.compile("上个周"), "上周"),
    # 周一早上 is Monday morning, 周一一早 too: the 一 of a weekday or a date is no part of 一早.
    (re.compile("上昼|朝头早|早晨|早间|一大早|(?<![周十])一早[上晨]?|大清早|清早|早起|朝早"), "早上"),
    (re.compile("晚间|夜里|夜间|夜晚|傍黑"), "晚上"),
    (re.compile("午后|下昼|晏昼|后半晌|后晌|下晌|过晌|下半天|后半天"), "下午"),
    (re.compile("擦黑儿?|天黑前后|擦擦黑"), "傍晚"),
    (re.compile("头午|(?<!端)午前|上半天|前半天|前半晌|头半晌|头晌|前晌|上晌"), "上午"),
    (re.compile("下五(?=[\\d一二三四五六])|下舞|夏午"), "下午"),
    (re.compile("下晚儿?"), "傍晚"),
    (re.compile("下(?:了班|班(?:之|以)?后)"), "晚上"),
    (re.compile("放(?:了学|学(?:之|以)?后)"), "下午"),
    (re.compile("等?天亮(?:了|之后|以后|后)|等天亮"), "早上"),
    (re.compile(r"过完年|(?<![\d一二两三四五六七八九十几半多今明去后前每])年后"), "春节后"),
    (re.compile(r"(?<![\d一二两三四五六七八九十几半多今明去后前每])年前"), "春节前"),
)
_SPACE = re.compile(r"(?<=[\u4e00-\u9fff\d])\s+(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])\s+(?=\d)")


def plain(text: str) -> str:
    """``text`` normalised, numerals of one writing, the words for week, o'clock and day parts made one."""
    text = normalise(text).translate(_FORMAL)
    first, *others = _SLIPS
    text = _SPACE.sub("", first[0].sub(first[1], text))
    for pattern, right in others:
        text = pattern.sub(right, text)
    return text
