"""Which department a described complaint belongs to. Never a diagnosis: names, reasons, and a question."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from language.linear import prepare
from language.normalise import normalise
from language.screen import SECOND_OPINION, Ear, screen
from language.triage import model
from language.triage.calibrate import likely
from language.triage.meaning import LONGEST, NO_COMPLAINT, by_meaning
from language.triage.table import DEPARTMENTS, WEIGHTS, Hit, any_of, hits, pattern, raw

CHILD = "儿科"
PREGNANCY = "妇产科"
DANGER = "急诊科"
# Departments that see children themselves: named before 儿科 where the complaint is surely theirs.
OWN_CHILD = ("口腔科", "眼科")
# How much the trained part counts beside the table, and how sure it must be where the table is silent;
# both chosen on the held-back part of the training data.
MODEL_WEIGHT = 3.0
# The same for what goes by meaning (``language.triage.meaning``), chosen on triage_fresh.jsonl.
MEANING_WEIGHT = 10.0
MEANING_HEARD = 0.04
MODEL_SURE = 0.85
# ... and how many n-grams of two or three characters it must know.
MODEL_FAMILIAR = 5
_AGE = re.compile(
    r"(?<!\d)(\d{1,3}|[一二两三四五六七八九十]{1,3})(?:周)?(岁|个月|个多月|个半月)(半|多|大)?(?!前|后|以后|了还|没)"
)
_CHILD_AGE = re.compile(
    r"(?<![\d十])([1-9]|1[0-3]|[一二两三四五六七八九]|十[一二三]?)周?岁(?!以?[前后])|"
    r"(?:[1-9]|[12]\d|[一二两三四五六七八九十]{1,2})个(?:多|半)?月(?:大的?|的(?:宝|孩|娃|婴|小孩))"
)


@dataclass(frozen=True)
class Suggestion:
    """A department and the one line that says why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Option:
    """An answer of a clarifying question; ``add`` goes behind the complaint for the next try."""

    text: str
    add: str


@dataclass(frozen=True)
class ClarifyingQuestion:
    """A short question whose answer would change the advice."""

    id: str
    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Triage:
    """``departments`` best first (three at most, may be empty), ``confidence`` 0-1, ``also``: clinics."""

    departments: list[Suggestion]
    confidence: float
    also: list[str] = field(default_factory=list)
    question: ClarifyingQuestion | None = None


def triage(
    text: str,
    *,
    age: int | None = None,
    sex: str | None = None,
    pregnant: bool | None = None,
    ear: Ear | None = None,
) -> Triage:
    """Advice for a complaint in a patient's words.

    ``age`` in years, ``sex`` "male" or "female", ``pregnant`` as known from the record; what the text itself
    says of a child or a pregnancy counts when they are ``None``. With ``ear``, the sentence model, what no word of the table says
    is heard too.
    """
    plain = normalise(text[:LONGEST])
    found = hits(plain)
    scores, reasons = _scores(plain, found)
    for name, share in by_meaning(text, ear).items():
        if share >= MEANING_HEARD and name != NO_COMPLAINT:
            scores[name] = scores.get(name, 0.0) + MEANING_WEIGHT * share
    _by_sex(scores, sex)
    wording = raw()["wording"]
    first: list[Suggestion] = []
    # A wish to die is no complaint for 急诊; the crisis texts of the bot have answered it already.
    heard = screen(text, ear)
    # The second opinion takes some complaints of the out-patients' for danger: it says 急诊 too, but not first.
    unsure = heard.verdict == "emergency" and heard.rule == SECOND_OPINION
    verdict = "none" if unsure else heard.verdict
    if verdict == "emergency":
        first.append(Suggestion(DANGER, wording["danger"]))
    elif verdict == "crisis":
        scores["精神心理科"] = scores.get("精神心理科", 0.0) + 12
    child, expecting = _is_child(plain, age), _is_pregnant(plain, pregnant, sex, age)
    if expecting:
        first.append(Suggestion(PREGNANCY, wording["pregnant"]))
    elif child:
        first.append(Suggestion(CHILD, wording["child"]))
    else:
        scores.pop(CHILD, None)
    if child and scores.get(CHILD) and len(scores) > 1:
        scores.pop(CHILD)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], DEPARTMENTS.index(pair[0])))
    if child and not expecting and verdict != "emergency" and ranked and _sees_children(ranked[0]):
        name = ranked[0][0]
        first.insert(0, Suggestion(name, reasons.get(name) or wording["model"]))
    taken = {one.name for one in first}
    departments = first + [
        Suggestion(name, reasons.get(name) or wording["model"]) for name, _ in ranked if name not in taken
    ]
    if unsure:
        departments.insert(1, Suggestion(DANGER, wording["danger"]))
    return Triage(
        departments[:3],
        round(_confidence(ranked, bool(first)), 3),
        _also(plain),
        None if first else _question(plain, ranked),
    )


