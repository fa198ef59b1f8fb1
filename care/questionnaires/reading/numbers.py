"""Numbers as people say them: 三十八度五, 一百四, 140/90, 高压140低压90, 37到38度."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from care.questionnaires.definition import Item
from care.questionnaires.reading.found import Doubt, Found, Read, Unread
from care.questionnaires.reading.words import any_of, left_over, words
from care.questionnaires.values import plausible


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text, from `start` to `end`. `spread`: two digits in a row, which is a range (两三天)."""

    value: float
    start: int
    end: int
    spread: bool = False


def numbers_in(text: str) -> list[Number]:
    """Every number of a folded text, in order."""
    found = []
    # Its place is kept, so that what is around a number can be looked at.
    plain = _no_numbers().sub(lambda match: "\N{NO-BREAK SPACE}" * len(match[0]), text)
    for match in _pattern().finditer(plain):
        value, spread = _value(match)
        if value is not None:
            found.append(Number(value, match.start(), match.end(), spread))
    return found


def read_number(item: Item, folded: str, pair: Item | None = None) -> Found:
    """One number with nothing but small words around it; what is said more loosely is asked back."""
    found = numbers_in(folded)
    if not found:
        return _without(item, folded)
    if any(one.spread for one in found):
        return Unread("which")
    if len(found) == 2 and pair is not None:
        high, low = sorted((one.value for one in found), reverse=True)
        sure = not left_over(
            _blanked(folded, found), of=item.text + pair.text, names=("fillers", "units", "joins")
        )
        return (Read if sure else Doubt)(_shaped(item, high), _shaped(pair, low))
    if len(found) > 1:
        return Unread("which") if _same(found) is None else _judged(item, folded, found, found[0].value)
    return _judged(item, folded, found, found[0].value)


def _same(found: list[Number]) -> float | None:
    return found[0].value if len({one.value for one in found}) == 1 else None


def _judged(item: Item, folded: str, found: list[Number], value: float) -> Found:
    before = folded[: found[0].start]
    if words().raw["than"] in before and re.search(f"(?:{any_of('by_how_much').pattern})$", before):
        return Unread("compared")
    rest = _blanked(folded, found)
    for unit, factors in words().raw["other_units"].items():
        if unit in (rest.replace(item.unit, "") if item.unit else rest) and item.unit_code in factors:
            return Doubt(_shaped(item, round(value * factors[item.unit_code], 1)))
    loose = any_of("about").search(rest) is not None
    rest = any_of("compared").sub("", rest)
    if not loose and any_of("denials").search(left_over(rest, of=item.text)):
        return Unread("not_a_number")
    sure = not loose and not left_over(rest, of=item.text, names=("fillers", "units", "picks"))
    if item.type == "integer" and value != int(value):
        return Unread("not_a_number")
    if (dotted := _dotted(item, value)) is not None:
        return Doubt(dotted)
    if _beyond(item, value):
        return Unread("out_of_range")
    return (Read if sure else Doubt)(_shaped(item, value))


def _without(item: Item, folded: str) -> Found:
    """No number at all: better or worse than before is asked back to the scale; "none" may mean nought."""
    if any_of("compared").search(folded):
        return Unread("compared")
    lowest = item.lowest if item.lowest is not None else item.minimum
    if lowest == 0 and not left_over(folded, of=item.text, names=("fillers", "denials", "no", "none_of_all")):
        return Doubt(_shaped(item, 0.0))
    return Unread("not_a_number")


def _dotted(item: Item, value: float) -> float | None:
    """385 said of a temperature is 38.5 without its point."""
    if item.type == "integer" or not _beyond(item, value) or item.maximum is None:
        return None
    tenth = round(value / 10, 2)
    return tenth if plausible(item, tenth) else None


def _beyond(item: Item, value: float) -> bool:
    return (item.lowest is not None and value < item.lowest) or (
        item.highest is not None and value > item.highest
    )


def _shaped(item: Item, value: float) -> float | int:
    return int(value) if item.type == "integer" and value == int(value) else value


def _blanked(text: str, found: list[Number]) -> str:
    for one in reversed(found):
        text = text[: one.start] + " " + text[one.end :]
    return text


@cache
def _no_numbers() -> re.Pattern[str]:
    raw = words().raw
    digits = "".join([*map(re.escape, raw["digits"]), *map(re.escape, raw["tens"])])
    return re.compile(rf"(?<![{digits}\d])(?:{any_of('no_numbers').pattern})(?![{digits}\d])")


@cache
def _pattern() -> re.Pattern[str]:
    raw = words().raw
    digit, ten = ("".join(map(re.escape, raw[name])) for name in ("digits", "tens"))
    point = "|".join(map(re.escape, words().list("points")))
    degree = "|".join(map(re.escape, words().list("degrees")))
    half, half_unit = re.escape(raw["half"]), "|".join(map(re.escape, words().list("half_units")))
    marks = "".join(raw["marks"])
    full = "|".join(map(re.escape, words().list("full")))
    whole = rf"(?:\d+(?:\.\d+)?|[{digit}{ten}]+)"
    return re.compile(
        rf"(?P<mark>[{marks}])|(?P<full>{full})"
        rf"|(?P<whole>{whole})(?:"
        rf"(?:{degree})(?P<degree>[\d{digit}](?![\d{digit}{ten}./]))"
        rf"|(?:{point})(?P<point>[\d{digit}]+)"
        rf"|(?:{degree}|{half_unit})?(?P<half>{half})"
        rf")?"
        rf"|(?P<only_half>{half})(?={half_unit})",
        re.IGNORECASE,
    )


def _value(match: re.Match[str]) -> tuple[float | None, bool]:
    raw = words().raw
    if match["mark"]:
        return float(raw["marks"][match["mark"]]), False
    if match["full"]:
        return 10.0, False
    if match["only_half"]:
        return 0.5, False
    whole, spread = numeral(match["whole"])
    if whole is None:
        return None, False
    after = match["degree"] or match["point"]
    if after:
        return float(f"{int(whole)}.{_digits(after)}"), False
    return (whole + 0.5 if match["half"] else whole), spread


def numeral(text: str) -> tuple[float | None, bool]:
    """A numeral's value, and whether it is a spread of two (两三). 一百四 is 140: the unit after the last digit is understood."""
    raw = words().raw
    digits, tens = raw["digits"], raw["tens"]
    if text[0].isascii():
        return float(text), False
    if not any(one in tens for one in text):
        spread = len(text) == 2 and digits[text[1]] - digits[text[0]] == 1 and digits[text[0]] > 0
        return float(_digits(text)), spread
    total, current, last, spread, zero = 0, None, 0, False, False
    for one in text:
        if one in tens:
            total += (1 if current is None else current) * tens[one]
            current, last, zero = None, tens[one], False
        else:
            spread = spread or (current is not None and current > 0)
            zero = zero or digits[one] == 0
            current = digits[one]
    if current is not None:
        total += current * (last // 10 if last >= 100 and not zero else 1)
    return float(total), spread


def _digits(text: str) -> str:
    known = words().raw["digits"]
    return "".join(one if one.isdigit() and one.isascii() else str(known[one]) for one in text)
