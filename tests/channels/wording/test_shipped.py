"""The wording we ship: complete on both channels, acceptable to the SMS vendor, and no key that nobody wrote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from string import Formatter

import pytest
import yaml

from channels.reply import Option, Reply
from channels.sms.template import SmsTemplate, count_parts
from channels.wording.catalogue import Catalogue, Template
from channels.wording.labels import FILE, label
from channels.wording.registry import kind_of
from server.settings import ROOT
from server.wording import WORDING

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000", "site": "https://h.example"}
SIGN = "云江示范医院"
ROOMS = ("server", "bot", "actions", "content", "care", "channels", "web")
EMERGENCY = {
    *(
        "safety.emergency",
        "safety.violence",
        "safety.crisis_on_duty",
        "safety.crisis_later",
        "safety.false_alarm",
        "flag.emergency",
        "flag.violence",
        "flag.reading_emergency",
        "flag.pregnancy",
    ),
    *(
        "english.emergency",
        "english.crisis",
        "english.crisis_on_duty",
        "english.crisis_later",
        "english.false_alarm",
    ),
}
"""Texts of an emergency name 120, 110 or 12356; a landline would only distract."""
SMS_OPTIONS = 4
LONGEST = {
    "department": "心血管内科（老年）",
    "doctor": "阿卜杜拉·买买提",
    "substitute": "买合木提江·艾力",
    "days": "11月23日（周一）到12月6日（周日）上午",
    "listed_a": "1都没有 2胸口痛或喘不上气 3晕倒或意识不清 4一侧小腿肿、痛",
    "listed_b": "5吃什么吐什么 6孩子叫不醒或特别没精神 7一直吐或不肯喝水",
    "doctors_short": "阿卜杜拉·买买提、欧阳建国、司马玉兰、诸葛文",
    "name": "阿卜杜拉·买买提",
    "old": "11月24日周二上午10:30",
    "place": "住院部2号楼12层西区",
    "preparation": "请空腹8小时以上，可以喝少量白开水，带上以前的检查结果",
    "question_short": "从挂号到看上病，您这次一共等了多久",
    "said": "我是说下下个星期三或者星期四的上午吧",
    "text": "您的复查结果医生已经看过了，请下周一上午带上片子到门诊楼3层东找我",
    "first": "您的复查结果医生已经看过了，下周一上午请带上以前所有的片子",
    "rest": "到门诊楼3层东的护士站找我，来之前正常吃饭吃药，不用再空腹",
    "times_short": "周一上午、周二上午、周三下午、周四上午、周五上午",
    "title": "副主任医师",
    "until": "11月24日周二上午10:30",
    "request": "请问做核磁共振检查之前要不要空腹，当天能不能拿到结果呢谢谢",
    "what": "心血管内科（老年）",
    "when": "11月24日周二上午到11月26日周四",
    "when_short": "11月24日周二上午10:30",
}
"""The longest a hospital is likely to have, where that is longer than `TYPICAL`."""
LONG_TIMES = (
    "11月24日周二上午欧阳建国28元",
    "11月26日周四下午阿卜杜拉·买买提18元",
    "12月30日周三上午欧阳建国108元",
    "其他日期",
    "找人工",
)
LONG_LABELS = (
    "阿卜杜拉·买买提（爱人）",
    "给别人约，先绑定",
    "心血管内科（老年）",
    "都不是，问人工",
    "找人工",
)
TYPICAL = {
    "about": "痛风",
    "ahead": "3",
    "also": "也可以先到全科门诊。",
    "answer": "门诊时间为周一至周日8:00-17:30。",
    "answers": "2",
    "because": "您在聊天里问到了相关的问题，这是我们回答时附上的文章。",
    "bookings": "3",
    "calendar": "加到手机日历（用浏览器打开）：https://banyi.example/cal/Zk3vT9wQ2mXc8LpA.ics",
    "chats": "48",
    "code": "483920",
    "consents": "1",
    "count": "3",
    "department": "心血管内科",
    "doctor": "欧阳建国",
    "substitute": "司马文丽",
    "days": "11月24日周二",
    "kind": "专家号",
    "prepare": "抽血前空腹8小时，带上以前的化验单",
    "missed": "2",
    "most": "3",
    "limit": "14岁及以下",
    "group": "妇儿五官皮肤",
    "place_in_line": "前面有12位",
    "line": "血糖能管好，先从吃饭和测血糖开始。",
    "link": "https://banyi.example/r/Zk3vT9wQ2mXc8LpA",
    "doctors": "· 李敏 副主任医师：青光眼、白内障",
    "doctors_short": "李敏、赵强、周立新、何晓燕",
    "facts": "2型糖尿病，2026-11-02确诊，20天前",
    "fee": "28元",
    "first": "心血管内科",
    "rest": "下午把片子带来，到门诊楼3层东找我",
    "text": "下午把片子带来，到门诊楼3层东找我",
    "goes": "· 绑定关系和没办完的手续\n· 文章的发送和阅读记录",
    "gone": "· 绑定关系和没办完的手续\n· 文章的发送和阅读记录",
    "kept": "· 聊天记录（《互联网诊疗监管细则（试行）》：过程记录保存不少于3年）",
    "stays": "· 聊天记录（《互联网诊疗监管细则（试行）》：过程记录保存不少于3年）",
    "keep": "到您撤回为止；发送记录保存2年。",
    "left": "4",
    "listed": "1 都没有\n2 渗血或渗水",
    "listed_a": "1都没有 2渗血或渗水 3红肿、发热",
    "listed_b": "4流脓或有异味 5裂开了",
    "minutes": "30",
    "n": "2",
    "name": "欧阳建国",
    "next": "11月30日",
    "number": "B0012",
    "old": "11月24日周二上午9:30",
    "opens": "12月25日（周五）的号12月11日（周五）放出来，到时可以约。",
    "other": "心血管内科",
    "others": "，也可以看呼吸内科",
    "path": "/r/Xk3v9QpLm2Zt8WcA",
    "people": "2",
    "personal": "已打开",
    "preparation": "请空腹8小时以上",
    "place": "门诊楼3层东",
    "question": "这次就诊您总体满意吗",
    "question_short": "这次就诊您总体满意吗",
    "reason": "心慌、躺下喘，常见于心脏方面的问题",
    "refused": "我们不主动发文章，您仍可以随时来问健康知识。",
    "relation": "妈妈",
    "request": "停车怎么收费",
    "research": "没有打开",
    "room": "305",
    "result": "您最近的疼痛不太影响休息。",
    "retry": "明天上午9:00",
    "rule": "30天内确诊2型糖尿病的患者",
    "rows": "1. 11月24日周二上午9:30 眼科 李敏",
    "said": "下下周三",
    "sample": "（示例文章，供试用）",
    "source": "门诊部，2026年10月",
    "specialty": "青光眼、白内障",
    "there": "门诊楼3层东",
    "times": "周二上午、周四上午",
    "value": "130/85 mmHg",
    "level": "蓝色预警",
    "region": "云江市",
    "times_short": "周二上午、周四上午",
    "title": "副主任医师",
    "tracking": "没有打开",
    "topic": "糖尿病",
    "until": "下午15:30",
    "url": "https://h.example/q/Ab3dEf6hIj9kLm2n",
    "what": "眼科 李敏",
    "when": "11月24日周二上午9:30",
    "when_short": "11月24日周二上午",
    "why": "发经医生审核的健康文章，不收费，不是广告。",
    "withdraw": "随时回“我的信息”，选“撤回同意”。",
}
LABELS = ("上午9:30李敏", "上午10:00赵强", "下午2:30李敏", "换个时间", "找人工")


@cache
def catalogue() -> Catalogue:
    """All wordings, all templates approved."""
    read = Catalogue(WORDING, FACTS)
    read.use_templates(read.sms_templates())
    return read


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def options(count: int) -> tuple[Option, ...]:
    return tuple(Option(f"o{n}", LABELS[n]) for n in range(count))


TEMPLATES = [pytest.param(one, id=f"{one.key}/{one.options}") for one in catalogue().sms_templates()]


@pytest.mark.parametrize("key", catalogue().keys())
def test_every_wording_reads_well_on_wechat(key: str) -> None:
    word = catalogue().wording(key)
    unknown = names(word.wechat + word.tail) - TYPICAL.keys() - FACTS.keys()
    assert not unknown, f"give a typical value for {unknown}"
    rendered = catalogue().render_wechat(Reply(key, dict(TYPICAL)), None)
    assert rendered.text
    assert not re.search(r"[{}$]|  |，，|。。|，。", rendered.text + rendered.tail), rendered.text
    assert re.search(r"[\u4e00-\u9fff]", rendered.text)
    assert len(rendered.text.encode()) <= 2048


@pytest.mark.parametrize("key", catalogue().keys())
def test_every_wording_has_its_sms_or_says_why_not(key: str) -> None:
    word = catalogue().wording(key)
    assert bool(word.sms) != (word.no_sms in ("own", "wechat_only")), (
        f"{key}: only the landline would be left"
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_sms_has_the_landline_unless_it_is_an_emergency(template: Template) -> None:
    if template.key in EMERGENCY:
        assert re.search("120|12356", template.text)
    else:
        assert FACTS["landline"] in template.text, template.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_only_the_answers_to_an_opt_out_speak_of_one(template: Template) -> None:
    """The vendor's rule for notices: no opt-out text in them (463270); marketing, which must have it, we send none."""
    assert "退订" not in template.text or template.key.startswith("consent."), template.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_sms_names_an_illness_or_a_scale(template: Template) -> None:
    """A number is not a person: what anybody may read on a lock screen says nothing of a diagnosis, a result or a questionnaire
    about the mind."""
    assert not re.search(
        "PHQ|GAD|抑郁|焦虑|自杀|精神|肿瘤|癌|艾滋|性病|男科|妇科|阳性|确诊|量表", template.text
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_sms_names_at_most_four_options(template: Template) -> None:
    assert sum(name.startswith("o") and name[1:].isdigit() for name in template.variables) <= SMS_OPTIONS


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_passes_the_vendors_review(template: Template) -> None:
    given = SmsTemplate(template.code, template.key, template.text, SIGN, kind_of(template))
    assert given.problems() == []
    assert not re.search(r"(?<!\$)\{", template.text), "a fact that is not known"
    assert {f"o{n}" for n in range(1, template.options + 1)} >= {
        name for name in template.variables if re.fullmatch(r"o\d", name)
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_fits_two_parts_at_its_longest(template: Template) -> None:
    labels = LONG_TIMES if template.key.startswith(("booking.when", "booking.date")) else LONG_LABELS
    shown = tuple(Option(f"o{n}", labels[n]) for n in range(template.options))
    rendered = catalogue().render_sms(Reply(template.key, TYPICAL | LONGEST, shown))
    assert rendered is not None
    whole = f"【{SIGN}】{rendered.text}"
    assert count_parts(whole) <= 2, f"{len(whole)}: {whole}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_fits_two_parts(template: Template) -> None:
    rendered = catalogue().render_sms(Reply(template.key, dict(TYPICAL), options(template.options)))
    assert rendered is not None
    assert rendered.template_code == template.code
    assert "-" not in rendered.variables.values(), f"no typical value: {rendered.variables}"
    given = SmsTemplate(template.code, template.key, template.text, SIGN)
    assert given.problems_with(rendered.variables) == []
    whole = f"【{SIGN}】{rendered.text}"
    assert count_parts(whole) <= 2, f"{len(whole)}: {whole}"


def code() -> Iterator[tuple[str, ast.AST]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "engine" not in path.parts[:-1] or room != "bot":
                for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                    yield str(path.relative_to(ROOT)), node


def said(node: ast.AST) -> str | None:
    """The key in `Reply("key", …)` or `….say("key", …)`."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = node.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    first = node.args[0]
    if name in ("Reply", "say") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def test_every_key_that_code_says_is_written() -> None:
    found = {(key, path) for path, node in code() if (key := said(node)) is not None and "." in key}
    assert len(found) > 60
    keys = set(catalogue().keys())
    # A page's own texts are beside its templates; asked for what is not there, `Texts` raises.
    own = {path for _, path in found if "= Texts(" in (ROOT / path).read_text("utf-8")}
    pages = own | {path for _, path in found if path.startswith(("web/", "channels/simulator/"))}
    missing = sorted((key, path) for key, path in found if key not in keys and path not in pages)
    assert missing == []


def test_every_label_that_code_asks_for_is_written() -> None:
    written = yaml.safe_load(FILE.read_text("utf-8"))
    asked = {
        node.args[0].value
        for _, node in code()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "label"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(asked) > 15
    assert asked <= written.keys()
    with pytest.raises(KeyError):
        label("no such label")
