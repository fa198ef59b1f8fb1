"""The shipped definitions: complete, permitted, in plain words, and the red flags they promise."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import yaml

from care.questionnaires import extensions as ext
from care.questionnaires.checking import check
from care.questionnaires.definition import Definition, DefinitionError, asked
from care.questionnaires.flags import raised
from care.questionnaires.items import NUMBERS
from care.questionnaires.parts import Item
from care.questionnaires.paths import SEED
from care.questionnaires.scoring import scores
from tests.care.questionnaires.shipped import NAMES, raw, shipped

FORBIDDEN = re.compile(r"\bCAT\b|\bACT\b|EQ-?5D", re.IGNORECASE)
PROMISED = {
    "phq9", "gad7", "pain-nrs", "mmrc", "postop-day1", "postop-day7", "postop-day30", "postop-day90",
    "hypertension-weekly", "diabetes-weekly", "pregnancy-check", "child-fever", "medication",
    "satisfaction", "satisfaction-inpatient", "recommend",
}  # fmt: skip


def test_what_was_promised_is_there() -> None:
    assert set(NAMES) == PROMISED


@pytest.mark.parametrize("name", NAMES)
def test_each_is_valid_and_says_where_it_is_from(name: str) -> None:
    definition = check(raw(name))
    assert definition.name == name
    assert definition.copyright
    assert definition.sources
    assert definition.intro
    assert all(rule.source for rule in definition.flags)
    assert not FORBIDDEN.search(str(raw(name)))
    ranges = [(one.minimum, one.maximum) for one in definition.items if one.type == "quantity"]
    assert all(None not in pair for pair in ranges)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_patient_hears_is_written(name: str) -> None:
    said = yaml.safe_load((SEED / "wording" / "flags.yml").read_text("utf-8"))
    assert {rule.says for rule in shipped(name).flags} <= set(said)


@pytest.mark.parametrize("name", ["phq9", "gad7"])
def test_mood_goes_by_no_sms_and_shows_no_label(name: str) -> None:
    assert "sms" not in shipped(name).channels
    assert not shipped(name).shows_result
    assert all(band.says is None for scale in shipped(name).scales for band in scale.bands)


@pytest.mark.parametrize("name", ["phq9", "gad7"])
@pytest.mark.parametrize(
    ("url", "key", "value"), [(ext.CHANNEL, "valueCode", "sms"), (ext.SHOWS_RESULT, "valueBoolean", True)]
)
def test_nobody_can_publish_mood_by_sms_or_with_its_label(name: str, url: str, key: str, value: Any) -> None:
    loud = raw(name)
    loud["extension"] = [{"url": url, key: value}, *loud["extension"]]
    with pytest.raises(DefinitionError, match="情绪和危机类问卷"):
        check(loud)


@pytest.mark.parametrize("name", NAMES)
def test_no_band_told_to_a_patient_names_an_illness(name: str) -> None:
    told = [band.says for scale in shipped(name).scales for band in scale.bands if band.says]
    assert not [one for one in told if re.search("症|炎|病|诊断|抑郁|焦虑|剂量|加药|停药", one)]


def _some_answer(item: Item, chance: random.Random) -> Any:
    if chance.random() < 0.1 and not item.required:
        return None
    if item.choices:
        codes = [one.code for one in item.choices]
        return chance.sample(codes, 2) if item.repeats else chance.choice(codes)
    if item.type == "boolean":
        return chance.random() < 0.5
    if item.type in NUMBERS:
        low = item.lowest if item.lowest is not None else item.minimum or 0
        high = item.highest if item.highest is not None else item.maximum or 10
        value = chance.uniform(low, high)
        return round(value) if item.type == "integer" else round(value, 1)
    return "没有别的"


def _some_answers(definition: Definition, chance: random.Random) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    while (
        item := next((one for one in asked(definition, answers) if one.link_id not in answers), None)
    ) is not None:
        answers[item.link_id] = _some_answer(item, chance)
    return answers


@pytest.mark.parametrize("name", NAMES)
def test_out_and_in_again_it_scores_and_flags_the_same(name: str) -> None:
    """Through fhir.resources and back: what its model drops or alters would be lost on the way to another system."""
    from fhir.resources.R4B.questionnaire import Questionnaire

    exported = Questionnaire.model_validate(raw(name)).model_dump_json()
    again = check(Questionnaire.model_validate_json(exported).model_dump(mode="json"))
    assert again == shipped(name)
    chance = random.Random(name)
    for _ in range(50):
        answers, before = _some_answers(again, chance), _some_answers(again, chance)
        assert scores(again, answers) == scores(shipped(name), answers)
        assert raised(again, answers, before=before, finished=True) == raised(
            shipped(name), answers, before=before, finished=True
        )


FLAGGED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("postop-day7", {"temperature": 37.9}, []),
    ("postop-day7", {"temperature": 38.0}, ["low-fever"]),
    ("postop-day7", {"temperature": 38.5}, ["fever"]),
    ("postop-day7", {"temperature": 38.0, "wound": ["red", "ooze"], "ooze": "stop"}, ["bleeding", "low-fever", "red"]),
    ("postop-day7", {"wound": ["none"], "ooze": "stop"}, []),
    ("postop-day1", {"temperature": 38.0}, []),
    ("postop-day1", {"urine": "no"}, ["urine"]),
    ("postop-day90", {"pain": 4}, ["lasting-pain"]),
    ("postop-day90", {"pain": 7}, ["pain"]),
    ("hypertension-weekly", {"systolic": 179, "diastolic": 99}, ["high-systolic"]),
    ("hypertension-weekly", {"systolic": 150, "diastolic": 110}, ["very-high"]),
    ("hypertension-weekly", {"systolic": 89, "diastolic": 60}, ["low"]),
    ("hypertension-weekly", {"systolic": 120, "symptoms": ["stroke"]}, ["stroke"]),
    ("diabetes-weekly", {"fasting": 3.9}, ["low"]),
    ("diabetes-weekly", {"fasting": 4.0}, []),
    ("diabetes-weekly", {"fasting": 2.9}, ["very-low"]),
    ("diabetes-weekly", {"fasting": 16.7}, ["very-high"]),
    ("pregnancy-check", {"weeks": 30, "movement": "same", "count": 9}, ["few-movements"]),
    ("pregnancy-check", {"weeks": 20, "count": 0}, []),
    ("pregnancy-check", {"systolic": 139, "diastolic": 90}, ["high-diastolic"]),
    ("pregnancy-check", {"systolic": 160, "diastolic": 80}, ["severe-pressure"]),
    ("pregnancy-check", {"weeks": 36, "symptoms": ["tightening"]}, ["early-contractions"]),
    ("pregnancy-check", {"weeks": 38, "symptoms": ["tightening"]}, []),
    ("child-fever", {"age": "under-3m", "temperature": 38.0}, ["young-infant"]),
    ("child-fever", {"age": "3-6m", "temperature": 38.9}, []),
    ("child-fever", {"age": "3-6m", "temperature": 39.0}, ["infant"]),
    ("child-fever", {"age": "over-3y", "days": 5}, ["five-days"]),
    ("medication", {"missed": 1, "changed": True}, ["changed"]),
    ("medication", {"discomfort": "none", "signs": ["allergy"]}, []),
    ("medication", {"discomfort": "some", "signs": ["allergy"]}, ["allergy"]),
    ("mmrc", {"grade": "4"}, ["grade-4"]),
    ("pain-nrs", {"now": 6, "worst": 7}, ["worst-severe"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answers", "rules"), FLAGGED, ids=[f"{one[0]}-{at}" for at, one in enumerate(FLAGGED)]
)
def test_a_red_flag_stands_where_its_source_puts_it(
    name: str, answers: dict[str, Any], rules: list[str]
) -> None:
    assert [one.rule for one in raised(shipped(name), answers, finished=False)] == rules


def test_our_extensions_are_under_our_own_address() -> None:
    urls = set(
        re.findall(
            r'"url": "(https?://[^"]+StructureDefinition[^"]+)"',
            "".join(str(raw(name)).replace("'", '"') for name in NAMES),
        )
    )
    assert {one for one in urls if not one.startswith(ext.HL7)} <= {
        ext.REVISION, ext.CHANNEL, ext.PURPOSE, ext.MINUTES, ext.SHOWS_RESULT, ext.SOURCE, ext.SCALE,
        ext.RED_FLAG, ext.WHY, ext.PREFILL, ext.PAIR, ext.PLAUSIBLE,
    }  # fmt: skip
