"""The second opinion of the screen: a small classifier asked when no rule fired."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from language.linear import Linear, prepare
from language.screen.lexicon import scope_patterns

MODEL = Path(__file__).resolve().parents[2] / "data" / "language" / "screen_model.npz"
# Chosen on the five-fold test recorded beside the model and on sentences it had not seen: under one false
# alarm in a hundred ordinary messages before the scopes below are looked at.
THRESHOLD = 0.75
# A message shorter than this says too little to be judged by its letters.
MIN_LENGTH = 4
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


def second_opinion(text: str, prepared: str) -> tuple[Literal["emergency", "crisis"], float] | None:
    """``(verdict, score)`` when the classifier is sure; questions, denials and the past are left alone."""
    model = _model()
    if model is None or len(_HAN.findall(prepared)) < MIN_LENGTH or len(prepared) > 120:
        return None
    probabilities = model.probabilities(prepare(_CALM.sub("", text)))
    score = 1 - probabilities["none"]
    if score < THRESHOLD:
        return None
    crisis = probabilities["crisis"] > probabilities["emergency"]
    if not crisis and _BODILY.search(_CALM.sub("", prepared)) is None:
        return None
    words = scope_patterns()
    for name in ("info", "admin", "past", "media", "hypo", "resolved", "doctor", "denied"):
        if words[name].search(prepared):
            return None
    return ("crisis" if crisis else "emergency"), score
