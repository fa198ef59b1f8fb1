"""What a sentence wishes for: a person, a department, a doctor, a time; several of them at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from actions.appointments import patterns
from care.appointments.models import Part
from care.hospital.gazetteer import Gazetteer, fold
from care.hospital.models import HealthcareService, Practitioner
from care.patients import family
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from language.normalise import fold as fold_answer
from language.when import Refused, refusals
from language.when import read as read_when
from language.when.numerals import number, plain
from language.when.tokens import Token, tokens


@dataclass(slots=True)
class Wish:
    """Everything found; empty fields were not said. Times are naive local; `shift`: days from the one talked of; `left` is what was not
    read."""

    people: list[LinkedPatient] = field(default_factory=list)
    by_name: bool = False
    relation: Relation | None = None
    department: HealthcareService | None = None
    generic: str = ""
    doctors: tuple[Practitioner, ...] = ()
    not_doctors: tuple[Practitioner, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    part: Part | None = None
    clock: time | None = None
    ambiguous: str = ""
    instead: int = 0
    without: tuple[Refused, ...] = ()
    unclear: str = ""
    earlier: bool = False
    later: bool = False
    shift: int = 0
    any_doctor: bool = False
    same_doctor: bool = False
    any_time: bool = False
    earliest: bool = False
    kind: str = ""
    other_time: bool = False
    other_doctor: bool = False
    other_department: bool = False
    other_person: bool = False
    left: str = ""

    @property
    def has_time(self) -> bool:
        return bool(self.start or self.part or self.clock or self.unclear or self.earlier or self.later)

    @property
    def changes(self) -> bool:
        return self.other_time or self.other_doctor or self.other_department or self.other_person

    @property
    def empty(self) -> bool:
        return not (
            self.people
            or self.relation
            or self.department
            or self.generic
            or self.doctors
            or self.not_doctors
            or self.has_time
            or self.any_doctor
            or self.same_doctor
            or self.any_time
            or self.kind
            or self.without
            or self.changes
        )


def says_yes(text: str) -> bool:
    return fold_answer(text) in patterns.YES


def says_no(text: str) -> bool:
    return fold_answer(text) in patterns.NO


def says_quit(text: str) -> bool:
    return fold_answer(text) in patterns.QUIT


def split_change(text: str) -> tuple[str, str]:
    """What a wish to move says of the old and of the new time: `周四的眼科改到周五` → (`周四的眼科`, `周五`).

    The second is empty when no new time was said.
    """
    match = next(
        (one for one in reversed(list(patterns.CHANGE.finditer(text)))), None
    ) or patterns.REFUSAL.search(text)
    if match is None:
        return text, ""
    new = text[match.end() :]
    return text[: match.start()] or text, new if tokens(plain(new)) else ""


def _last_change(text: str) -> re.Match[str] | None:
    found = list(patterns.CHANGE.finditer(text))
    return found[-1] if found else None


def naming(text: str) -> str:
    """The part of a wish to cancel that names the appointment: `周四的号我去不了 取消吧` → `周四的号`."""
    match = patterns.REFUSAL.search(text)
    return text[: match.start()] or text if match else text


def _paused(text: str) -> str:
    """`text` as times are read from it.

    Pauses where words would run together (`等下 周四` is not `下周四`, `周三9点` is two words);
    `早一点` is no hour, `有没有号` no refusal, and "now" no time to book.
    """
    text = patterns.A_LITTLE.sub("些", patterns.EITHER_OR.sub("有", patterns.RIGHT_NOW.sub("，", text)))
    return patterns.JOINT.sub("，", patterns.PAUSE.sub("，", text))


def find_time(text: str, now: datetime, wish: Wish) -> list[Token]:
    """Read the time of `text` as said at `now` (naive local) into `wish`; the time words it consists of."""
    change = _last_change(text)
    if change is not None and any(
        token.kind not in patterns.NO_TIME for token in tokens(plain(text[change.end() :]))
    ):
        text = text[change.end() :]
    said = _paused(text)
    wish.without = refusals(said, now)
    words = [token for token in tokens(plain(said)) if _tells(token)]
    if not words or (patterns.LATER.search(text) and all(token.kind in patterns.COUNTED for token in words)):
        return words  # "推后两天" counts from what is booked: later, not in two days
    when = read_when(said, now)
    if when is None:
        wish.other_time = any(token.kind != "now" for token in words)
        return words
    said_once = [token.text for token in words]
    if when.residue and not all(said_once.count(piece) > 1 for piece in when.residue.split()):
        wish.unclear = when.residue
        return words
    has_day = when.dated
    span = when.end - when.start
    whole_days = (when.end - timedelta(seconds=1)).date() - when.start.date()
    first = datetime.combine(when.start.date(), time())
    last = first + whole_days + timedelta(days=1)
    if when.grain in ("hour", "minute") and span <= timedelta(hours=1):
        wish.clock = when.start.time()
        wish.part = part_at(when.start.hour)
        wish.start, wish.end = (first, last) if has_day else (None, None)
    elif when.grain == "part" and (part := patterns.PARTS.get((when.start.hour, when.end.hour))) is not None:
        wish.part = part
        wish.start, wish.end = (first, last) if has_day else (None, None)
    elif not has_day and when.grain == "part":  # 下午三点以后, of whatever day
        wish.clock, wish.part = when.start.time(), part_at(when.start.hour)
    else:
        wish.start, wish.end = when.start, when.end
    if when.ambiguous and (has_day or "点是" in when.ambiguous):
        wish.ambiguous, wish.instead = when.ambiguous, when.instead
    return words


def find_shift(text: str) -> tuple[int, str]:
    """Days later (negative: earlier) than what is talked of, and the text without saying so; 0 where none are."""
    for sign, pattern in patterns.SHIFTS:
        if (said := pattern.search(text)) is not None:
            count = number(said["n"]) if said["n"] else 1
            days = (count or 1) * (1 if said["unit"] in (None, "天", "日") else 7)
            return sign * days, f"{text[: said.start()]}，{text[said.end() :]}"
    return 0, text


def _tells(token: Token) -> bool:
    """Whether a time word can say when to come: 月底 does, the 初 of 初诊 does not."""
    if token.kind == "month_part":
        return "月" in token.text
    return token.kind not in patterns.NO_TIME


def part_at(hour: int) -> Part:
    return Part.MORNING if hour < 12 else Part.AFTERNOON if hour < 18 else Part.EVENING


def find_wish(
    text: str,
    now: datetime,
    gazetteer: Gazetteer,
    linked: Sequence[LinkedPatient],
    department: HealthcareService | None = None,
) -> Wish:
    """All that `text` asks for. `department`: the one spoken of so far, for doctors of one surname."""
    wish = Wish()
    if not text:
        return wish
    wish.shift, text = find_shift(text)
    words = find_time(text, now, wish)
    consumed = [token.text for token in words]
    if wish.without:
        consumed += [token.text for token in tokens(plain(_paused(text))) if token.kind == "working_days"]
    _find_person(text, linked, wish, consumed)
    _find_place(text, gazetteer, linked, department, wish, consumed)
    had_time = wish.has_time
    wish.earlier = wish.shift < 0 or (not had_time and patterns.EARLIER.search(text) is not None)
    wish.later = wish.shift > 0 or (not had_time and patterns.LATER.search(text) is not None)
    wish.any_doctor = patterns.ANY_DOCTOR.search(text) is not None
    wish.same_doctor = patterns.SAME_DOCTOR.search(text) is not None and not wish.doctors
    wish.other_doctor = patterns.OTHER_DOCTOR.search(text) is not None and not wish.doctors
    wish.other_department = patterns.OTHER_DEPARTMENT.search(text) is not None and wish.department is None
    wish.other_person = patterns.OTHER_PERSON.search(text) is not None and not wish.people
    wish.other_time = (wish.other_time or patterns.OTHER_TIME.search(text) is not None) and not (
        wish.start or wish.part
    )
    wish.any_time = (
        not wish.has_time and not wish.any_doctor and patterns.ANY_TIME.search(fold_answer(text)) is not None
    )
    wish.earliest = patterns.EARLIEST.search(text) is not None and not (wish.earlier or wish.later)
    wish.kind = next((kind for kind, said in patterns.KINDS.items() if said.search(text)), "")
    left = plain(_paused(text))
    for piece in sorted(consumed, key=len, reverse=True):
        left = left.replace(piece, "，")
    for pattern in (
        patterns.EARLIER,
        patterns.LATER,
        patterns.ANY_DOCTOR,
        patterns.SAME_DOCTOR,
        patterns.OTHER_TIME,
        patterns.OTHER_DOCTOR,
        patterns.OTHER_DEPARTMENT,
        patterns.OTHER_PERSON,
        patterns.ANY_TIME,
        patterns.EARLIEST,
        *patterns.KINDS.values(),
    ):
        left = pattern.sub("，", left)
    if wish.without or wish.not_doctors:
        left = patterns.REFUSING.sub("，", left)
    wish.left = patterns.FILLERS.sub("", left)
    return wish


def _find_person(text: str, linked: Sequence[LinkedPatient], wish: Wish, consumed: list[str]) -> None:
    mention = family.mentioned(text)
    if mention is not None and patterns.RECOMMENDS.match(text[text.find(mention.word) + len(mention.word) :]):
        return
    people = family.meant(text, linked)
    if people:
        wish.people = people
        wish.by_name = any(one.patient.name in text for one in people)
        consumed += [one.patient.name for one in people] + [one.label for one in people if one.label]
        consumed += [one.patient.name[1:] for one in people if len(one.patient.name) >= family.MIN_NAME]
    elif mention is not None:
        wish.relation = mention.relation
    elif family.BOTH.search(text):  # 父母, and not both are bound
        mother = any(one.relation == Relation.MOTHER for one in linked)
        wish.relation = Relation.FATHER if mother else Relation.MOTHER
    elif (kin := patterns.KIN.search(text)) is not None:
        group = kin.lastgroup or ""
        relation = Relation("child" if group == "kid" else group)
        wish.people = [one for one in linked if one.relation == relation]
        wish.relation = None if wish.people else relation
        consumed.append(kin[group])
    if mention is not None:
        consumed.append(mention.word)


def _find_place(
    text: str,
    gazetteer: Gazetteer,
    linked: Sequence[LinkedPatient],
    department: HealthcareService | None,
    wish: Wish,
    consumed: list[str],
) -> None:
    match = gazetteer.find_department(text)
    if match is not None:
        consumed.append(match.text)
        if match.text in patterns.GENERIC:
            wish.generic = match.text
        else:
            wish.department = match.department
    named = [one.patient.name for one in linked if one.patient.name in text]
    without = fold(text)
    for name in named:
        if not re.search(re.escape(name) + "(?:医生|大夫|主任|医师)", without):
            without = without.replace(fold(name), "，")
    inside = wish.department or department
    doctor = gazetteer.find_practitioner(without, inside.id if inside else None)
    if doctor is not None:
        consumed.append(doctor.text)
        if patterns.NOT_THIS_ONE.search(without[: doctor.start]):
            wish.not_doctors = doctor.candidates
        else:
            wish.doctors = doctor.candidates
