"""Satisfaction by department and doctor: the numbers, how sure they are, and nobody found out by subtracting."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select

from care.appointments.models import Appointment
from care.questionnaires.models import QuestionnaireResponse
from content.insight.protect import Hidden
from content.insight.satisfaction.figures import Scored
from content.insight.satisfaction.tables import satisfaction
from content.insight.stats import proportion
from content.insight.tables import Row, Table
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import staff, visiting
from tests.content.insight.site import insight_app
from tests.factories.outreach import town
from web.signin.models import Role

LIMIT = 10


def marks(department: str, doctor: str, **of: int) -> list[Scored]:
    return [Scored("satisfaction", department, doctor, 0, int(s[1:]), n) for s, n in of.items()]


def row(of: Table, name: str) -> Row:
    return next(one for one in of.rows if one.name == name)


def test_a_department_is_shown_with_its_intervals_the_worst_first() -> None:
    rows = [*marks("眼科", "李敏", s5=40, s3=20, s1=10), *marks("儿科", "何晓燕", s5=60, s2=12)]
    made = satisfaction(rows, LIMIT, unnamed="未注明")
    assert [one.name for one in made.departments.rows] == ["眼科", "儿科"]
    eye = row(made.departments, "眼科")
    assert eye.values["satisfied_share"] == proportion(40, 70)
    assert made.departments.total is not None
    assert made.departments.total.values["answers"] == 142
    assert row(made.doctors, "眼科 李敏").values["dissatisfied"] == 10


def test_a_small_doctor_cannot_be_computed_from_the_department() -> None:
    rows = [
        *marks("眼科", "李敏", s5=40, s3=20, s1=10),
        *marks("眼科", "赵强", s5=3),
        *marks("儿科", "何晓燕", s5=60, s3=20, s2=12),
    ]
    made = satisfaction(rows, LIMIT, unnamed="未注明")
    assert isinstance(row(made.doctors, "眼科 赵强").values["satisfied"], Hidden)
    department, colleague = row(made.departments, "眼科"), row(made.doctors, "眼科 李敏")
    # Otherwise 43 of the department less 40 of the colleague would say it.
    assert isinstance(department.values["satisfied"], Hidden) or isinstance(
        colleague.values["satisfied"], Hidden
    )


def test_net_promoters_are_counted_by_department() -> None:
    rows = [Scored("recommend", "眼科", "", 0, score, 20) for score in (10, 9, 8, 6)]
    made = satisfaction(rows, LIMIT, unnamed="未注明").recommend
    found = row(made, "眼科").values
    assert (found["promoters"], found["passives"], found["detractors"]) == (40, 20, 20)
    assert made.total is not None and made.total.values["answers"] == 80


async def test_the_page_the_file_and_the_words_for_who_may(database: Database, clock: VirtualClock) -> None:
    async with database.write("town") as session:
        of = await town(session, clock, people=60)
        now = clock.now()
        for number, patient in enumerate(of.patients):
            at = now - timedelta(days=2)
            of.appointment(patient, at, at - timedelta(days=1), "fulfilled", number % 2)
            of.answers(patient, now - timedelta(days=1), "completed", 1 + number % 5)
    async with database.write("joined") as session:
        visits = {
            one.patient_id: one.id
            for one in await session.scalars(select(Appointment).order_by(Appointment.id))
        }
        for answer in await session.scalars(select(QuestionnaireResponse)):
            answer.name = "satisfaction"
            assert answer.patient_id is not None
            answer.appointment_id = visits[answer.patient_id]
            answer.answers = {"overall": "1", "comment": f"等太久了{answer.patient_id}"}
    tokens, app = await staff(database, Role.EDITOR, Role.NURSE, Role.OPERATOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        status, page = await editor.get("/insight/satisfaction?length=3")
        assert status == 200
        assert "各科室满意度" in page and "看留言" not in page
        assert re.search(r"40\.0%（\d+\.\d% 至 \d+\.\d%）", page)
        status, text = await editor.get("/insight/satisfaction/csv/by_department?length=3")
        assert (status, text.splitlines()[0].removeprefix("\ufeff").startswith("科室,评分,满意")) == (
            200,
            True,
        )
        assert (await editor.get("/insight/satisfaction/csv/nothing"))[0] == 404
        assert (await editor.get("/insight/satisfaction/comments"))[0] == 403
    async with visiting(app, tokens["nurse"]) as nurse:
        status, page = await nurse.get("/insight/satisfaction/comments?length=3")
        assert (status, page.count("等太久了")) == (200, 50)
    async with database.read() as session:
        reads = (await session.scalars(select(AuditRow).where(AuditRow.action == "read"))).all()
    assert len(reads) == 50
