"""What a sentence wishes for: a person, a department, a doctor, a time; several of them at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from care.appointments.models import Part
from care.hospital.gazetteer import Gazetteer, fold
from care.hospital.models import HealthcareService, Practitioner
from care.patients import family
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from language.normalise import fold as fold_answer
from language.when import read as read_when
from language.when.numerals import plain
from language.when.tokens import Token, tokens

PARTS = {(8, 12): Part.MORNING, (12, 18): Part.AFTERNOON, (18, 0): Part.EVENING}
"""Hours (start, end; midnight is 0) that are a whole part of the day."""

_NOT_A_DAY = {"part", "part_letter", "clock", "quarter_to", "to", "before", "after", "vague", "now", "set"}
_NO_TIME = {"to", "before", "after", "vague", "set", "month_part", "duration", "ago", "past", "last_unit"}
_COUNTED = {"next_days", "later", "within", "days_set"}
_CHANGE = re.compile(
    r"(?:改|换|挪|调|推迟|延期|提前|移|延|推)(?:约|期|号)?(?:到|成|至|为|去)"
    r"|[改换](?=的?(?:[\d一二三四五六七八九十]{1,3}[号点月日]|[周星礼今明]|后天|大后|上午|下午|早上|晚上|下个?[周星礼月]))"
)
_REFUSAL = re.compile(
    r"(?:我)?(?:就)?(?:去不了|来不了|去不成|不去了?|不来了?|不能[去来]|没法[去来]|不想[去来]|没空|没时间|有事|不行|不方便|不要了?)了?"
)
_PAUSE = re.compile(r"等一?下(?=[\s,，。]+)|(?:一下)(?=[周星礼])|^(?:等等|稍等|那个)[\s,，]*")
_JOINT = re.compile(r"(?<=[周期拜][一二三四五六日天])(?=\d)")
_A_LITTLE = re.compile(
    r"(?<=[早晚近快急好密宜远些多少便])一点(?![钟半\d一二三四五])|(?<=[早晚近快])点(?=的|儿|$)"
)
_EITHER_OR = re.compile(r"有没有|行不行|可不可以|能不能|方不方便|有没")
_RIGHT_NOW = re.compile(r"现在|目前|这会儿?")
_EARLIER = re.compile(r"(?<!最)(?<![今明后])早(?:一)?些|提前|更早|往前|早一?点")
_LATER = re.compile(r"(?:推|延|往|靠)后|推迟(?!到)|(?<![今明后])晚(?:一)?些|更晚|晚一?点")
_KIN = re.compile(
    r"(?:帮|给|替|带|陪|为)[我俺咱们家]{0,3}(?:(?P<child>娃儿?|囡囡?|宝贝|崽)|(?P<mother>姆妈|阿妈)"
    r"|(?P<other>爷爷|奶奶|外婆|外公|姥姥|姥爷|婆婆|公公|岳母|岳父|姐姐?|妹妹?|哥哥?|弟弟?|朋友|同事|邻居|老人))"
    r"|^(?:我家)?(?P<kid>娃儿?(?!娃))"
)
_RECOMMENDS = re.compile(r"推荐|介绍|(?<!想)说")
_GENERIC = {"内科": "内科", "外科": "外科", "看内科": "内科", "看外科": "外科"}
_ANY_DOCTOR = re.compile(
    r"(?:不限|随便|不挑|不指定)(?:哪个|哪位|什么)?(?:医生|大夫)|(?:哪个|哪位|什么)(?:医生|大夫)都|(?:医生|大夫)(?:都行|都可以|无所谓|随便)"
)
_ANY_TIME = re.compile(
    r"最早|最快|越[快早]越好|尽[快早]|最近的?(?:号|时间|一个|一天)?$|(?:哪天|什么时候|时间)(?:都|随便)|随便(?:哪天|什么时候|都)?|都行|都可以|无所谓"
)
_OTHER_TIME = re.compile(
    r"(?:换|改)(?:个|一个|一下|下)?(?:时间|日期|日子|时段|天|点)|换一天|(?:别的|其他|其它|另外的?)(?:时间|日期|日子|天|时段)|时间(?:不行|不合适|不对|不方便)|(?:这个|那个)?时间(?:我)?(?:没空|来不了)|再看看"
)
_OTHER_DOCTOR = re.compile(
    r"(?:换|改)(?:个|一个|一位|位)?(?:医生|大夫|专家|主任)|(?:别的|其他|其它|另外的?)(?:医生|大夫|专家)|(?:指定|选)(?:医生|大夫)|有哪些(?:医生|大夫)"
)
_OTHER_DEPARTMENT = re.compile(
    r"(?:换|改)(?:个|一个)?(?:科室|科(?!.))|(?:别的|其他|其它|另外的?)科|科室?(?:不对|错了|选错)|(?:挂|约|选)错科"
)
_OTHER_PERSON = re.compile(
    r"换(?:个|一个)?人|(?:不是|不)给(?:他|她|我|这个人)|人(?:不对|错了|选错)|(?:别的|其他|另外的?)人"
)
_QUIT = frozenset(
    {"取消", "取消预约", "不要了", "不挂了", "不看了", "不预约了", "不挂号了", "先不约", "先不挂了", "不用了"}
)
_YES = frozenset(
    {
        "是",
        "是的",
        "对",
        "对的",
        "对对",
        "好",
        "好的",
        "好滴",
        "好嘞",
        "行",
        "行的",
        "中",
        "可以",
        "可",
        "确认",
        "确定",
        "确认预约",
        "确定预约",
        "没错",
        "没问题",
        "嗯",
        "嗯嗯",
        "ok",
        "okay",
        "yes",
        "y",
        "就这个",
        "就它",
        "就这样",
        "约",
        "约它",
        "预约",
        "要",
        "要的",
        "确认改约",
        "定了",
        "成",
        "给她",
        "给他",
    }
)
_NO = frozenset(
    {
        "不",
        "不是",
        "不对",
        "不要",
        "不行",
        "不好",
        "否",
        "不可以",
        "no",
        "n",
        "不是的",
        "错了",
        "不是这个",
        "不合适",
    }
)
_FILLERS = re.compile(
    r"[\W_]+|您好|你好|喂|谢谢|麻烦|请|帮我|帮|给我|我要|我想|想要|需要|我|想|要|给|挂号|挂|预约|约|号|一下|一个|个|位|的|了|吗|呢|吧|啊|呀|嘛|哈|么|哦|有没有|还有|有没|有|没有|没|看病|看看|看|门诊|医生|大夫|主任|专家|医师|等下|等一下|等等|那就|那|就|还是|换成|换到|换|改成|改到|改约到|改|可以|可|能不能|能|行不行|行|不|有空|空闲|空|时间段|时间|左右|最好|是|到|去|来|下|吧|它|这个|都|再|也|和|跟|或者|或"
)


@dataclass(slots=True)
class Wish:
    """Everything found; empty fields were not said. Times are naive local; `left` is what was not read."""

    people: list[LinkedPatient] = field(default_factory=list)
    by_name: bool = False
    relation: Relation | None = None
    department: HealthcareService | None = None
    generic: str = ""
    doctors: tuple[Practitioner, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    part: Part | None = None
    clock: time | None = None
    ambiguous: str = ""
    unclear: str = ""
    earlier: bool = False
    later: bool = False
    any_doctor: bool = False
    any_time: bool = False
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
            or self.has_time
            or self.any_doctor
            or self.any_time
            or self.changes
        )


def says_yes(text: str) -> bool:
    return fold_answer(text) in _YES


def says_no(text: str) -> bool:
    return fold_answer(text) in _NO


def says_quit(text: str) -> bool:
    return fold_answer(text) in _QUIT


def split_change(text: str) -> tuple[str, str]:
    """What a wish to move says of the old and of the new time: `周四的眼科改到周五` → (`周四的眼科`, `周五`).

    The second is empty when no new time was said.
    """
    match = next((one for one in reversed(list(_CHANGE.finditer(text)))), None) or _REFUSAL.search(text)
    if match is None:
        return text, ""
    new = text[match.end() :]
    return text[: match.start()] or text, new if tokens(plain(new)) else ""


def naming(text: str) -> str:
    """The part of a wish to cancel that names the appointment: `周四的号我去不了 取消吧` → `周四的号`."""
    match = _REFUSAL.search(text)
    return text[: match.start()] or text if match else text


def _paused(text: str) -> str:
    """`text` as times are read from it.

    Pauses where words would run together (`等下 周四` is not `下周四`, `周三9点` is two words);
    `早一点` is no hour, `有没有号` no refusal, and "now" no time to book.
    """
    text = _A_LITTLE.sub("些", _EITHER_OR.sub("有", _RIGHT_NOW.sub("，", text)))
    return _JOINT.sub("，", _PAUSE.sub("，", text))


def find_time(text: str, now: datetime, wish: Wish) -> list[Token]:
    """Read the time of `text` as said at `now` (naive local) into `wish`; the time words it consists of."""
    change = next((one for one in reversed(list(_CHANGE.finditer(text)))), None)
    if change is not None and any(
        token.kind not in _NO_TIME for token in tokens(plain(text[change.end() :]))
    ):
        text = text[change.end() :]
    said = _paused(text)
    words = [token for token in tokens(plain(said)) if token.kind not in _NO_TIME]
    if not words or (_LATER.search(text) and all(token.kind in _COUNTED for token in words)):
        return words  # "推后两天" counts from what is booked: later, not in two days
    when = read_when(said, now)
    if when is None:
        wish.other_time = any(token.kind != "now" for token in words)
        return words
    said_once = [token.text for token in words]
    if when.residue and not all(said_once.count(piece) > 1 for piece in when.residue.split()):
        wish.unclear = when.residue
        return words
    has_day = any(token.kind not in _NOT_A_DAY for token in words)
    span = when.end - when.start
    whole_days = (when.end - timedelta(seconds=1)).date() - when.start.date()
    first = datetime.combine(when.start.date(), time())
    last = first + whole_days + timedelta(days=1)
    if when.grain in ("hour", "minute") and span <= timedelta(hours=1):
        wish.clock = when.start.time()
        wish.part = part_at(when.start.hour)
        wish.start, wish.end = (first, last) if has_day else (None, None)
    elif when.grain == "part" and (part := PARTS.get((when.start.hour, when.end.hour))) is not None:
        wish.part = part
        wish.start, wish.end = (first, last) if has_day else (None, None)
    else:
        wish.start, wish.end = when.start, when.end
    if when.ambiguous and (has_day or "点是" in when.ambiguous):
        wish.ambiguous = when.ambiguous
    return words


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
    words = find_time(text, now, wish)
    consumed = [token.text for token in words]
    _find_person(text, linked, wish, consumed)
    _find_place(text, gazetteer, linked, department, wish, consumed)
    wish.earlier = not wish.has_time and _EARLIER.search(text) is not None
    wish.later = not wish.has_time and _LATER.search(text) is not None
    wish.any_doctor = _ANY_DOCTOR.search(text) is not None
    wish.other_doctor = _OTHER_DOCTOR.search(text) is not None and not wish.doctors
    wish.other_department = _OTHER_DEPARTMENT.search(text) is not None and wish.department is None
    wish.other_person = _OTHER_PERSON.search(text) is not None and not wish.people
    wish.other_time = (wish.other_time or _OTHER_TIME.search(text) is not None) and not (
        wish.start or wish.part
    )
    wish.any_time = (
        not wish.has_time and not wish.any_doctor and _ANY_TIME.search(fold_answer(text)) is not None
    )
    left = plain(_paused(text))
    for piece in sorted(consumed, key=len, reverse=True):
        left = left.replace(piece, "，")
    for pattern in (
        _EARLIER,
        _LATER,
        _ANY_DOCTOR,
        _OTHER_TIME,
        _OTHER_DOCTOR,
        _OTHER_DEPARTMENT,
        _OTHER_PERSON,
        _ANY_TIME,
    ):
        left = pattern.sub("，", left)
    wish.left = _FILLERS.sub("", left)
    return wish


def _find_person(text: str, linked: Sequence[LinkedPatient], wish: Wish, consumed: list[str]) -> None:
    mention = family.mentioned(text)
    if mention is not None and _RECOMMENDS.match(text[text.find(mention.word) + len(mention.word) :]):
        return
    people = family.meant(text, linked)
    if people:
        wish.people = people
        wish.by_name = any(one.patient.name in text for one in people)
        consumed += [one.patient.name for one in people] + [one.label for one in people if one.label]
    elif mention is not None:
        wish.relation = mention.relation
    elif (kin := _KIN.search(text)) is not None:
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
        if match.text in _GENERIC:
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
        wish.doctors = doctor.candidates
