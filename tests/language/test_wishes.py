"""Wishes about articles are read from whole messages, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from language import wishes
from language.medicine import asks_dose, names_dose
from language.wishes import Wish

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("给我推荐点文章", Wish("recommend")),
        ("推荐几篇适合我的科普。", Wish("recommend")),
        ("我的健康科普", Wish("recommend")),
        ("有什么适合我看的文章吗？", Wish("recommend")),
        ("有没有糖尿病的科普文章", Wish("recommend", "diabetes")),
        ("给我推荐点高血压的文章吧", Wish("recommend", "hypertension")),
        ("有没有痛风的科普文章", Wish("recommend", about="痛风")),
        ("为什么给我发这个", Wish("why")),
        ("为啥给我推送这篇文章啊？", Wish("why")),
        ("你们怎么给我发这些", Wish("why")),
        ("怎么会收到这篇文章", Wish("why")),
        ("不想再收到糖尿病的文章", Wish("stop_topic", "diabetes")),
        ("以后别给我发糖尿病的科普了", Wish("stop_topic", "diabetes")),
        ("糖尿病的文章别发了", Wish("stop_topic", "diabetes")),
        ("不看高血压", Wish("stop_topic", "hypertension")),
        ("恢复糖尿病的文章", Wish("resume_topic", "diabetes")),
        ("关闭个性化推荐", Wish("personal_off")),
        ("不要按我的病情推荐文章", Wish("personal_off")),
        ("打开个性化推荐", Wish("personal_on")),
    ],
)
def test_a_wish_is_read(said: str, wish: Wish) -> None:
    assert wishes.read(said) == wish


@pytest.mark.parametrize(
    "said",
    [
        *(
            "取消手术",
            "不想手术了",
            "取消体检",
            "别吃药了",
            "不要孩子了",
            "不打疫苗了",
            "停药",
            "不想吃降糖药了",
        ),
        *("推荐个科室", "给我推荐个看胃病的专家", "推荐一位大夫", "为什么老给我发短信", "退订", "关闭推送"),
        *(
            "不看科普",
            "停掉科普",
            "以后别给我发这些科普了",
            "重新给我发健康科普吧",
            "我想看科普文章 以后发给我",
        ),
        *(
            "",
            "糖尿病能吃西瓜吗",
            "糖尿病",
            "给我推荐点文章，另外帮我约一下周三下午的内分泌科，我妈也要去看，还要问问停车",
        ),
    ],
)
def test_what_is_none_is_left_to_the_engine(said: str) -> None:
    assert wishes.read(said) is None


def test_what_patients_say_otherwise_is_never_taken_for_one() -> None:
    """Everything the engine learns and is judged by: a wish is found only where it is one."""
    said = [
        line.removeprefix("- ")
        for path in (DATA / "nlu").glob("*.yml")
        for block in yaml.safe_load(path.read_text("utf-8"))["nlu"]
        if block["intent"] not in ("opt_out", "ask_health", "my_data")
        for line in block["examples"].splitlines()
    ]
    rows = (DATA / "nlu_eval" / "intents_held_out.jsonl").read_text("utf-8").splitlines()
    said += [str(json.loads(row)["text"]) for row in rows]
    assert [text for text in said if wishes.read(text) is not None] == []


def test_topics_are_the_articles() -> None:
    known = yaml.safe_load((DATA / "seed" / "article_topics.yml").read_text("utf-8"))["topics"]
    assert wishes.topics() == set(known)


@pytest.mark.parametrize(
    "said",
    [
        "布洛芬一次吃几片",
        "美林一次喝多少毫升",
        "胰岛素打多少单位",
        "可以自己减量吗",
        "退烧药隔几个小时吃",
        "沙丁胺醇喷几下",
    ],
)
def test_a_question_for_a_dose_is_known(said: str) -> None:
    assert asks_dose(said)


@pytest.mark.parametrize(
    "said", ["头孢吃完能喝酒吗", "胰岛素要放冰箱吗", "忘记吃药要补吗", "血压正常了能停降压药吗"]
)
def test_other_questions_about_medicines_are_none(said: str) -> None:
    assert not asks_dose(said)


def test_a_dose_in_a_text_is_known() -> None:
    assert names_dose("每天一次，每次0.4毫克")
    assert names_dose("每次两片")
    assert not names_dose("先吃15克糖，15分钟后复测")
