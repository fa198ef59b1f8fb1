"""What says who wrote a text is taken out; what the question needs stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from language.grouping import asked
from language.normalise import normalise
from language.private import strip_private

FAQ = Path(__file__).parents[2] / "data" / "seed" / "faq"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我叫张伟，明天能不能改约", "我叫＊，明天能不能改约"),
        ("我妈李秀英的检查报告出来了吗", "我妈＊的检查报告出来了吗"),
        ("患者王小明的发票怎么开", "患者＊的发票怎么开"),
        ("我电话138 1234-5678 能查吗", "我电话＊ 能查吗"),
        ("身份证33010619900101123x丢了怎么挂号", "身份证＊丢了怎么挂号"),
        ("一三八一二三四五六七八能收短信吗", "＊能收短信吗"),
        ("微信号 zhang_wei88 能加吗", "微信号 ＊ 能加吗"),
        ("发到 a.b@example.com 行吗", "发到 ＊ 行吗"),
        ("病历号00012345怎么查", "病历号＊怎么查"),
    ],
)
def test_identity_is_taken_out(said: str, kept: str) -> None:
    assert strip_private(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "王建国主任周几出诊",
        "陈医生今天在吗",
        "停车费20元一小时吗",
        "120救护车多少钱",
        "9月1日到10月7日放假吗",
        "我是周一的号能改吗",
        "我妈何时能出院",
        "我是高血压患者能打疫苗吗",
        "住院病人查询",
    ],
)
def test_what_the_question_needs_stays(said: str) -> None:
    assert strip_private(said) == said


def test_the_shipped_questions_lose_nothing() -> None:
    texts = [
        normalise(text)
        for path in FAQ.glob("*.yml")
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]
        for text in [entry["question"], *entry["similar"]]
    ]
    assert [text for text in texts if strip_private(text) != text] == []


def test_what_is_asked_goes_without_greeting_names_and_numbers() -> None:
    assert asked("想给王主任送锦旗") == asked("想给李建国主任送锦旗") == "想给主任送锦旗"
    assert asked("请问借轮椅要押金吗 13812345678") == "借轮椅要押金"
    assert asked("你好") == "你好"
