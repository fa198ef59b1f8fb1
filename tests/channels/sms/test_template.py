"""Parts, variables and the vendor's template rules."""

from __future__ import annotations

import pytest

from channels.sms.numbers import mask, national, to_e164
from channels.sms.template import Problem, SmsTemplate, TemplateRegistry, count_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a" * 70, 1), ("a" * 71, 2), ("医" * 134, 2), ("医" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2), ("", 1)],
)
def test_parts(text: str, parts: int) -> None:
    assert count_parts(text) == parts


def test_the_signature_counts() -> None:
    template = SmsTemplate("S", "k", "医" * 64 + "${a}", "和平医院")
    assert template.render({"a": "x"}) == "【和平医院】" + "医" * 64 + "x"
    assert template.parts({"a": "x"}) == 2
    assert SmsTemplate("S", "k", "医" * 64, "和平医院").parts({}) == 1


@pytest.mark.parametrize(
    ("text", "kind", "problems"),
    [
        ("${name}，请于${when}就诊。", "notice", []),
        ("", "notice", [Problem.EMPTY]),
        ("医" * 501, "notice", [Problem.TOO_LONG]),
        ("【医院】请就诊", "notice", [Problem.BRACKETS]),
        ("请就诊，拒收请回复R", "notice", [Problem.OPT_OUT_IN_NOTICE]),
        ("讲座", "marketing", [Problem.OPT_OUT_MISSING]),
        ("讲座，拒收请回复R", "marketing", []),
        ("请致电13800138000", "notice", [Problem.MOBILE_NUMBER]),
        ("请致电0571-12345678", "notice", []),
        ("参加问卷调查", "notice", [Problem.FORBIDDEN_WORD]),
        ("${a}与${a}", "notice", [Problem.VARIABLE_REPEATED]),
        ("您好${a}${b}", "notice", [Problem.VARIABLES_ADJACENT]),
        ("${a}", "notice", [Problem.ONLY_VARIABLES]),
    ],
)
def test_template_rules(text: str, kind: str, problems: list[Problem]) -> None:
    template = SmsTemplate("S", "k", text, "和平医院", kind=kind)  # type: ignore[arg-type]
    assert [finding.problem for finding in template.problems()] == problems


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        ({"name": "王女士"}, []),
        ({"name": "王" * 35}, []),
        ({}, [Problem.MISSING_VARIABLE]),
        ({"name": ""}, [Problem.VARIABLE_LENGTH]),
        ({"name": "王" * 36}, [Problem.VARIABLE_LENGTH]),
        ({"name": "http://a"}, [Problem.VARIABLE_URL]),
        ({"name": "a.cn/x"}, [Problem.VARIABLE_URL]),
        ({"name": "9.20"}, []),
        ({"name": "王】"}, [Problem.VARIABLE_BRACKETS]),
        ({"name": "王", "age": "3"}, [Problem.UNKNOWN_VARIABLE]),
    ],
)
def test_variable_rules(variables: dict[str, str], problems: list[Problem]) -> None:
    template = SmsTemplate("S", "k", "${name}您好", "和平医院")
    assert [finding.problem for finding in template.problems_with(variables)] == problems


def test_registry() -> None:
    first = SmsTemplate("S1", "hello", "您好", "和平医院", state="pending")
    registry = TemplateRegistry([first])
    assert registry.by_key("hello") is first
    assert [finding.problem for finding in first.problems_with({})] == [Problem.NOT_APPROVED]
    approved = SmsTemplate("S1", "hello", "您好", "和平医院")
    registry.add(approved)
    assert registry.by_code("S1") is approved
    with pytest.raises(ValueError, match="hello"):
        registry.add(SmsTemplate("S2", "hello", "您好", "和平医院"))
    assert list(registry) == [approved]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("+86-138-0013-8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("0571-87654321", "+8657187654321"),
        ("abc", None),
        ("", None),
        ("12", None),
    ],
)
def test_numbers(written: str, number: str | None) -> None:
    assert to_e164(written) == number


def test_numbers_are_shown_masked() -> None:
    assert national("+8613800138000") == "13800138000"
    assert mask("+8613800138000") == "+86138****8000"
    assert mask("12") == "****"