def _scores(plain: str, found: list[Hit]) -> tuple[dict[str, float], dict[str, str]]:
    scores: dict[str, float] = {}
    words: dict[str, list[str]] = {}
    for hit in found:
        bonus = min(hit.end - hit.start, 6) * 0.15
        seen = words.setdefault(hit.department, [])
        if hit.words in seen:
            continue
        scores[hit.department] = scores.get(hit.department, 0.0) + (hit.weight + bonus) * (
            0.6 if seen else 1.0
        )
        seen.append(hit.words)
    _mix_model(plain, scores)
    template = raw()["wording"]["matched"]
    reasons = {name: str(template).format(words="、".join(said[:3])) for name, said in words.items()}
    return scores, reasons


def _mix_model(plain: str, scores: dict[str, float]) -> None:
    learned = model.internal_medicine()
    if learned is None or not plain:
        return
    prepared = prepare(plain)
    probabilities = learned.probabilities(prepared)
    name, best = max(probabilities.items(), key=lambda pair: pair[1])
    if not scores:
        if best >= MODEL_SURE and learned.familiar(prepared) >= MODEL_FAMILIAR:
            scores[name] = MODEL_WEIGHT * best
        return
    inside = sum(scores.get(one, 0.0) for one in probabilities) / sum(scores.values())
    for one, probability in probabilities.items():
        if one in scores:
            scores[one] += MODEL_WEIGHT * probability * inside


def _sees_children(best: tuple[str, float]) -> bool:
    return best[0] in OWN_CHILD and best[1] >= WEIGHTS["sure"]


def _by_sex(scores: dict[str, float], sex: str | None) -> None:
    if sex == "male":
        scores.pop(PREGNANCY, None)
    elif sex == "female":
        scores.pop("男科", None)


def _is_child(plain: str, age: int | None) -> bool:
    if age is not None:
        return bool(age < raw()["child_under"])
    if any_of("child_not").search(plain):
        return False
    grown = re.search(r"(?<!\d)(1[4-9]|[2-9]\d)周?岁", plain)
    return grown is None and bool(any_of("child_words").search(plain) or _CHILD_AGE.search(plain))


def _is_pregnant(plain: str, pregnant: bool | None, sex: str | None, age: int | None) -> bool:
    if pregnant is not None:
        return pregnant
    if sex == "male" or (age is not None and not 12 <= age <= 55):
        return False
    return bool(any_of("pregnant_words").search(plain)) and not any_of("pregnant_not").search(plain)


def _confidence(ranked: list[tuple[str, float]], overruled: bool) -> float:
    if overruled:
        return 0.9
    if not ranked:
        return 0.0
    best = ranked[0][1]
    total = sum(score for _, score in ranked[:4])
    return min(best / (total + 2.0), 0.99)


@lru_cache(maxsize=1)
def _clinics() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    return tuple(
        (name, tuple(re.compile("|".join(pattern(str(f)) for f in group)) for group in row["all"]))
        for name, row in raw()["also"].items()
    )


def _also(plain: str) -> list[str]:
    return [
        name
        for name, groups in _clinics()
        if all(any(_stands(plain, match) for match in group.finditer(plain)) for group in groups)
    ]


def _stands(plain: str, match: re.Match[str]) -> bool:
    return not re.search(r"(?:没有?|无|不)$", plain[max(0, match.start() - 2) : match.start()])


def _question(plain: str, ranked: list[tuple[str, float]]) -> ClarifyingQuestion | None:
    """The first question that fits and whose options include more than the clear winner."""
    if ranked and ranked[0][1] >= 6 and (len(ranked) < 2 or ranked[0][1] >= 1.8 * ranked[1][1]):
        return None
    row: dict[str, Any]
    for row in raw()["questions"]:
        if re.search("|".join(pattern(str(f)) for f in row["when"]), plain):
            options = tuple(Option(str(o["text"]), str(o["add"])) for o in row["options"])
            return ClarifyingQuestion(str(row["id"]), str(row["ask"]), options)
    return None


def contract_row(text: str, ear: Ear | None = None) -> dict[str, Any]:
    """One line of the ``banyi triage`` contract; ``confidence`` is the chance that the first department is right."""
    advice = triage(text, ear=ear)
    return {
        "text": text,
        "departments": [one.name for one in advice.departments],
        "confidence": round(likely(advice.confidence), 3),
    }
