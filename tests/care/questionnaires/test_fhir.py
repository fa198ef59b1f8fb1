"""A response as FHIR, and files of definitions in and out."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from care.questionnaires import extensions as ext
from care.questionnaires.definition import Definition
from care.questionnaires.editor.models import QuestionnaireDraft
from care.questionnaires.fhir import SCORE, response_resource
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.publishing import publish, publish_shipped
from server.cli import questionnaires as files
from store.audit import AuditRow
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.care.questionnaires.building import number, points, questionnaire
from tests.care.questionnaires.shipped import NAMES, raw, shipped


def _response(
    definition: Definition, answers: dict[str, Any], now: datetime, **values: Any
) -> QuestionnaireResponse:
    return QuestionnaireResponse(
        **{
            "id": new_id(),
            "questionnaire_id": new_id(),
            "name": definition.name,
            "source": "self",
            "patient_id": new_id(),
            "channel": "wechat",
            "status": "completed",
            "answers": answers,
            "revision": 1,
            "started_at": now,
            "updated_at": now,
            "completed_at": now,
        }
        | values
    )


def test_answers_keep_their_kind_and_their_group(keyring: Keyring, clock: VirtualClock) -> None:
    phq9 = shipped("phq9")
    answers = {one.link_id: "2" for one in phq9.items} | {"harm": None}
    made = response_resource(phq9, _response(phq9, answers, clock.now()))
    assert made["questionnaire"] == "https://banyi.example/Questionnaire/phq9|1"
    assert made["status"] == "completed"
    [group] = made["item"]
    assert [one["linkId"] for one in group["item"]] == [one.link_id for one in phq9.items]
    assert group["item"][0]["answer"][0]["valueCoding"]["display"] == "一半以上的天数"
    assert "answer" not in group["item"][-1], "skipped"
    [score] = [one for one in made["extension"] if one["url"] == SCORE]
    values = {
        one["url"]: next(v for k, v in one.items() if k.startswith("value")) for one in score["extension"]
    }
    assert (values["scale"], float(values["value"]), values["band"]) == ("total", 18, "15–19 分：中重度")


def test_numbers_units_choices_and_words(keyring: Keyring, clock: VirtualClock) -> None:
    answers = {
        "temperature": 38.6,
        "wound": ["red", "ooze"],
        "ooze": "little",
        "pain": 3,
        "eating": "well",
        "danger": ["none"],
        "comment": "有点担心",
    }
    made = response_resource(shipped("postop-day7"), _response(shipped("postop-day7"), answers, clock.now()))
    found = {one["linkId"]: one["answer"] for one in made["item"]}
    quantity = found["temperature"][0]["valueQuantity"]
    assert (float(quantity["value"]), quantity["code"], quantity["system"]) == (38.6, "Cel", ext.UCUM)
    assert [one["valueCoding"]["code"] for one in found["wound"]] == ["red", "ooze"]
    assert found["pain"] == [{"valueInteger": 3}]
    assert found["comment"] == [{"valueString": "有点担心"}]
    medicine = shipped("medication")
    more = response_resource(
        medicine,
        _response(
            medicine, {"missed": 2, "reason": ["forgot", {"other": "出差"}], "changed": False}, clock.now()
        ),
    )
    found = {one["linkId"]: one["answer"] for one in more["item"]}
    assert found["changed"] == [{"valueBoolean": False}]
    assert found["reason"][1] == {"valueString": "出差"}


def test_what_is_no_longer_asked_is_not_handed_on(keyring: Keyring, clock: VirtualClock) -> None:
    answers = {"wound": ["none"], "ooze": "stop"}
    made = response_resource(
        shipped("postop-day7"), _response(shipped("postop-day7"), answers, clock.now(), status="in-progress")
    )
    assert [one["linkId"] for one in made["item"]] == ["wound"]


async def test_all_responses_are_handed_out_with_a_row_each(
    database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        row = await publish(session, raw("pain-nrs"), clock.now())
        answers = {"now": 4, "worst": 6, "sleep": "no"}
        made = _response(
            shipped("pain-nrs"), answers, clock.now(), questionnaire_id=row.id, patient_id=world.wang
        )
        session.add(made)
    async with database.write() as session:
        [found] = await files.responses(session, clock.now())
        assert found["subject"] == {"reference": f"Patient/{world.wang}"}
        json.dumps(found)
    async with database.read() as session:
        looked = await session.scalars(select(AuditRow).where(AuditRow.action == "export"))
        assert [one.subject for one in looked] == [f"patient:{world.wang}"]


async def test_definitions_go_out_as_lines_and_come_in_as_drafts(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with database.write() as session:
        await publish_shipped(session, clock.now())
        lines = [json.dumps(one, ensure_ascii=False) for one in await files.definitions(session)]
    assert len(lines) == len(NAMES)
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    async with database.write() as session:
        said = await files.load(session, file, clock.now())
        assert said.startswith(f"questionnaires: {len(NAMES)} drafts")
    async with database.read() as session:
        drafts = {row.name: row.definition for row in await session.scalars(select(QuestionnaireDraft))}
        assert set(drafts) == set(NAMES)


async def test_a_file_with_one_wrong_questionnaire_loads_none(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    wrong = questionnaire(points("p", 0, 1), number("p"))
    file = tmp_path / "two.json"
    file.write_text(json.dumps([raw("mmrc"), wrong], ensure_ascii=False), encoding="utf-8")
    async with database.write() as session:
        with pytest.raises(ValueError, match="2 \\(check\\): “p”：有两题用了同一个编号"):
            await files.load(session, file, clock.now())
        assert (await session.scalars(select(QuestionnaireDraft))).all() == []
