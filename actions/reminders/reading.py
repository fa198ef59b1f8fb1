"""What a text wants of reminders, and the numbers that answer one. Pure.

Only what says it plainly is taken: the word 提醒 with what of, a whole message that stops or lists them, a bare number after a reminder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time

from actions.asides import Aside
from care.observations.measures import measures
from care.observations.reading import Reading
from care.reminders.models import ReminderKind
from language.normalise import normalise
from language.when.reader import read

SET, STOP, LIST, ANSWERED = "reminder_set", "reminder_stop", "reminder_list", "reminder_answered"
BESIDE = "reminder_beside"
"""An answer the alarm has spoken to."""

_KINDS = (
    (ReminderKind.BLOOD_PRESSURE, re.compile(r"血压")),
    (ReminderKind.GLUCOSE, re.compile(r"血糖")),
    (ReminderKind.MEDICATION, re.compile(r"[吃服用喝]\S{0,6}药|胰岛素")),
)
_ASKS = re.compile(r"提醒|叫我|喊我")
_NOT_OURS = re.compile(r"预约|挂号|就诊|复诊|复查|门诊|看病|[吗么?？]|为什么|怎么")
"""A reminder of an appointment, or a question about reminders, is something else."""
_STOPS = frozenset(
    {
        "停止提醒",
        "取消提醒",
        "关闭提醒",
        "停掉提醒",
        "不用提醒了",
        "不要提醒了",
        "别提醒了",
        "不用再提醒了",
        "不要再提醒了",
    }
)
_LISTS = frozenset(
    {
        "我的提醒",
        "提醒列表",
        "查看提醒",
        "看提醒",
        "有哪些提醒",
        "我有哪些提醒",
        "修改提醒",
        "改提醒",
        "我的提醒有哪些",
    }
)
_DONE = frozenset(
    {
        "吃了",
        "已吃",
        "吃过了",
        "吃完了",
        "已经吃了",
        "吃了药",
        "药吃了",
        "已服",
        "服了",
        "用了",
        "打了",
        "打过了",
    }
)
_PIECES = re.compile(r"[,，、;；和及跟]|\s+")
_EVERY = re.compile(r"每一?[天日]|天天|日常|以后|都")
_FILLER = re.compile(
    r"提醒一?下?|[我请要想帮让]|叫|喊|麻烦|记得|按时|[吃服用喝]\S{0,6}药|[量测查]?一?下?血[压糖]|[打注]?射?胰岛素|的|各|一次|时候|设个?|定个?"
)
PARTS = ((time(11), time(8)), (time(13), time(12)), (time(17), time(15)), (time(23), time(20)))
"""A part of the day without an hour: before the first, the second is meant."""
_PRESSURE = re.compile(
    r"^(?:血压|高压)?[:： ]?(\d{2,3})\s*[/／,，比]?\s*(?:低压)?\s*(?<=[/／,，比压\s])(\d{2,3})(?:mmhg|毫米汞柱)?$"
)
_GLUCOSE = re.compile(
    r"^(?:空腹|餐后|饭后|早上|血糖|是|[:： ])*(\d{1,2}(?:\.\d{1,2})?)(?:mmol/?l?|毫摩尔?)?$"
)


CHOSEN = 3
"""A bare 1 or 2 is a choice, no blood glucose."""


def _plain(text: str) -> str:
    return normalise(text).strip(" 。.!~,、?")


def wants(text: str) -> Aside | None:
    """A wish about reminders; None: something else."""
    said = _plain(text)
    if said in _STOPS:
        return Aside(STOP)
    if said in _LISTS:
        return Aside(LIST)
    if not _ASKS.search(said) or _NOT_OURS.search(normalise(text)):
        return None
    kind = next((one for one, pattern in _KINDS if pattern.search(said)), None)
    return None if kind is None else Aside(SET, {"kind": kind.value, "text": said[:200]})


def may_answer(text: str) -> bool:
    """Whether a text may be the answer to a reminder, before anybody looks whether one was sent."""
    return done(text) or any(numbers(text, kind) is not None for kind, _ in _KINDS)


def times_of(text: str, now: datetime) -> list[time]:
    """The times of day a text names, in its order; `now` naive local. None that can be read: empty."""
    found: list[time] = []
    plain = _EVERY.sub("", text.replace("每晚", "晚上").replace("每早", "早上").replace("早晚", "早上、晚上"))
    for piece in _PIECES.split(_FILLER.sub(" ", plain)):
        when = read(piece, now) if piece else None
        if when is None or when.residue:
            continue
        at = when.start.time()
        if when.grain == "part":
            at = next((meant for before, meant in PARTS if at < before), PARTS[-1][1])
        elif when.grain not in ("hour", "minute"):
            continue
        if at not in found:
            found.append(at)
    return found


def done(text: str) -> bool:
    """吃了."""
    return _plain(text) in _DONE


def numbers(text: str, kind: str) -> list[Reading] | None:
    """What was measured; None: no number of this kind. An empty list: a number that cannot be."""
    said = _plain(text)
    if kind == ReminderKind.BLOOD_PRESSURE and (found := _PRESSURE.match(said)):
        high, low = float(found[1]), float(found[2])
        return _plausible((("8480-6", high), ("8462-4", low))) if high > low else []
    if kind == ReminderKind.GLUCOSE and (found := _GLUCOSE.match(said)):
        bare = said.isdecimal() and float(said) < CHOSEN
        return None if bare else _plausible((("15074-8", float(found[1])),))
    return None


def _plausible(values: Sequence[tuple[str, float]]) -> list[Reading]:
    readings = []
    for code, value in values:
        measure = measures().measures[code]
        low, high = measure.plausible
        if not low <= value <= high:
            return []
        readings.append(Reading(code, round(value, measure.decimals + 1), measure.unit))
    return readings
