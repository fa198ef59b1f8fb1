"""The safety screen on its fixed set, on single tricky sentences, and under bad input."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from language.embed import Embedder
from language.screen import screen
from language.screen.contrast import contrasted
from language.screen.material import material
from language.screen.train import parts

DATA = Path(__file__).resolve().parents[2] / "data" / "nlu_eval"

# The fixed set: rules were written beside it and the second opinion learns from it.
CASES = DATA / "screen_cases.jsonl"
RECALL_FLOOR = 0.98
FALSE_ALARM_CEILING = 0.015
# Written after the rules were done, never learned from: the honest estimate
# (first run, before anything was mended: recall 0.985, false alarms 0.022; the part "third", written after
# the batches below were mended: 0.925 and 0.0).
FRESH = DATA / "screen_fresh.jsonl"
FRESH_RECALL_FLOOR = 0.95
FRESH_FALSE_ALARM_CEILING = 0.035

# A second and a third batch in new styles (dialect, voice transcripts, parents, farewells, third persons, talk
# of the house). First runs before anything was mended: recall 0.89 and 0.77, false alarms 0.07 and 0.08; mended
# by class since, and learned from, so this guards what was reached and is no estimate.
BATCH = DATA / "screen_batch.jsonl"

# The fourth style, with violence and spoken numbers. First run before anything was mended: recall 0.690 and false alarms 0.100; the
# third part was never looked into (0.630 and 0.044 before).
MORE = DATA / "screen_more.jsonl"

# Dangers and talk of the same dangers (denied, asked about, long ago, in a film); learned from. First runs of its two parts, by
# the ear as it was: 0.991 and 0.114, 0.984 and 0.122.
TALK = DATA / "screen_talk.jsonl"
FRESH_SETS = (FRESH, *(DATA / f"screen_fresh{n}.jsonl" for n in range(2, 9)))
MODEL = Path(__file__).resolve().parents[2] / "var" / "models" / "sentence-onnx"


def _cases(path: Path = CASES) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def ear() -> Embedder:
    if not MODEL.exists():
        pytest.skip("NOT TESTED: the sentence model is not built (make setup)")
    return Embedder(MODEL)


def test_set_is_large_enough_and_has_no_repeats() -> None:
    cases = _cases()
    danger = [case for case in cases if case["label"] != "none"]
    assert len(danger) >= 200
    assert len(cases) - len(danger) >= 300
    assert len({case["text"] for case in cases}) == len(cases)


@pytest.mark.parametrize(
    ("path", "recall", "false_alarms"),
    [
        (CASES, RECALL_FLOOR, FALSE_ALARM_CEILING),
        (FRESH, FRESH_RECALL_FLOOR, FRESH_FALSE_ALARM_CEILING),
        (BATCH, 0.99, 0.01),
        (MORE, 0.99, 0.02),
        (TALK, 0.99, 0.02),
        (FRESH_SETS[1], 0.97, 0.03),
        (FRESH_SETS[2], 0.95, 0.09),
        (FRESH_SETS[3], 0.96, 0.05),
        (FRESH_SETS[4], 0.95, 0.05),
        (FRESH_SETS[5], 0.94, 0.10),
        (FRESH_SETS[6], 0.90, 0.08),
        (FRESH_SETS[7], 0.86, 0.06),
    ],
    ids=["fixed", "fresh", "batch", "more", "talk", *(f"fresh{n}" for n in range(2, 9))],
)
def test_recall_and_false_alarms(path: Path, recall: float, false_alarms: float, ear: Embedder) -> None:
    missed, alarms, danger, ordinary = [], [], 0, 0
    for case in _cases(path):
        verdict = screen(case["text"], ear).verdict
        if case["label"] == "none":
            ordinary += 1
            if verdict != "none":
                alarms.append(case["text"])
        else:
            danger += 1
            if verdict == "none":
                missed.append(case["text"])
    assert 1 - len(missed) / danger >= recall, missed
    assert len(alarms) / ordinary <= false_alarms, alarms


def test_fresh_sets_are_not_learned_from() -> None:
    learned = {one.text for one in material()}
    assert not {case["text"] for path in FRESH_SETS for case in _cases(path)} & learned


def test_folds_share_neither_frames_nor_a_dangers_words() -> None:
    made = contrasted()
    for learned, judged in parts(made):
        words = {word for n in judged for word in made[n].words if made[n].touches(made[n].fold(3), 3)}
        assert not {made[n].family for n in learned} & {made[n].family for n in judged}
        assert words


@pytest.mark.parametrize(
    "text",
    [
        *("我爸去年心梗走的 我想查查自己心脏", "煤气中毒的急救步骤是什么", "吐血和咳血有啥不一样"),
        *("前年我妈脑溢血做的手术 现在想做康复", "想死我闺女了 探视时间几点啊", "自杀未遂住院医保报不报"),
    ],
)
def test_what_is_only_spoken_of_is_taken_back(text: str, ear: Embedder) -> None:
    assert screen(text, ear).verdict == "none"


@pytest.mark.parametrize(
    "text",
    [
        "血氧82 多少算正常",
        "没发烧 就是我妈胸口疼得直冒冷汗",
        "我爸去年心梗过 刚才又捂着胸口倒下去了",
        "zi sha",
    ],
)
def test_a_danger_in_a_frame_still_rings(text: str, ear: Embedder) -> None:
    assert screen(text, ear).verdict != "none"


def test_without_the_sentence_model_a_rules_alarm_stands() -> None:
    assert screen("煤气中毒的急救步骤是什么").verdict == "emergency"


def test_the_houses_own_questions_raise_no_alarm(ear: Embedder) -> None:
    folder = Path(__file__).resolve().parents[2] / "data" / "seed" / "faq"
    alarms = [
        text
        for path in sorted(folder.glob("*.yml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["entries"]
        for text in (entry["question"], *entry.get("similar", ()))
        if screen(text, ear).verdict != "none" and not re.search("破", text)  # broken waters are an emergency
    ]
    assert len(alarms) <= 2, alarms


def test_crisis_is_not_called_emergency() -> None:
    wrong = [
        case["text"]
        for case in _cases()
        if case["label"] == "crisis" and screen(case["text"]).verdict == "emergency"
    ]
    assert len(wrong) <= 3, wrong


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("突然胸口压得慌 左胳膊麻 出汗", "emergency"),
        ("胸 痛 得 厉 害，直 冒 冷 汗", "emergency"),
        ("我媽突然暈倒叫不醒", "emergency"),
        ("没有胸痛", "none"),
        ("没有胸痛、胸闷、呼吸困难", "none"),
        ("胸痛挂什么科", "none"),
        ("胸口剧痛出冷汗挂什么科", "emergency"),
        ("我爸三年前脑梗", "none"),
        ("我爸三年前脑梗，现在突然说话不清楚了", "emergency"),
        ("上个月流过血现在好了", "none"),
        ("急诊在几楼", "none"),
        ("笑死我了", "none"),
        ("想死你了", "none"),
        ("想死", "crisis"),
        ("治不好了 不想拖累孩子了", "crisis"),
        ("我没有想自杀", "none"),
        ("我朋友说要自杀", "crisis"),
        ("zisha", "crisis"),
        ("血氧82", "emergency"),
        ("血氧98", "none"),
        ("血压220/130", "emergency"),
        ("血压130/80", "none"),
        ("血糖33", "emergency"),
        ("血糖3.1", "emergency"),
        ("血糖6.1", "none"),
        ("出生20天的宝宝发烧38.5度", "emergency"),
        ("", "none"),
        ("😀😀😀", "none"),
        ("\u202e\u0000\u200b", "none"),
    ],
)
def test_single_cases(text: str, verdict: str) -> None:
    assert screen(text).verdict == verdict


@pytest.mark.parametrize(
    "text",
    [
        *("血氧就剩７８", "血氧饱和度百分之八十四", "指夹式测的血氧 八十一", "血氧 ：82%"),
        *(
            "血糖仪上显示HI",
            "血糖才两点八",
            "末梢血糖 ３３．３",
            "血糖520mg/dl",
            "血糖只有48 mg/dL",
            "血糖 3。1",
        ),
        *(
            "高压两百二低压一百三",
            "血压220 130",
            "血压２２０／１３０",
            "二百一十八/一百二十六 刚量的",
            "低压一百四",
        ),
        *(
            "收缩压七十",
            "血压二百三比一百四",
            "心跳一分钟只有三十六下",
            "心率一百七十多",
            "发烧四十一度二",
            "体温四十一度半",
        ),
    ],
)
def test_readings_however_they_are_written(text: str) -> None:
    assert screen(text).rule.startswith("vital_")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "血压 118／76",
            "空腹血糖 ５．８",
            "血糖126mg/dL",
            "体温三十六度八",
            "血氧九十七",
            "低压八十高压一百三",
        ),
        *(
            "血压计220块钱贵不贵",
            "我82岁 血氧仪怎么买",
            "房间号220/130床",
            "血糖高10年",
            "发烧三天38度5",
            "挂号费二百二",
        ),
        "去年血压220/130住过院",
    ],
)
def test_other_numbers_are_no_dangerous_readings(text: str) -> None:
    assert screen(text).verdict == "none"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        *[
            (text, "emergency")
            for text in ("我家囡囡四十天 耳温38.3", "两个月零五天 腋下38度1", "不到俩月的宝宝烧到39了")
        ],
        *[(text, "emergency") for text in ("出生二十天 烧三十八度五", "三周大的娃发热")],
        *[
            (text, "none")
            for text in (
                "五十天的宝宝体温36.8",
                "宝宝五个月 38.2度",
                "孩子发烧两天38度",
                "宝宝三个月打完疫苗发烧37.8",
            )
        ],
        *[(text, "none") for text in ("新生儿发烧多少度要去医院", "孩子十天没大便 体温正常")],
    ],
)
def test_fever_of_an_infant_under_three_months(text: str, verdict: str) -> None:
    assert screen(text).verdict == verdict


def test_violence_is_an_emergency_of_its_own(ear: Embedder) -> None:
    for text in (
        "被老公打了 头在流血",
        "有人拿刀在门诊砍人",
        "我被家暴了",
        "老公喝多了拿皮带抽我 现在还在砸门",
    ):
        found = screen(text, ear)
        assert (found.verdict, found.by_somebody) == ("emergency", True), text
    for text in (
        "护士打电话说改期",
        "打完疫苗胳膊酸",
        "家暴鉴定去哪做",
        "被单位打发来体检",
        "抽血被扎青了一块",
    ):
        assert screen(text, ear).verdict == "none", text


def test_result_explains_itself() -> None:
    result = screen("我爸突然口角歪斜，说话含糊")
    assert result.rule.startswith("stroke")
    assert "口角歪" in result.matched


def test_hidden_characters_do_not_hide_a_danger() -> None:
    assert screen("不\u200b想\u200d活\u202e了").verdict == "crisis"


@pytest.mark.parametrize(
    "text",
    [
        "疼" * 5000,
        "没有胸痛、" * 1000,
        "我最近头有点晕，睡得也不好，想问问挂哪个科，" * 230,
        "突然" * 2500,
        "<script>alert('胸')</script>' OR 1=1 --" * 120,
        "喘不上" * 1600,
        "a" * 10000,
        "想 死 " * 5 + "。" * 5000,
    ],
)
def test_long_and_hostile_text_is_quick(text: str) -> None:
    screen("热身")
    started = time.perf_counter()
    screen(text)
    assert time.perf_counter() - started < 1.0


def test_usual_message_takes_under_two_milliseconds() -> None:
    texts = [case["text"] for case in _cases()][:200]
    for text in texts:
        screen(text)
    started = time.perf_counter()
    for text in texts:
        screen(text)
    assert (time.perf_counter() - started) / len(texts) < 0.004  # 0.3 ms alone; room for a busy machine


def test_danger_at_the_end_of_a_long_text_is_seen() -> None:
    assert screen("您好，我想咨询一下我母亲的情况。" * 100 + "她刚才突然晕倒叫不醒了").verdict == "emergency"
