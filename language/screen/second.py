"""The second opinion of the screen: small classifiers of letters and of meaning, beside the rules."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from language.linear import Linear, prepare
from language.normalise import normalise
from language.screen.frame import frame
from language.screen.lexicon import scope_patterns
from language.screen.meaning import Ear, FloatArray, Meaning, meaning, thresholds
from language.screen.rules import denied
from language.screen.vitals import ordinary_reading

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "screen_model.npz"
# Chosen on the five-fold test recorded beside the model and on sentences it had not seen: under one false
# alarm in a hundred ordinary messages before the scopes below are looked at.
THRESHOLD = 0.75
# A message shorter than this says too little to be judged by its letters.
MIN_LENGTH = 4
SURE = 0.9
# From this score on the ear is believed over the words of a denial, a question, the past: it has learned such sentences, and "三天没打针
# 喘得像拉风箱", "去年心梗过 刚才又倒下去了" are none.
CERTAIN = 0.75
# Characters beside readings within their limits that are no sign of danger: where the score is sure, and where it is not.
JUST_READINGS, FEW_WORDS = 2, 8
MAX_LENGTH = 120
SOME_SCOPES = ("info", "past", "media", "hypo", "doctor")
ALL_SCOPES = (*SOME_SCOPES, "admin", "resolved", "denied")
# Harmless words with the letters of grave ones.
_CALM = re.compile("一肚子(?:气|火)|活动|活检|活血|活期|生活|干活|活页|死角|死海|急诊|救护车|急救")
# An emergency without a word for body, harm or poison is none the letters can tell.
_BODILY = re.compile(
    "[疼痛血喘晕昏抽吐摔烫毒药憋闷麻肿醒死胸嘴脸眼肚尿咬撞溺噎卡胎孕产汗抖紫烧气心脉糖压氧伤脚腿手]|"
    "不动|呼吸|倒(?=地|下|在|了)|没反应|栽|说不|砸|电|水|瘫|歪|失禁|认不|糊涂|意识"
)
_HAN = re.compile(r"[\u4e00-\u9fff]")


@lru_cache(maxsize=1)
def _model() -> Linear | None:
    return Linear.load(MODEL) if MODEL.exists() else None


def second_opinion(
    text: str, prepared: str, ear: Ear | None = None
) -> tuple[Literal["emergency", "crisis"], float] | None:
    """``(verdict, score)`` when the classifiers are sure; questions and the past are left alone.

    With an ``ear`` (the sentence model) letters and meaning are weighed together; the embedding is asked for only where the letters
    are not calm. Without, the letters alone must be surer.
    """
    model = _model()
    if model is None or len(_HAN.findall(prepared)) < MIN_LENGTH or len(prepared) > MAX_LENGTH:
        return None
    learned = meaning()
    if ear is None or learned is None or learned.weights != ear.weights:
        return _by_letters(model, text, prepared)
    letters = 1 - model.probabilities(prepare(text))["none"]
    if letters < thresholds()["doubt"]:
        return None
    direction, score = _listened(learned, ear, text, letters)
    if score < thresholds()["alarm"] or _explained(prepared, score):
        return None
    return ("crisis" if learned.is_crisis(direction) else "emergency"), score


def heeds(rule: str) -> bool:
    """Whether the ear may take this rule's alarm back: never a reading's, a sound's, an English one's or an infant's fever."""
    return not rule.startswith(("vital_", "sound_", "en_", "infant_"))


def only_spoken_of(
    verdict: Literal["emergency", "crisis"], rule: str, text: str, prepared: str, ear: Ear | None
) -> bool:
    """Whether what a rule fired on is only spoken of (denied, asked about, long ago, a film's): the sentence has the words of a frame
    *and* the ear hears no danger at all. Without an ear a rule's alarm stands."""
    model, learned = _model(), meaning()
    if ear is None or model is None or learned is None or learned.weights != ear.weights or not heeds(rule):
        return False
    if len(prepared) > MAX_LENGTH or frame(prepared) is None:
        return False
    letters = 1 - model.probabilities(prepare(text))["none"]
    return _listened(learned, ear, text, letters)[1] < thresholds()[f"calm_{verdict}"]


def _listened(learned: Meaning, ear: Ear, text: str, letters: float) -> tuple[FloatArray, float]:
    """The direction of a text's meaning, and the probability of danger by meaning and letters."""
    direction = learned.direction(ear.embed([normalise(text)])[0])
    return direction, learned.danger(direction, letters)


def _explained(prepared: str, score: float) -> bool:
    """What an unsure ear mishears: a danger that is denied, asked about, long ago; a reading that is none."""
    return (score < CERTAIN and (denied(prepared) or _set_aside(prepared, SOME_SCOPES))) or ordinary_reading(
        prepared, JUST_READINGS if score >= SURE else FEW_WORDS
    )


def _by_letters(
    model: Linear, text: str, prepared: str
) -> tuple[Literal["emergency", "crisis"], float] | None:
    probabilities = model.probabilities(prepare(_CALM.sub("", text)))
    score = 1 - probabilities["none"]
    if score < THRESHOLD:
        return None
    crisis = probabilities["crisis"] > probabilities["emergency"]
    if not crisis and _BODILY.search(_CALM.sub("", prepared)) is None:
        return None
    if _set_aside(prepared, ALL_SCOPES) or ordinary_reading(prepared, JUST_READINGS):
        return None
    return ("crisis" if crisis else "emergency"), score


def _set_aside(prepared: str, scopes: tuple[str, ...]) -> bool:
    words = scope_patterns()
    return any(words[name].search(prepared) for name in scopes)
