"""Reading a message as a choice among what was offered. Pure: no database, no engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from channels.reply import Option, digits
from language.normalise import fold, normalise

_CIRCLED = {chr(0x2460 + i): i + 1 for i in range(20)} | {chr(0x2776 + i): i + 1 for i in range(10)}
_HAN = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_NUMBER = re.compile(
    r"(?:我?(?:就)?(?:选|要|回复?|按)|那?就|还是)?(?P<th>第)?(?P<n>\d{1,2}|[一二两三四五六七八九十])(?P<unit>个|项|条|种|那个)?(?:吧|呗|好了|就行|可以|行|谢谢|啊|呀)*"
)
_EDGE = re.compile(r"^[\s.,，。、!！?？;；:：)）(（【】\[\]#*]+|[\s.,，。、!！?？;；:：)）(（【】\[\]#*]+$")


@dataclass(frozen=True, slots=True)
class MenuRef:
    """What a tapped item's id says: which question, which option."""

    question_id: UUID
    option_id: str


def parse_ref(ref: str) -> MenuRef | None:
    """`<question>:<option>`; None for an id that is not of our making."""
    question, _, option = ref.partition(":")
    try:
        return MenuRef(UUID(question), option) if option else None
    except ValueError:
        return None


def number_in(text: str) -> int | None:
    """The number a short answer consists of ("2", "第三个吧", "选1", "②"), or None."""
    bare = text.strip()
    if bare in _CIRCLED:
        return _CIRCLED[bare]
    bare = _EDGE.sub("", normalise(text))
    match = _NUMBER.fullmatch(bare)
    if match is None:
        return None
    figure = match["n"]
    if figure.isdigit():
        return int(figure)
    # A bare "十" or "一" may be anything; with 第, 个 or 选 it is a choice. Alone it counts as well: it was asked for.
    return _HAN[figure]


def pick(options: tuple[Option, ...], text: str) -> Option | None:
    """The option `text` means: by its digit, or by saying its label or the part before its comma."""
    if not options or not text.strip():
        return None
    number = number_in(text)
    if number is not None:
        return next(
            (one for one, digit in zip(options, digits(options), strict=True) if digit == number), None
        )
    said = fold(text)
    for name in (fold, _first_part):
        same = [option for option in options if said and name(option.label) == said]
        if same:
            return same[0] if len(same) == 1 else None
    return None


def _first_part(label: str) -> str:
    """`误报` of "误报，继续"."""
    return fold(label.partition("，")[0])


def by_id(options: tuple[Option, ...], option_id: str) -> Option | None:
    return next((option for option in options if option.id == option_id), None)
