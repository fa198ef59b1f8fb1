"""Which messages are answered in English: sentences are, codes, names, pinyin and what everybody types are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from language.foreign import Foreign, Topic, foreign, topic

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "OK!",
        "okay",
        "no",
        "NO",
        "yes",
        "hi",
        "Hello",
        "hello hello",
        "thank you",
        "Thanks",
        "bye",
        "sorry",
        "thank you very much",
        "good morning",
        "CT",
        "MRI",
        "B超",
        "做个CT多少钱",
        "ct mri",
        "CT/MRI",
        "HPV",
        "hpv vaccine九价",
        "ICU",
        "VIP",
        "ni hao",
        "wo yao gua hao",
        "gua hao",
        "zhuan ren gong",
        "nihao",
        "xie xie",
        "ta men de",
        "you mei you hao",
        "wo you gan mao",
        "can ting zai na",
        "men zhen ji dian kai men",
        "D0000004",
        "A12345678",
        "BK-2024-001",
        "abc",
        "asdfghjkl",
        "1' OR '1'='1' UNION SELECT * FROM staff --",
        "qwpoeiruty",
        "iPhone 15 Pro",
        "Nike",
        "Pfizer",
        "Viagra",
        "Tylenol",
        "Panadol Extra",
        "McDonald's",
        "WeChat Pay",
        "John Smith",
        "Mary Jane Watson",
        "li ming",
        "Wang Xiaoming",
        "test",
        "TD",
        "R",
        "T",
        "N",
        "start",
        "q",
        "1",
        "120",
        "",
        "😀😀",
        "hahaha",
        "hhhh",
        "666",
        "(；′⌒`)",
        "╮(╯▽╰)╭",
        "(ﾟДﾟ)",
        "β-hcg",
        "α",
        "℃",
        "mmol/L",
        "https://example.com/how-to-go",
        "someone@example.com",
        "<b>the</b>",
        "SELECT * FROM users",
        "print(1)",
        "VitD3",
        "TSH T3 T4",
        "PSA 4.1",
        "A+",
        "Rh-",
        "我要看doctor",
        "帮我book一下",
        "please帮我挂号",
        "I服了you啊医院",
        "help我",
        "ok 好的",
        "周三 pm",
        "pm 3:00",
        "no problem没问题",
    ],
)
def test_the_usual_path(text: str) -> None:
    assert foreign(text) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I need to make an appointment", "english"),
        ("Hi, do you speak English?", "english"),
        ("hello, can i see a doctor tomorrow", "english"),
        ("where is the hospital", "english"),
        ("what time do you open?", "english"),
        ("HOW MUCH IS PARKING", "english"),
        ("ｗｈｅｒｅ ｉｓ ｔｈｅ ｅｍｅｒｇｅｎｃｙ ｒｏｏｍ", "english"),
        ("book eye doctor wednesday afternoon", "english"),
        ("my son has a fever", "english"),
        ("can’t find my doctor", "english"),
        ("talk to a person please", "english"),
        ("English", "english"),
        ("appointment", "english"),
        ("I feel sick, my stomach hurts", "english"),
        ("cancel my appointment with Dr. Wang Xiaoming on Friday", "english"),
        ("Bonjour, je voudrais un rendez-vous", "other"),
        ("Hola, necesito una cita", "other"),
        ("Ich brauche einen Termin", "other"),
        ("Tôi muốn khám bệnh", "other"),
        ("Здравствуйте, мне нужен врач", "other"),
        ("예약하고 싶어요", "other"),
        ("よやくしたいです", "other"),
        ("أريد موعدا", "other"),
        ("ฉันต้องการพบแพทย์", "other"),
    ],
)
def test_other_languages(text: str, wanted: Foreign) -> None:
    assert foreign(text) == wanted


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("I want to book an eye doctor", "appointment"),
        ("please cancel my appointment", "appointment"),
        ("where are you located", "address"),
        ("what time do you open", "address"),
        ("what is the emergency number", "address"),
        ("let me talk to someone", "person"),
        ("I want to complain", "person"),
        ("do you speak English", "any"),
        ("how much is a CT", "any"),
    ],
)
def test_what_it_is_about(text: str, about: Topic) -> None:
    assert topic(text) == about


def test_hardly_any_of_our_own_utterances_is_taken_for_foreign() -> None:
    wrong = []
    for path in sorted((DATA / "nlu").glob("*.yml")):
        for item in yaml.safe_load(path.read_text("utf-8"))["nlu"]:
            examples = [
                line.strip().removeprefix("- ") for line in str(item.get("examples", "")).splitlines()
            ]
            wrong += [text for text in examples if foreign(text) and item.get("intent") != "out_of_scope"]
    assert wrong == []


def test_nearly_all_of_the_english_sets_are_english() -> None:
    lines = (DATA / "nlu_eval" / "screen_english.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert sum(foreign(text) == "english" for text in texts) / len(texts) >= 0.9


@pytest.mark.parametrize("text", ["the " * 3000, "a" * 10000, "ДД" * 5000, "zh" * 5000, "iang" * 4000 + "q"])
def test_long_text_is_read_without_harm(text: str) -> None:
    foreign(text)
