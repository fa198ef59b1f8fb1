# ruff: noqa: E501  (a grammar table: one word a line)
"""Cut a plain text into time words, each with its meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from language.when.holidays import NAMES
from language.when.numerals import NUMBER, number

_N = rf"(?P<n>{NUMBER}|半|几)"
_CN = "[一二三四五六七八九十廿两〇零]"
_PARTS = (
    "凌晨|清晨|黎明|拂晓|早上|上午|中午|正午|晌午|下午|傍晚|黄昏|晚上|半夜|深夜|午夜|白天|全天|一整天|整天"
)
_LUNAR_MONTH = {"正": 1, "冬": 11, "腊": 12}


@dataclass(frozen=True)
class Token:
    """A time word: where it stands in the plain text, its kind and its values."""

    start: int
    end: int
    kind: str
    text: str
    value: dict[str, str]

    def number(self, name: str = "n") -> int:
        """The value ``name`` as a whole number (0 when it is missing)."""
        found = number(self.value.get(name) or "")
        return found if found is not None else 0


def _festival(name: str) -> str:
    """A festival's name; "十一", "五一" and the like only where they are no part of a date or an hour."""
    if re.fullmatch("[一二三五六七八十]+", name):
        return rf"(?<![\d一二三四五六七八九十周第月]){name}(?![一二三四五六七八九十月点号日时分个岁楼])"
    return name


