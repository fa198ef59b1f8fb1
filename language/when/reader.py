"""Read one time (or one range) out of what a patient wrote.

Conventions, chosen for booking at a clinic:

* "周三" is the next coming Wednesday, today included; "这周三" lies in this Monday-to-Sunday week, "下周三"
  in the next; a day of the month, a month or a festival that has passed means the next one.
* Parts of the day are in ``data/language/when.yml`` (上午/早上 08-12, 中午 12-14, 下午 12-18, 晚上 18-24).
* A bare hour takes the reading inside clinic hours (8-11 in the morning, 12-6 in the afternoon, 7 in the
  morning) and sets ``ambiguous`` unless only one makes sense (8-12).
* "三天内" ends with the third day; "周五之前" starts now and ends with the start of Friday.
* ``end`` is exclusive; a clock time lasts one hour ("九点") or one minute ("九点半").

``residue`` is what *looks like* time in the text but was not used, joined by spaces; "" when every time word
was understood. Other words are ignored. A caller that books refuses a non-empty residue and asks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

from language.when.holidays import Holidays
from language.when.numerals import plain
from language.when.reading import Reading, Refused, Unread, When, table
from language.when.tokens import Token, tokens
from language.when.walker import Walker

_FILLER = re.compile(
    r"^(?:[的，,。.、 在是这那于从自我就大概约想要去来挂预约个看去行吧号之里时候]|随便|任意|任何|不管|不论|无论|[一某]天)*$"
)
_ANY_DAY = re.compile("哪一?天")
_CHANGE = re.compile(
    r"(?:改|换|挪|调|推|推迟|延|延期|提前|移|更)(?:约|期|号)?(?:到|成|至|为)|改约(?=[^的]{0,2}[周明后下\d一二三四五六七八九十])"
)
_REFUSED = re.compile(
    r"^[^，,。.;；?？!！周明后今号日]{0,4}?(?:(?<!行)不行|(?<!可)不可以|没空|没时间|(?<!有)没有?号|(?<!便)不方便|去不了|来不了|(?<!要)不要|(?<!去)不去|(?<!能)不能|"
    r"除外|[以之]外|不算|起不来|走不开|值班|[接送]孩子|请不[了到]假|"
    r"有事|(?<!不)(?:要|得)?上班|上课|有课|开会|出差|加班|有安排)(?!吗|么|没)"
)
_REFUSING = re.compile(r"(?:(?<!要)不要|除了|别|(?<!是)不是|不想要|(?<!约)不约|(?<!去)不去)$")
# Between two times: both are meant together (周六周日), or the second says the first more closely.
_BOTH = re.compile(r"^[和跟与及、,，。 嗯呃啊]*$")
# 周一周二都不行, 不要周一和周二: one refusal is of both; a comma or 吧 between them parts what is refused and what is wanted.
_LISTED = re.compile(r"^[和跟与及、或者 ]*$")
_WANTED = re.compile(r"^(?:上午|下午|早上)?(?:吧|呢|可以|还行|有|行(?!吗)|好)")
_OR = re.compile("^[，, ]*或者?[，, ]*$")
_EITHER = re.compile("或|还是|要么|不然|要不")
_TIMELIKE = re.compile(
    r"\d{3,4}年|[零〇一二三四五六七八九]{2,4}年|[\d一二两三四五六七八九十半几]+(?:点|时(?!候)|号|日(?!常))|[\d一二两三四五六七八九十半几]+(?:个)?(?:月|周|天|小时|分钟|刻|年)(?:之|以)?(?:后|内)|周[一二三四五六日末]|[上下]午|早上|晚上|"
    r"中午|凌晨|傍晚|[今明后昨前]天|[上下这]周|[春夏秋冬]天|节前|节后|立[春夏秋冬]|谷雨|惊蛰|霜降|大寒|小寒|夏至|春分|秋分|头伏|三伏|三九|"
    r"月[初中底末]|年[初底末]|周末|工作日|开学|暑假|寒假"
)


_DAY = timedelta(days=1)
_Group = tuple[When, set[int], Reading | None]
"""A run of time words that belong together: the time, the places of its words, its reading (``None`` for a range)."""


def read(text: str, now: datetime, *, holidays: Holidays | None = None) -> When | None:
    """The time in ``text`` as said at ``now`` (naive local), or ``None`` when there is none to be had."""
    worked = plain(text[:400])
    change = list(_CHANGE.finditer(worked))
    offset = change[-1].end() if change and tokens(worked[change[-1].end() :]) else 0
    worked = worked[offset:]
    walker = Walker(now, holidays or Holidays.load())
    words = tokens(worked)
    groups, refused = _groups(walker, worked, words)
    if not groups:
        return None
    groups[0] = _of_that_day(walker, groups[0], refused)
    when, used = _together(walker, worked, words, groups)
    places = {place for _, used_there, _ in refused for place in used_there}
    dated = not {words[place].kind for place in used} <= _NO_DAY
    return replace(when, residue=_residue(worked, words, used | places), dated=dated)


def _of_that_day(walker: Walker, wanted: _Group, refused: list[_Group]) -> _Group:
    """周三下午不行，上午吧: Wednesday's. A day refused as a whole is not meant again."""
    _, used, reading = wanted
    if reading is None or reading.has_day or reading.moment is not None:
        return wanted
    for when, places, other in refused:
        if other is not None and other.has_day and other.part and max(places) == min(used) - 1:
            settled = walker.settle(replace(reading, day=when.start.date(), asks=[]))
            return (settled, used | places, reading) if settled is not None else wanted
    return wanted


