"""Two requests in one message: where they part. Pure; what they mean, and whether both are understood, is decided elsewhere."""

from __future__ import annotations

import re

from language.normalise import normalise

MAX_LENGTH = 200
"""Longer messages are stories, not two requests."""
MIN_HALF = 3
"""Characters a half has at least, without marks."""

# A connecting word begins the second request; the lookaheads keep "另外一位医生", "周三还有号吗", "还有几个人" in one piece.
_WORD = re.compile(
    r"(?:^|(?<=[，,。.；;？?！!\s~…]))(?:(?:还有|另外还有)(?!没|号|票|床|空|吗|么|多少|几|多久|好久|人|名额|其他|别的|个$|谁|效|机会|\d)(?:就是|一?个(?:事|问题)|一?件事)?"
    r"|对了|还想(?=问|约|挂|查)|再问(?:一下|下|个)?|以及)"
    # 取消了再约: the second begins with its verb
    r"|(?<=[消掉了退吧号约])[，, ]*(?:然后|再)+(?:重新|另外)?(?:帮我|给我|帮|给)?(?=约|挂|预约)"
    r"|(?<!第)另外(?!一[个位家种天间]|的|那|那个|找|换|选|约个?时间|[两几])|顺便(?:再)?(?:问(?:一下|下)?)?|顺带"
)
_MARK = re.compile(r"[；;？?]+(?!$)")
_EDGE = re.compile(r"^[\s，,。.；;？?！!、:：~…]+|[\s，,。.；;！!、:：~…]+$")
_ASKS = re.compile(
    r"[?？]|吗|么$|怎么|咋|多少|几[点号楼层天个]|哪|什么|啥|能不能|可不可以|可以|有没有|是否|想|要|帮|约|挂|取消|改|查|在不在|多久"
)
_LEANS = re.compile(r"呢[?？]?$|^(?:那|那么|它|他|她|这个|那个|如果|要是|因为|所以|但是?|不过|就是)")


def halves(text: str) -> tuple[str, str] | None:
    """The two requests a message joins, as normalised text, or None when it is one, or more than two.

    A connecting word parts them ("…，另外…"); so does one question mark or semicolon in the middle, if what follows
    asks or wishes something by itself.
    """
    plain = normalise(text)
    if not MIN_HALF * 2 < len(plain) <= MAX_LENGTH:
        return None
    words = list(_WORD.finditer(plain))
    if len(words) > 1:
        return None
    if words:
        return _pair(plain[: words[0].start()], plain[words[0].end() :])
    marks = list(_MARK.finditer(plain))
    if len(marks) != 1:
        return None
    first, second = plain[: marks[0].end()], plain[marks[0].end() :]
    bare = _EDGE.sub("", second)
    if _LEANS.search(bare) or not _ASKS.search(bare) or not _ASKS.search(first):
        return None
    return _pair(first, second)


def by_word(text: str) -> bool:
    """Whether a connecting word stands between the halves: it says outright that another request follows."""
    return _WORD.search(normalise(text)) is not None


def _pair(first: str, second: str) -> tuple[str, str] | None:
    one, two = _EDGE.sub("", first), _EDGE.sub("", second)
    if min(len(re.sub(r"\W", "", half)) for half in (one, two)) < MIN_HALF:
        return None
    return one, two
