"""Words that may not be said, and words that only look like them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from content.articles import lint, samples
from content.articles.doc import Audience, Source, Variation, Video
from content.sms import lint as sms
from content.sms.lint import SmsFrame
from tests.content.faq.site import FRAME
from tests.factories.articles import doc


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("本院可以根治糖尿病", "cure"),
        ("坚持治疗就会彻底治愈，永不复发", "cure"),
        ("总有效率达到98%", "rate"),
        ("百分之百有效", "rate"),
        ("中药没有副作用", "safety"),
        ("手术零风险", "safety"),
        ("国家级专家坐诊", "absolute"),
        ("这是最佳的治疗", "absolute"),
        ("全国第一的团队", "absolute"),
        ("祖传秘方，三天见效", "quack"),
        ("您已经患了糖尿病", "diagnose"),
        ("出现这些就可以确诊", "diagnose"),
        ("血压正常了可以停药", "prescribe"),
        ("建议加量", "prescribe"),
        ("不用担心，本院可以根治", "cure"),
        ("特别推荐，无论多久都能根治", "cure"),
        ("难受时药量先减半", "prescribe"),
        ("把二甲双胍加到每次1000mg", "prescribe"),
    ],
)
def test_advertising_diagnosing_and_prescribing_are_errors(text: str, code: str) -> None:
    (found, *_) = list(lint.check_words("body", f"第一行。\n{text}。"))
    assert (found.code, found.severity, found.line) == (code, "error", 2)
    assert f"第一行。\n{text}。"[found.start : found.end] in found.message
    assert found.suggestion
    assert found.source


@pytest.mark.parametrize(
    "text",
    [
        "糖尿病目前还不能根治，但能控制好",
        "宣称根治的广告不要信",
        "高血压能根治吗？",
        "医生建议做胃癌根治术",
        "量血压的最佳时间是早上起床后",
        "不要自行停药",
        "要不要停药，由医生决定",
        "请先问医生，再决定是否减量",
        "没有哪种药完全没有副作用",
        "第一次打针前先洗手，手术后第一天可以下床",
        "如果您已经确诊高血压",
        "中药也不是没有副作用",
        "停药前一定先问医生",
        "不给孩子吃利尿药、激素、大人的药减半",
        "今天很累，走路就减半",
        "不要因为一个数不对，就自己停药",
    ],
)
def test_honest_sentences_pass(text: str) -> None:
    assert [one for one in lint.check_words("body", text) if one.severity == "error"] == []


def test_doses_are_pointed_at() -> None:
    (found,) = lint.check_words("body", "退热药每次2片，按医嘱服用")
    assert (found.code, found.severity) == ("prescribe", "warning")


def codes(**values: Any) -> set[tuple[str, str]]:
    known = lint.Known(media=(), slugs={"other"}, frame=FRAME)
    return {(one.field, one.code) for one in lint.check(doc(**values), known)}


def test_every_channel_is_looked_at() -> None:
    assert codes() == set()
    for field in ("title", "summary", "body", "wechat", "sms"):
        assert any(found[0] == field and found[1] == "quack" for found in codes(**{field: "祖传秘方"}))
    spoken = Variation("老人", Audience(min_age=65), "祖传秘方", "饮食")
    assert ("variations.0.body", "quack") in codes(variations=(spoken,))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"title": " "}, ("title", "missing")),
        ({"title": "字" * 33}, ("title", "too_long")),
        ({"summary": "字" * 81}, ("summary", "too_long")),
        ({"topic": "astrology"}, ("topic", "unknown_topic")),
        ({"stage": "sometime"}, ("stage", "unknown_stage")),
        ({"form": "epic"}, ("form", "unknown_form")),
        ({"conditions": ("糖尿病",)}, ("conditions", "not_icd")),
        ({"sources": ()}, ("sources", "no_source")),
        ({"sources": (Source("x", url="http://x"),)}, ("sources", "not_https")),
        ({"video": Video("动画", "http://v.example/1")}, ("video", "not_https")),
        ({"related": ("nobody",)}, ("related", "unknown_related")),
        ({"author": "名" * 17}, ("author", "too_long")),
        ({"body": "![x](https://a.example/b.png)"}, ("body", "outside_picture")),
        ({"body": '<img src="https://a.example/b.png">'}, ("body", "outside_picture")),
        ({"body": f"![x](/media/{UUID(int=5)})"}, ("body", "unknown_picture")),
        ({"body": "<script>1</script>"}, ("body", "unsafe_html")),
        ({"body": "短文，没有那一节"}, ("body", "no_when_to_come")),
        ({"body": "字，" * 15000}, ("body", "wechat_too_long")),
        ({"variations": (Variation("", Audience(min_age=1), "x"),)}, ("variations.0", "variation_unnamed")),
        ({"variations": (Variation("老", Audience(), "x"),)}, ("variations.0", "variation_for_all")),
        (
            {"variations": (Variation("老", Audience(min_age=1), "x", "没有"),)},
            ("variations.0", "no_heading"),
        ),
        ({"sms": "糖尿病知识请看"}, ("sms", "sensitive_in_sms")),
        ({"sms": "请看https://a.example/x"}, ("sms", "link")),
        ({"sms": "字" * 51}, ("sms", "too_long")),
        ({"sms": "拒收请回复R"}, ("sms", "opt_out_in_notice")),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in codes(**values)


def test_the_seed_library_can_be_signed() -> None:
    wrong = {
        one.slug: [
            (found.field, found.message)
            for found in lint.check(one.doc, lint.Known(frame=FRAME))
            if found.severity == "error"
        ]
        for one in samples.read_library()
    }
    assert {slug: found for slug, found in wrong.items() if found} == {}


def test_an_sms_is_measured_and_priced() -> None:
    short = sms.report(
        "门诊楼1层大厅可以借", SmsFrame("云江示范医院", "。更多请致电0571-00000000", price=0.05)
    )
    assert (short.parts, short.cost, short.findings) == (1, 0.05, ())
    assert short.whole == "【云江示范医院】门诊楼1层大厅可以借。更多请致电0571-00000000"
    assert short.characters == len(short.whole)
    long = sms.report("字" * 80, SmsFrame("云江示范医院", "。更多请致电0571-00000000", price=0.05))
    assert (long.parts, long.cost) == (2, 0.1)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("【广告】请看", "notice", "brackets"),
        ("${a}${b}请看", "notice", "variables_adjacent"),
        ("请看${a}和${a}", "notice", "variable_repeated"),
        ("请看拒收请回复R", "notice", "opt_out_in_notice"),
        ("请看hospital.cn", "marketing", "link"),
        ("请加微信群", "notice", "forbidden_in_sms"),
    ],
)
def test_an_sms_that_would_be_refused(text: str, kind: Any, code: str) -> None:
    frame = SmsFrame("云江示范医院", "。更多请致电0571-00000000", kind)
    found = [one.code for one in sms.check(text, frame)]
    assert code in found
    assert all(sms.say(one) != one.code for one in sms.check(text, frame))


def test_marketing_ends_with_the_way_out() -> None:
    frame = SmsFrame("云江示范医院", "。更多请致电0571-00000000", "marketing")
    assert frame.whole("体检月到了").endswith("，拒收请回复R")
    assert list(sms.check("体检月到了", frame)) == []
