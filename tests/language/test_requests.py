"""Where two requests part, and what only looks like two."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from language.requests import halves

NLU = Path(__file__).resolve().parents[2] / "data" / "nlu"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("周三下午约眼科，另外停车怎么收费", ("周三下午约眼科", "停车怎么收费")),
        ("帮我挂骨科 另外问下急诊在几楼", ("帮我挂骨科", "问下急诊在几楼")),
        ("停车怎么收费，顺便帮我约个眼科", ("停车怎么收费", "帮我约个眼科")),
        ("我想取消明天的号，还有体检报告多久出来？", ("我想取消明天的号", "体检报告多久出来?")),
        ("門診幾點開門？順便問一下食堂在哪", ("门诊几点开门?", "食堂在哪")),
        ("几点开门？停车多少钱", ("几点开门?", "停车多少钱")),
        ("我要约周三下午的眼科；住院要带什么", ("我要约周三下午的眼科", "住院要带什么")),
        ("我要改约，对了医保卡丢了怎么补", ("我要改约", "医保卡丢了怎么补")),
        ("约眼科，再问一下要空腹吗", ("约眼科", "要空腹吗")),
        ("帮我把周四的取消了再约个下周二的眼科", ("帮我把周四的取消了", "约个下周二的眼科")),
        ("取消明天上午的号，然后帮我挂后天骨科", ("取消明天上午的号", "挂后天骨科")),
    ],
)
def test_two(text: str, parts: tuple[str, str]) -> None:
    assert halves(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "周三下午还有号吗",
        "眼科，还有号吗",
        "还有几个人到我",
        "换另外一位医生",
        "想约另外那个医生",
        "孩子发烧39度怎么办？才三岁",
        "几点开门？周日呢",
        "停车怎么收费？",
        "在吗？",
        "你好？？？",
        "另外停车怎么收费",
        "周三",
        "",
        "头疼，还有恶心" + "，还有发烧，另外咳嗽",
        "这个药怎么吃？那个呢？还要复查吗？",
        "约眼科，另外" + "停车" * 120,
        "😀；😀",
    ],
)
def test_one(text: str) -> None:
    assert halves(text) is None


def test_our_own_single_requests_stay_whole() -> None:
    """Each utterance of the training data is one request by its label."""
    split = []
    for path in sorted(NLU.glob("*.yml")):
        for item in yaml.safe_load(path.read_text("utf-8"))["nlu"]:
            lines = [line.strip().removeprefix("- ") for line in str(item.get("examples", "")).splitlines()]
            split += [text for text in lines if halves(text)]
    assert len(split) <= 12, split