# Order matters: the first pattern that matches at a place wins.
_GRAMMAR: tuple[tuple[str, str], ...] = (
    ("set", rf"每(?:个|隔|逢)?(?:天|日|周|月|年|晚|早|{NUMBER}(?:天|周|月|年|小时))(?:[一二三四五六日末])?"),
    (
        "vague",
        r"改天|过几天|过些天|过段时间|过一阵子?|过阵子|有空|哪天|几号|几点|什么时候|星期几|周几|哪一?天",
    ),
    ("ymd", r"(?<!\d)(?P<y>(?:19|20)\d\d)\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})(?:日|号)?"),
    ("ymd", r"(?<!\d)(?P<y>20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    ("ymd", r"(?<!\d)(?P<y>20\d\d)\s(?P<m>\d{1,2})\s(?P<d>\d{1,2})(?!\d)"),
    (
        "lunar",
        r"(?:农历|阴历|旧历)(?:的)?(?P<y>(?:\d{4}|[一二三四五六七八九零〇]{4})年)?(?P<leap>闰)?"
        rf"(?P<lm>[正冬腊]|{NUMBER})月(?:份)?(?P<ld>初{_CN}|廿{_CN}?|{NUMBER})(?:日|号)?",
    ),
    ("lunar", rf"(?P<leap>闰)?(?P<lm>[正冬腊])月(?:的)?(?P<ld>初{_CN}|廿{_CN}?|{NUMBER})(?:日|号)?"),
    ("lunar", rf"(?P<leap>闰)?(?P<lm>{NUMBER})月(?P<ld>初{_CN}|廿{_CN}?)(?:日|号)?"),
    ("lunar", rf"(?P<ny>大年|年)(?P<ld>初{_CN}{{1,2}})"),
    ("lunar", rf"(?P<lm>)(?P<ld>(?<![之年当最])初{_CN})(?![次中高二三]|\w*(?:诊|步|级))"),
    ("lunar_month", r"(?:农历|阴历)?(?P<lm>[正冬腊])月(?:里|份)?"),
    (
        "holiday_work",
        r"(?:节|假|假期|放假)(?:结束)?(?:之|以)?后(?:的)?(?:第一个工作日|第一天上班|上班第一天)",
    ),
    (
        "holiday",
        r"(?P<pre>过完|过了)?(?P<yr>今年|明年|后年|去年|(?:20\d\d)年)?的?(?P<name>"
        + "|".join(_festival(name) for name in sorted(NAMES, key=len, reverse=True))
        + r")(?:节|假(?!期))?(?P<span>期间|假期|长假|小长假|放假|假|那几天|七天)?"
        r"(?P<rel>(?:放假|假期|过完|结束|节)?(?:之|以)?(?:后|前)(?!天)|当天|那天|过完|过了|完了?)?(?:的)?"
        rf"(?P<nth>第(?P<n>{NUMBER})(?:个)?(?P<what>工作日|天|周|个?周)|(?P<one>上班第一天|第一天上班)"
        rf"|(?P<n2>{NUMBER})天)?",
    ),
    (
        "iso_md",
        r"(?<![\d.:/-])(?P<m>0?[1-9]|1[0-2])\s?[-/]\s?(?P<d>0?[1-9]|[12]\d|3[01])(?![\d:/-]|\s*(?:次|片|天|个|粒))"
        r"(?:日|号)?",
    ),
    ("dot_md", r"(?<![\d.:])(?P<m>1[0-2]|[1-9])\.(?P<d>[1-9]|[12]\d|3[01])(?:日|号)(?!\d)"),
    (
        "year",
        r"(?P<rel>大后年|今年|明年|后年|去年|前年|下年|上年|本年)|(?<!\d)(?P<y>(?:19|20)\d\d|[一二][一二三四五六七八九零〇]{3})年(?!前|后|内|以)"
        r"|(?<![\d一二三四五六七八九十个])(?P<yy>\d\d)年(?=\s*\d{1,2}月)",
    ),
    (
        "month",
        rf"(?P<rel>上上|上|这|本|当|下下|下|今)个?月(?!经)(?:份)?|(?<![\d])(?P<m>{NUMBER})月(?:份)?(?!经|子|龄|大|饼)",
    ),
    (
        "month_part",
        r"月?(?P<p>初|上旬|中旬|下旬|底|末)(?![诊步次级中])|(?<=月)(?P<p2>中)(?![午旬])|月(?P<p3>中)(?![午旬])",
    ),
    ("year_part", r"年?(?<=年)(?P<p>初|中|底|末)"),
    ("half_year", r"(?P<h>上|下|前|后)半年"),
    ("quarter", rf"(?P<n>{NUMBER})季度"),
    ("nth_week", rf"第(?P<n>{NUMBER})(?:个)?周(?![一二三四五六日末])"),
    (
        "week_days",
        r"(?P<rel>下下|下|这|上上|上)?周(?P<a>[一二三四五六日])(?P<b>[一二三四五六日])(?![\d点十])",
    ),
    (
        "week_span",
        r"(?P<rel>下下|下|这|上上|上)?周(?P<a>[一二三四五六日])(?:到|至|-|~|—)+(?:周)?(?P<b>[一二三四五六日])(?!点)",
    ),
    ("weekday", r"(?P<rel>下下|下|这|上上|上)?(?:个)?周(?P<d>[一二三四五六日])(?!(?:次|岁|点\S*次))"),
    ("weekday", r"(?P<rel>下下|下|这|上上|上)?(?:个)?周(?P<d>[1-7])(?![\d岁次:点.])"),
    ("weekend", r"(?P<rel>下下|下|这|上上|上)?(?:个)?周末|双休日?"),
    ("in_weeks", rf"{_N}(?:个)?周(?:之|以)?后(?:的)?(?P<d>周[一二三四五六日])?"),
    ("week", r"(?P<rel>下下|下|这|上上|上|当)(?:一)?周(?P<half>初|前半周|后半周|内|之内|以内|里)?"),
    ("duration", r"(?:还剩|还有|剩下?)\s*" + _N + r"(?P<half>\.5)?\s*(?P<u>小时|分钟)"),
    (
        "within",
        r"(?:未来|接下来|往后|今后|最近|这(?![两几]天))的?"
        + _N
        + r"(?P<half>\.5)?(?:个(?!月))?(?P<u>工作日|天|日|周|个月|(?<=半)月|小时|分钟)(?:之|以)?(?:内|里)?",
    ),
    (
        "within",
        _N
        + r"(?P<half>\.5|个半)?(?:个(?!月))?(?P<u>工作日|天|日|周|个月|(?<=半)月|小时|分钟)半?(?:之|以)?(?:内|里)(?!科|镜|分泌|障|痔|脏|胚)",
    ),
    ("next_days", r"(?:后|下|往后)" + _N + r"(?P<u>天|日)(?!后|以后)"),
    (
        "past",
        r"(?:过去|前)的?"
        + _N
        + r"(?P<half>\.5)?(?:个(?!月))?(?P<u>天|日|周|个月|小时|分钟)(?:之|以)?(?:内|里)?",
    ),
    (
        "ago",
        r"(?<!\d)(?!\d{3,}年)"
        + _N
        + r"(?P<half>\.5)?(?:个(?!月))?(?P<u>年|个月|(?<=半)月|周|天|日|小时|分钟)(?:之|以)?前",
    ),
    (
        "later",
        r"(?:再?过|再等)?"
        + _N
        + r"(?P<half>\.5|个半)?(?:个(?!月))?(?P<u>工作日|年|个月|(?<=半)月|周|天|日|小时|分钟)半?(?:之|以|过)?后",
    ),
    (
        "later",
        r"(?:再?过|再等)"
        + _N
        + r"(?P<half>\.5|个半)?(?:个(?!月))?(?P<u>工作日|年|个月|(?<=半)月|周|天|日|小时|分钟)",
    ),
    ("last_unit", r"上个?(?P<u>小时)"),
    ("days_set", r"(?P<d>明后|今明|这)(?P<n>两|二|几|三)?天"),
    ("day_part", r"(?P<d>今|明|昨|后|当|次|前)(?P<p>早|晨|晚|午)(?!饭|餐|点[心]|上\S{0,1}点心)(?:上)?"),
    ("rel_day", r"大大后天|大后天|后天|明天|今天|当天|当日|大前天|前天|昨天|次日|第二天|隔天|翌日"),
    (
        "day",
        r"(?<![\d.:])(?P<d>\d{1,2}|[一二三四五六七八九十廿卅]{1,3})(?:号|日)(?!线|楼|厅|窗|诊室|门|口|机|院|床|病|子|诊|间|台|桌|铺)",
    ),
    (  # 26、27号, 26或27号: the first of two
        "day",
        r"(?<![\d.:/\-月周期一二三四五六七八九十])(?P<d>\d{1,2}|[一二三四五六七八九十廿卅]{1,3})"
        r"(?=(?:[、,，和跟或]|或者)(?:\d{1,2}|[一二三四五六七八九十廿卅]{1,3})(?:号|日)(?!线|楼|厅|窗|诊室|门|口|机|院|床|病|子|诊|间|台|桌|铺))",
    ),
    ("bare_day", r"(?<=月)(?P<d>\d{1,2}|[一二三四五六七八九十廿卅]{1,3})(?![\d点时分岁天个次:.]|周)"),
    (
        "vague",
        r"(?:(?<=[有早晚快慢差好多少近远大小密宜贵静松轻重高低长短准急单楚细心便净宽暖服老熟亮业紧稳耐和强久])|(?<=[靠往提]前)|(?<=[靠往]后))"
        r"(?<![今明昨后]晚)(?<![今明昨后]早)一点(?:儿)?(?!半|钟|\d|[一二三四五])",
    ),
    ("dot_clock", r"(?<![\d.])(?P<h>[7-9]|1[0-9])\.(?P<mi>[0-5]\d)(?!\d|元|%|度|号|日)"),
    ("quarter_to", rf"差(?P<q>一刻|{NUMBER}分)(?:钟)?(?P<h>{NUMBER})点"),
    (
        "clock",
        r"(?:(?<=-\d\d)|(?<![\d.]))(?P<h>[01]?\d|2[0-4]):(?P<mi>[0-5]\d)(?::[0-5]\d)?\s*(?P<ap>a\.?m\.?|p\.?m\.?|p|a)?(?![a-z\d])",
    ),
    (
        "clock",
        rf"(?<![\d.])(?:(?<=周[一二三四五六日])(?=\d|[一二两三四五六七八九十]{{1,3}}点)|(?<![一二三四五六七八九十]))(?P<h>\d{{1,2}}|[一二三四五六七八九十两零〇]{{1,3}})(?:点|时)(?!段|间|候|期|长|差|机|刻|心|滴|子|痣|钟内)"
        rf"(?:钟|整)?(?:(?P<half>半)|(?P<q>[一二三1-3])刻|(?P<mi>{NUMBER})分?(?!钟|之|天|号|个|月|日|岁)(?:{NUMBER}秒)?|过(?P<mi2>{NUMBER})分)?"
        r"(?P<about>多|左右|前后|来钟)?(?:钟)?\s*(?P<ap>am|pm)?",
    ),
    ("clock", r"(?<![\d.a-z])(?P<h>1[0-2]|[1-9])\s?(?P<ap>a\.?m\.?|p\.?m\.?)(?![a-z])"),
    ("part", _PARTS),
    ("part_letter", r"(?<=[号日一二三四五六天末节])(?P<p>早|晚)(?![饭餐期些点一孕产晨])"),
    ("working_days", r"工作日|平日"),
    ("now", r"现在|此刻|这会儿?|马上|立刻"),
    ("to", r"(?:一直)?到|至|--?|~|—+|－"),
    ("before", r"(?:(?:或|及|和)(?![前后][天年]))?(?:之|以)?前|截止|止"),
    ("after", r"(?:(?:或|及|和)(?![前后][天年]))?(?:之|以)?后|起(?!不来|床|来)|开始(?=$|[,，。 ]|都|的)"),
)


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in _GRAMMAR)


def tokens(text: str) -> list[Token]:
    """The time words of a plain text, left to right, without overlaps."""
    found: list[Token] = []
    at = 0
    grammar = _compiled()
    while at < len(text):
        for kind, pattern in grammar:
            match = pattern.match(text, at)
            if match and match.end() > at:
                values: dict[str, Any] = {k: v for k, v in match.groupdict().items() if v is not None}
                found.append(Token(at, match.end(), kind, match.group(), values))
                at = match.end()
                break
        else:
            at += 1
    return found


def lunar_month(text: str) -> int:
    """正 -> 1, 冬 -> 11, 腊 -> 12, a numeral otherwise."""
    return _LUNAR_MONTH.get(text) or number(text) or 0


def lunar_day(text: str) -> int:
    """初八 -> 8, 廿三 -> 23, 廿 -> 20, 二十三 -> 23."""
    return number(text.removeprefix("初")) or 0
