"""Reading and rendering: what a wording file may say, and what becomes of a reply on each channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from channels.reply import Option, Reply
from channels.wording.catalogue import Catalogue, WordingError, make_template
from store.ids import new_id

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
YES_NO = (Option("yes", "确认"), Option("no", "不了"))


def catalogue(folder: Path, text: str) -> Catalogue:
    (folder / "a.yml").write_text(text, "utf-8")
    read = Catalogue(folder, FACTS)
    read.use_templates(read.sms_templates())
    return read


def test_wechat_gets_text_menu_and_tail(tmp_path: Path) -> None:
    words = catalogue(tmp_path, "a.ask:\n  wechat: '{name}您好，{hospital}。'\n  tail: 回1确认{missing}\n")
    question = new_id()
    rendered = words.render_wechat(Reply("a.ask", {"name": "王秀兰"}, YES_NO), question)
    assert (rendered.text, rendered.tail) == ("王秀兰您好，云江市示范医院。", "回1确认")
    assert [(item.id, item.label) for item in rendered.menu] == [
        (f"{question}:yes", "确认"),
        (f"{question}:no", "不了"),
    ]


def test_what_a_patient_typed_is_never_a_format(tmp_path: Path) -> None:
    words = catalogue(tmp_path, "a.say:\n  wechat: 您说“{said}”。\n  sms: 您说${said}，{landline}\n")
    said = Reply("a.say", {"said": "{hospital} {0} %s ${x} {said.__class__}"})
    assert words.render_wechat(said, None).text == "您说“{hospital} {0} %s ${x} {said.__class__}”。"
    rendered = words.render_sms(said)
    assert rendered is not None
    assert rendered.variables["said"].startswith("{hospital} {0} %s")


def test_sms_takes_the_template_for_so_many_options(tmp_path: Path) -> None:
    words = catalogue(
        tmp_path, "a.ask:\n  wechat: x\n  sms:\n    0: 没有选项\n    2: 回1${o1} 2${o2}，{landline}\n"
    )
    two = words.render_sms(Reply("a.ask", {}, YES_NO))
    assert two is not None
    assert two.text == "回1确认 2不了，0571-00000000"
    assert two.variables == {"o1": "确认", "o2": "不了"}
    three = words.render_sms(Reply("a.ask", {}, (*YES_NO, Option("x", "其他"))))
    assert three is not None
    assert three.text == "没有选项"
    assert words.render_sms(Reply("a.unknown")) is None


def test_variables_are_made_to_fit(tmp_path: Path) -> None:
    words = catalogue(tmp_path, "a.say:\n  wechat: x\n  sms: 给${name}的话：${said}。\n")
    rendered = words.render_sms(Reply("a.say", {"name": "", "said": "【急】\n" + "长" * 60}))
    assert rendered is not None
    assert rendered.variables["name"] == "-"
    assert rendered.variables["said"] == "(急) " + "长" * 30 + "…"
    assert len(rendered.variables["said"]) == 35


def test_only_approved_words_are_said(tmp_path: Path) -> None:
    words = catalogue(tmp_path, "a.say:\n  wechat: x\n  sms: 您好\n")
    words.use_templates([])
    assert words.render_sms(Reply("a.say")) is None
    words.use_templates([make_template("faq:parking", 0, "地下车库B2")])
    answer = words.render_sms(Reply("faq.answer", {"sms_key": "faq:parking"}))
    assert answer is not None
    assert answer.text == "地下车库B2"


def test_an_edited_text_is_another_template() -> None:
    one, same, other = (make_template("a.b", 0, text) for text in ("您好", "您好", "您好。"))
    assert one == same
    assert one.code != other.code
    assert make_template("a.b", 1, "您好").code != one.code


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.b: 只是一句话\n", "a.b: needs a text under 'wechat'"),
        ("a.b:\n  sms: 您好\n", "a.b: needs a text under 'wechat'"),
        ("a.b:\n  wechat: [1]\n", "a.b: needs a text under 'wechat'"),
    ],
)
def test_a_wrong_file_names_itself_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(WordingError, match=rf"a\.yml: {says}"):
        catalogue(tmp_path, text)


def test_a_key_that_is_defined_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("a.b:\n  wechat: x\n", "utf-8")
    with pytest.raises(WordingError, match=r"b\.yml: a\.b: is defined twice"):
        catalogue(tmp_path, "a.b:\n  wechat: y\n")


def test_an_account_of_short_variables_says_nothing_by_halves(tmp_path: Path) -> None:
    words = catalogue(tmp_path, "a.say:\n  wechat: x\n  sms: 您的就诊时间是${when}，{landline}\n")
    words.use_templates(words.sms_templates(), "tencent")
    words.narrow("tencent", 6)
    long, short = Reply("a.say", {"when": "11月26日（周四）上午8:00"}), Reply("a.say", {"when": "周四上午"})
    assert words.render_sms(long, "aliyun") is not None
    assert words.render_sms(long, "tencent") is None
    assert words.render_sms(short, "tencent") is not None
