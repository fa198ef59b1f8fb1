"""Plans that come along: what they name is there, they say nothing a bot may not, and nobody is started by a template."""

from __future__ import annotations

import re

import pytest

from care.plans import sms
from care.plans.definition import Plan, read_plan
from care.plans.paths import SEED
from content.sms.lint import SmsFrame
from server.plan_pages import PlanShorts
from tests.care.plans.shipped import NAMES, TEMPLATES, raw, slugs

QUESTIONNAIRES = {file.stem for file in (SEED / "questionnaires").glob("*.json")}
DOSES = re.compile(r"\d+(\.\d+)?\s*(mg|毫克|克|片|粒|单位|毫升)|加量|减量|停药|换药量|确诊为")


def filled(text: str) -> str:
    return text.replace("{landline}", "0571-00000000")


YEAR = re.compile(r"(19|20)\d\d")


def plans() -> list[Plan]:
    return [read_plan(raw(name)) for name in NAMES]


def test_the_nine_templates_are_there_and_unsigned() -> None:
    assert set(TEMPLATES) < set(NAMES)
    for name in TEMPLATES:
        assert raw(name)["signed_by"] is None, (
            f"{name}: signed by whom? A template is for the hospital to sign"
        )


@pytest.mark.parametrize("name", NAMES)
def test_everything_a_step_names_is_there(name: str) -> None:
    for step in read_plan(raw(name)).steps:
        content = step.content
        if step.kind == "article":
            assert content["slug"] in slugs(), step.id
        if step.kind == "questionnaire":
            assert content["name"] in QUESTIONNAIRES, step.id
        if content.get("questionnaire"):
            assert content["questionnaire"] in QUESTIONNAIRES, step.id


@pytest.mark.parametrize("name", NAMES)
def test_words_are_plain_and_sourced(name: str) -> None:
    plan = read_plan(raw(name))
    assert YEAR.search(plan.source), "a source has a year"
    for step in plan.steps:
        said = str(step.content.get("text", ""))
        assert not DOSES.search(said), step.id
        assert "！" not in said and "亲" not in said, step.id
        assert len(step.title) <= 20, step.id


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_words_goes_by_sms_and_names_nothing_a_lock_screen_must_not_show(name: str) -> None:
    plan, look = read_plan(raw(name)), PlanShorts(SmsFrame("云江示范医院", ""), filled).look
    for step in plan.steps:
        if text := sms.said(step.kind, step.content, step.channel):
            found = look(text)
            assert (found.problems, found.parts <= 2) == ([], True), (step.id, text)
            assert not re.search("孕|公众号", text), (step.id, text)


def test_what_may_not_go_by_sms_is_named() -> None:
    look = PlanShorts(SmsFrame("云江示范医院", ""), filled).look
    assert look(sms.said("message", {"text": "请管好糖尿病"}, None)).problems
    assert look(sms.said("message", {"text": "长" * 150}, None)).problems
    assert not look(sms.said("message", {"text": "长" * 150, "sms": "请按时来"}, None)).problems
    assert sms.said("message", {"text": "请管好糖尿病"}, "wechat") == ""


@pytest.mark.parametrize("name", NAMES)
def test_late_rules_let_no_step_come_after_the_next_of_its_questionnaire(name: str) -> None:
    """What is caught up comes before the same questionnaire is asked again."""
    asked: dict[str, int] = {}
    for step in sorted(read_plan(raw(name)).steps, key=lambda one: one.days):
        if step.kind == "questionnaire":
            before = asked.get(step.content["name"])
            assert before is None or before < step.days, step.id
            asked[step.content["name"]] = step.days + (step.stale_days if step.late == "catch_up" else 0)