def refusals(text: str, now: datetime, *, holidays: Holidays | None = None) -> tuple[Refused, ...]:
    """The times ``text`` says do not suit (不要周一, 上午起不来), as said at ``now``; 工作日 asked for refuses Saturday and Sunday."""
    worked = plain(text[:400])
    walker = Walker(now, holidays or Holidays.load())
    words = tokens(worked)
    found: list[Refused] = []
    for when, used, reading in _groups(walker, worked, words)[1]:
        found += _refused(when, reading, [words[place] for place in sorted(used)])
    for word in words:
        if word.kind == "working_days":
            no = _REFUSED.match(worked[word.end :]) or _REFUSING.search(worked[: word.start])
            found += [Refused(weekday=day) for day in (range(5) if no else (5, 6))]
    return tuple(found)


def _refused(when: When, reading: Reading | None, said: list[Token]) -> list[Refused]:
    hours = None
    if reading is not None and reading.part is not None and reading.clock is None:
        low, high = table()["parts"][reading.part]
        hours = (low, high)
    elif when.grain in ("hour", "minute", "part") or (reading is not None and reading.side):
        return []  # a time of the clock, or an open side: nothing that a half-day could be kept out by
    if reading is not None and reading.weekday is not None:
        return [Refused(weekday=reading.weekday, hours=hours)]
    if said[0].kind == "weekend" and len(said) == 1 and "rel" not in said[0].value:
        return [Refused(weekday=day, hours=hours) for day in (5, 6)]
    if reading is not None and not reading.has_day:
        return [Refused(hours=hours)]
    last = when.end - timedelta(seconds=1)
    return [Refused(first=when.start.date(), until=last.date() + _DAY, hours=hours)]


