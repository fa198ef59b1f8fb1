"""A plan is read whole or refused in words that name step and field; out again as FHIR."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from fhir.resources.R4B.careplan import CarePlan as FhirCarePlan
from fhir.resources.R4B.plandefinition import PlanDefinition

from care.plans import fhir
from care.plans.definition import Plan, read_plan
from care.plans.errors import PlanError
from care.plans.models import CarePlan
from care.plans.paths import FOLDER
from tests.care.plans.conftest import Ward, plan_of, step


def shipped() -> list[Plan]:
    return [read_plan(yaml.safe_load(one.read_text("utf-8"))) for one in sorted(FOLDER.glob("*.yml"))]


WRONG: list[tuple[tuple[dict[str, Any], ...], dict[str, Any], str, str | None, str | None]] = [
    ((), {}, "no_steps", None, "steps"),
    ((step("a", 1), step("a", 2)), {}, "step_twice", "a", "id"),
    ((step("a", 1) | {"at": "25:00"},), {}, "clock", "a", "at"),
    ((step("a", 1) | {"days": "soon"},), {}, "number", "a", "days"),
    ((step("a", 1) | {"days": 1.5},), {}, "whole", "a", "days"),
    ((step("a", 1, workday="tomorrow"),), {}, "one_of", "a", "workday"),
    ((step("a", 1, content={}),), {}, "missing", "a", "text"),
    ((step("a", 1, content={"text": "x", "link": "y"}),), {}, "unknown_field", "a", "content"),
    ((step("a", 1, content={"text": "长" * 501}),), {}, "too_long", "a", "text"),
    ((step("a", 1, "offer", content={"department": "仙科", "within_days": 7}),), {}, "department", "a", "department"),
    ((step("a", 1, when={"step": "b", "is": "answered"}),), {}, "when_unknown", "a", "when"),
    ((step("b", 0), step("a", 1, when={"step": "b", "is": "answered"})), {}, "when_unanswerable", "a", "when"),
    ((step("a", 1, when={"at_least": 3}),), {}, "when_answer", "a", "when"),
    ((step("a", 1, when={}),), {}, "when", "a", "when"),
    ((step("a", 50),), {"closes_after_days": 49}, "closes_early", None, "closes_after_days"),
    ((step("a", 1),), {"stops": ["boredom"]}, "one_of", None, "stops"),
    ((step("a", 1),), {"anchor": "full_moon"}, "one_of", None, "anchor"),
    ((step("a", 1),), {"name": "Ä b"}, "name", None, "name"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "more", "key", "at", "field"), WRONG)
def test_what_is_wrong_is_named(
    steps: tuple[dict[str, Any], ...], more: dict[str, Any], key: str, at: str | None, field: str | None
) -> None:
    with pytest.raises(PlanError) as found:
        plan_of(*steps, **more)
    assert (found.value.key, found.value.step, found.value.field) == (key, at, field)
    assert "{" not in str(found.value)


def test_shipped_plans_are_fhir() -> None:
    for plan in shipped():
        out = PlanDefinition.model_validate(fhir.plan_definition(plan))
        assert [one.id for one in out.action or []] == [one.id for one in plan.steps]
        assert out.status == ("active" if plan.signed_by else "draft")


async def test_a_patients_plan_is_fhir(ward: Ward) -> None:
    plan = plan_of(step("a", 1), step("b", 5))
    await ward.publish(plan)
    await ward.discharged(ward.people[0], ward.today)
    await ward.at(1)
    touches = await ward.touches()
    async with ward.database.read() as session:
        row = await session.get_one(CarePlan, touches[0].care_plan_id)
    out = FhirCarePlan.model_validate(fhir.care_plan(row, plan, touches))
    assert [one.detail.status for one in out.activity or [] if one.detail] == ["in-progress", "scheduled"]
