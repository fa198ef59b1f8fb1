"""Approved SMS templates: variables, length in parts, and the vendor's rules checked before the vendor does.

Rules: https://help.aliyun.com/document_detail/463270.htm (templates),
https://help.aliyun.com/document_detail/414224.html (length).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal["code", "notice", "marketing"]
State = Literal["pending", "approved", "rejected"]

SINGLE_PART = 70
LONG_PART = 67
TEMPLATE_CHARS = 500
VARIABLE_CHARS = 35
OPT_OUT_TAIL = "拒收请回复R"
FORBIDDEN = ("问卷调查", "邀请好评", "回复确认收货", "医美")
"""Words Alibaba Cloud's rules list as refused in notices."""

_VARIABLE = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")
_URL = re.compile(r"https?://|www\.|\b[a-z0-9-]+\.(?:com|cn|net|org|top|cc|io|me)\b", re.IGNORECASE)
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


class Problem(StrEnum):
    """Why a template or a set of variables would be refused. The words for people live in data."""

    NOT_APPROVED = "not_approved"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    BRACKETS = "brackets"
    OPT_OUT_IN_NOTICE = "opt_out_in_notice"
    OPT_OUT_MISSING = "opt_out_missing"
    MOBILE_NUMBER = "mobile_number"
    FORBIDDEN_WORD = "forbidden_word"
    VARIABLE_REPEATED = "variable_repeated"
    VARIABLES_ADJACENT = "variables_adjacent"
    ONLY_VARIABLES = "only_variables"
    SIGN_LENGTH = "sign_length"
    MISSING_VARIABLE = "missing_variable"
    UNKNOWN_VARIABLE = "unknown_variable"
    VARIABLE_LENGTH = "variable_length"
    VARIABLE_URL = "variable_url"
    VARIABLE_BRACKETS = "variable_brackets"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem and where: a variable's name, a word, or nothing."""

    problem: Problem
    where: str = ""


@dataclass(frozen=True, slots=True)
class SmsTemplate:
    """One registered template. `code` is the vendor's, `key` ours; `text` holds `${name}` variables and no
    signature; `sign` is the signature without 【】."""

    code: str
    key: str
    text: str
    sign: str
    kind: Kind = "notice"
    state: State = "approved"

    @property
    def variables(self) -> tuple[str, ...]:
        """Names in the order of the text."""
        return tuple(_VARIABLE.findall(self.text))

    def render(self, variables: Mapping[str, str]) -> str:
        """What the phone shows, signature first; a missing variable stays as `${name}`."""
        body = _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), self.text)
        return f"【{self.sign}】{body}"

    def parts(self, variables: Mapping[str, str]) -> int:
        """Messages the vendor will charge."""
        return count_parts(self.render(variables))

    def problems(self) -> list[Finding]:
        """What the vendor's review would refuse in the template itself."""
        return list(_template_problems(self))

    def problems_with(self, variables: Mapping[str, str]) -> list[Finding]:
        """What the vendor would refuse in this send: state, missing or unknown variables, their lengths and
        contents."""
        return list(_variable_problems(self, variables))


def signed(text: str, sign: str) -> str:
    """【sign】 in front, unless it is there already or there is none."""
    mark = f"【{sign}】"
    return text if not sign or text.startswith(mark) else mark + text


def count_parts(text: str) -> int:
    """Parts of `text` with its signature: one up to 70 UTF-16 units, else one for every 67."""
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return 1 if length <= SINGLE_PART else -(-length // LONG_PART)


def _template_problems(template: SmsTemplate) -> Iterator[Finding]:
    text = template.text
    if not text:
        yield Finding(Problem.EMPTY)
        return
    if len(text) > TEMPLATE_CHARS:
        yield Finding(Problem.TOO_LONG)
    if "【" in text or "】" in text:
        yield Finding(Problem.BRACKETS)
    if not 2 <= len(template.sign) <= 12:
        yield Finding(Problem.SIGN_LENGTH)
    if template.kind == "marketing":
        if not text.endswith(OPT_OUT_TAIL):
            yield Finding(Problem.OPT_OUT_MISSING)
    elif OPT_OUT_TAIL in text:
        yield Finding(Problem.OPT_OUT_IN_NOTICE)
    if _MOBILE.search(text):
        yield Finding(Problem.MOBILE_NUMBER)
    for word in FORBIDDEN:
        if word in text:
            yield Finding(Problem.FORBIDDEN_WORD, word)
    names = template.variables
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding(Problem.VARIABLE_REPEATED, name)
    if "}${" in text:
        yield Finding(Problem.VARIABLES_ADJACENT)
    if names and not _VARIABLE.sub("", text).strip():
        yield Finding(Problem.ONLY_VARIABLES)


def _variable_problems(template: SmsTemplate, variables: Mapping[str, str]) -> Iterator[Finding]:
    if template.state != "approved":
        yield Finding(Problem.NOT_APPROVED)
    names = set(template.variables)
    for name in sorted(names - variables.keys()):
        yield Finding(Problem.MISSING_VARIABLE, name)
    for name, value in variables.items():
        if name not in names:
            yield Finding(Problem.UNKNOWN_VARIABLE, name)
            continue
        if not 1 <= len(value) <= VARIABLE_CHARS:
            yield Finding(Problem.VARIABLE_LENGTH, name)
        if _URL.search(value):
            yield Finding(Problem.VARIABLE_URL, name)
        if "【" in value or "】" in value:
            yield Finding(Problem.VARIABLE_BRACKETS, name)


class TemplateRegistry:
    """The templates of one account, by the vendor's code and by our key."""

    def __init__(self, templates: Iterable[SmsTemplate] = ()) -> None:
        self._by_code: dict[str, SmsTemplate] = {}
        self._by_key: dict[str, SmsTemplate] = {}
        for template in templates:
            self.add(template)

    def add(self, template: SmsTemplate) -> None:
        """Adds or replaces (by code); two codes may not share a key."""
        other = self._by_key.get(template.key)
        if other is not None and other.code != template.code:
            raise ValueError(f"SMS template key {template.key} is already {other.code}")
        self._by_code[template.code] = template
        self._by_key[template.key] = template

    def by_code(self, code: str) -> SmsTemplate | None:
        return self._by_code.get(code)

    def by_key(self, key: str) -> SmsTemplate | None:
        return self._by_key.get(key)

    def __iter__(self) -> Iterator[SmsTemplate]:
        return iter(self._by_code.values())