def _together(
    walker: Walker, text: str, words: list[Token], groups: list[tuple[When, set[int], Reading | None]]
) -> tuple[When, set[int]]:
    """The first time, with what later ones say of the same: again, more closely, or the day after."""
    when, used, reading = groups[0]
    for other, places, further in groups[1:]:
        between = text[words[max(used)].end : words[min(places)].start]
        if min(places) < max(used):
            break
        if (beside := _beside(reading, further, between)) and (joined := walker.settle(beside)):
            when, used, reading = joined, used | places, beside
            continue
        if _EITHER.search(between):
            break
        dated = further is None or further.has_day or further.moment is not None
        if dated and when.start <= other.start and other.end <= when.end:
            when = other
        elif dated and when.grain == other.grain == "day" and other.start in (when.end, when.end - 7 * _DAY):
            if not _BOTH.match(between):
                break
            when = replace(when, end=when.end + (other.end - other.start))
        elif not dated and reading is not None and (parted := _in_part(reading, further)):
            settled = walker.settle(parted)
            if settled is None:
                break
            when, further = settled, parted
        elif further is not None and not dated and when.grain == "day" and when.end - when.start == _DAY:
            settled = walker.settle(further, base=when.start.date())
            if settled is None:
                break
            when = settled
        elif dated and reading is not None and not reading.has_day and other.grain == "day":
            settled = None if reading.moment else walker.settle(reading, base=other.start.date())
            if settled is None or other.end - other.start != _DAY:
                break
            when = settled
        else:
            break
        used, reading = used | places, further
    return when, used


def _beside(first: Reading | None, second: Reading | None, between: str) -> Reading | None:
    """周三或者周四, 周三周四下午: days beside each other are one stretch, in the part of the day said of both or after the last."""
    if first is None or second is None or not (_OR.match(between) or (second.part and _BOTH.match(between))):
        return None
    if not (_whole_days(first) and _whole_days(second)) or first.part not in (None, second.part):
        return None
    begins, ends = _stretch(first)
    starts, over = _stretch(second)
    if second.weekday is not None and starts == ends - 7 * _DAY:
        starts, over = ends, over + 7 * _DAY
    if starts != ends and over != begins:
        return None
    asks, instead = [*first.asks, *second.asks], first.instead or second.instead
    return Reading(
        day=min(begins, starts), until=max(ends, over), part=second.part, asks=asks, instead=instead
    )


def _in_part(first: Reading, second: Reading | None) -> Reading | None:
    """下周哪天都行，下午: the part of the day is of all these days."""
    if second is None or second.part is None or second.clock is not None or second.side is not None:
        return None
    if (
        first.day is None
        or first.until is None
        or first.part is not None
        or first.grain not in ("day", "week", "month")
    ):
        return None
    if first.clock is not None or first.side is not None:
        return None
    return replace(first, part=second.part, asks=[*first.asks, *second.asks])


def _wide(reading: Reading) -> bool:
    """Whether several days are meant so far: a week, a month."""
    return reading.until is not None or reading.said_month is not None


def _whole_days(one: Reading) -> bool:
    """A day or days beside each other, perhaps a part of them."""
    return one.day is not None and one.grain == "day" and not (one.clock or one.moment or one.side)


def _stretch(one: Reading) -> tuple[date, date]:
    assert one.day is not None
    return one.day, one.until or one.day + _DAY


def _groups(walker: Walker, text: str, words: list[Token]) -> tuple[list[_Group], list[_Group]]:
    """The times that ``text`` names, and those it refuses."""
    every: list[_Group] = []
    refused: set[int] = set()
    at = 0
    while at < len(words):
        reading, used, at = _one(walker, text, words, at)
        if reading is None:
            continue
        when = walker.settle(reading)
        if when is not None and at < len(words) and words[at].kind == "to" and _near(text, words, at):
            walker.anchor = when.start.date()
            right, right_used, after = _one(walker, text, words, at + 1)
            ranged = _range(walker, when, right, reading) if right is not None else None
            walker.anchor = walker.today
            if ranged is not None:
                when, used, at = ranged, used | {at} | right_used, after
                reading = None
        if when is None:
            continue
        every.append((when, used, reading))
    for n, (_, used, _) in enumerate(every):
        before, behind = text[: words[min(used)].start], text[words[max(used)].end :]
        if _REFUSED.match(behind):
            refused.add(n)
            while n > 0 and _LISTED.match(_between(text, words, every[n - 1], every[n])):
                refused.add(n := n - 1)
        elif _REFUSING.search(before):
            refused.add(n)
        elif n - 1 in refused and not _WANTED.match(behind):
            # 不要周一周二: of both. After 周一不行 a new time is a new wish.
            said_before = _REFUSING.search(text[: words[min(every[n - 1][1])].start]) or n - 2 in refused
            if said_before and _LISTED.match(_between(text, words, every[n - 1], every[n])):
                refused.add(n)
    return [one for n, one in enumerate(every) if n not in refused], [every[n] for n in sorted(refused)]


def _between(text: str, words: list[Token], one: _Group, other: _Group) -> str:
    return text[words[max(one[1])].end : words[min(other[1])].start]


_NO_DAY = {"part", "part_letter", "clock", "dot_clock", "quarter_to", "to", "before", "after"}
_NO_PIECE = {"set", "vague", "to", "before", "after", "working_days"}


def _near(text: str, words: list[Token], at: int) -> bool:
    return at > 0 and bool(_FILLER.match(text[words[at - 1].end : words[at].start]))


def _one(walker: Walker, text: str, words: list[Token], at: int) -> tuple[Reading | None, set[int], int]:
    """Read as many neighbouring words as fit together from ``words[at]`` on; the place to go on from."""
    reading = Reading()
    used: set[int] = set()
    while at < len(words):
        word = words[at]
        if used and not _FILLER.match(text[words[at - 1].end : word.start]):
            break
        if _wide(reading) and word.kind == "vague" and _ANY_DAY.fullmatch(word.text):
            at += 1  # 下周哪天下午: the week is the time
            continue
        if word.kind in _NO_PIECE:
            if word.kind in ("before", "after") and used and word.start == words[at - 1].end:
                reading.side = word.kind
                used.add(at)
                at += 1
                break
            if used:
                break
            at += 1
            while (
                word.kind == "set"
                and at < len(words)
                and _FILLER.match(text[words[at - 1].end : words[at].start])
            ):
                at += 1
            continue
        try:
            walker.feed(reading, word)
        except Unread:
            if used:
                break
            at += 1
            continue
        used.add(at)
        at += 1
    return (None if reading.empty else reading), used, at


def _range(walker: Walker, first: When, right: Reading, left: Reading) -> When | None:
    if left.clock and not left.has_day and right.clock and right.day and right.until is None:
        day, right.day = right.day, None  # 8点到10点 周四: the day is of both
        settled = walker.settle(left, base=day)
        if settled is None:
            return None
        first = settled
        base: date | None = day
    else:
        base = None if right.has_day else first.start.date()
    if left.part is None and left.clock is None and right.has_day and right.part and not right.clock:
        left.part = right.part  # 三号到五号上午: the part is of both
        first = walker.settle(left) or first
    last = walker.settle(right, base=base, after=first.start if base else None)
    if last is None or last.end <= first.start:
        return None
    end = last.start if last.grain in ("hour", "minute") else last.end
    return When(first.start, end, last.grain, ambiguous=first.ambiguous or last.ambiguous)


# Words of history, habit or asking: unread, they do not make a booking doubtful.
_NOT_LEFT = {"to", "before", "after", "now", "past", "ago", "set", "vague", "working_days"}


def _residue(text: str, words: list[Token], used: set[int]) -> str:
    """Time-like fragments of ``text`` outside the used words."""
    kept = list(text)
    for n, word in enumerate(words):
        if n in used or word.kind in _NOT_LEFT:
            kept[word.start : word.end] = "\x00" * (word.end - word.start)
    rest = "".join(kept)
    left = [w.text for n, w in enumerate(words) if n not in used and w.kind not in _NOT_LEFT]
    seen = " ".join(left)
    extra = [m.group() for m in _TIMELIKE.finditer(rest) if m.group() not in seen]
    return " ".join([*left, *extra])


def contract_row(text: str, now: datetime, *, holidays: Holidays | None = None) -> dict[str, str | None]:
    """One line of the ``banyi when`` contract: ISO 8601 local times, ``start`` null when nothing was read."""
    when = read(text, now, holidays=holidays)
    if when is None:
        return {"text": text, "start": None, "end": None, "grain": None, "residue": ""}
    return {
        "text": text,
        "start": when.start.isoformat(),
        "end": when.end.isoformat(),
        "grain": when.grain,
        "residue": when.residue,
    }
