"""Facts of other systems: once, in any order, corrected, taken back, and told on the timeline at their own time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.observations.models import Observation
from care.observations.reading import Reading
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientStatus
from care.records.models import Encounter, EncounterKind, Procedure
from care.reports.models import DiagnosticReport, ReportCategory, ReportStatus
from care.systems import taking
from care.systems.taking import (
    ConditionFact,
    EncounterFact,
    Outcome,
    PatientFact,
    ProcedureFact,
    ReportFact,
    Taken,
    Unusable,
)
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World

HIS = "his"
SAID = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ADMITTED = datetime(2026, 11, 17, 1, 30, tzinfo=UTC)
DISCHARGED = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
Say = Callable[..., Awaitable[Taken]]


@pytest.fixture
def say(database: Database, clock: VirtualClock) -> Say:
    """Tells the door one thing in a transaction of its own: `say(taking.take_encounter, fact)`."""

    async def tell(door: Any, *fact: Any) -> Taken:
        async def work(session: AsyncSession) -> Taken:
            taken: Taken = await door(session, HIS, *fact, clock.now())
            return taken

        return await database.transact(work, "a fact")

    return tell


def wang(**changes: Any) -> PatientFact:
    fact = PatientFact("P1", SAID, "D0000001", "王秀兰", "female", date(1964, 3, 12), "19900000001")
    return replace(fact, **changes)


def stay(world: World, **changes: Any) -> EncounterFact:
    fact = EncounterFact("V1", SAID, world.wang, EncounterKind.INPATIENT, "眼科", started_at=ADMITTED)
    return replace(fact, **changes)


async def told(database: Database, *kinds: str) -> list[tuple[str, datetime]]:
    async with database.read() as session:
        rows = await session.scalars(
            select(PatientEvent).where(PatientEvent.kind.in_(kinds)).order_by(PatientEvent.id)
        )
        return [(row.kind, row.at) for row in rows]


async def count(database: Database, table: Any) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_patient_is_made_once_and_an_older_message_changes_nothing(
    database: Database, world: World, say: Say
) -> None:
    new = wang(external_id="P9", record_number="N0000009", name="陈建国", sex="male", phone=None)
    assert (await say(taking.take_patient, new)).outcome == Outcome.NEW
    assert (await say(taking.take_patient, new)).outcome == Outcome.SAME
    later = replace(new, name="陈建军", as_of=SAID + timedelta(hours=2))
    assert (await say(taking.take_patient, later)).outcome == Outcome.CHANGED
    between = replace(new, name="陈建业", as_of=SAID + timedelta(hours=1))
    taken = await say(taking.take_patient, between)
    assert taken.outcome == Outcome.STALE
    async with database.read() as session:
        row = await session.get_one(Patient, taken.patient_id)
        assert row.name == "陈建军"
        assert [one.id for one in await patients.search(session, "建军")] == [row.id]
        subject = f"patient:{row.id}"
        trail = await session.scalars(
            select(AuditRow.action).where(AuditRow.subject == subject).order_by(AuditRow.id)
        )
        assert list(trail) == ["patient.new", "patient.changed"]


async def test_a_known_record_number_is_the_same_person_and_empty_fields_are_left_alone(
    database: Database, world: World, say: Say
) -> None:
    taken = await say(taking.take_patient, wang(phone=None, birth_date=None))
    assert (taken.outcome, taken.patient_id) == (Outcome.SAME, world.wang)
    bad = await say(taking.take_patient, wang(phone="12345", as_of=SAID + timedelta(hours=1)))
    assert bad.remarks == ("phone",)
    async with database.read() as session:
        assert (await session.get_one(Patient, world.wang)).phone == "+8619900000001"
    await say(
        taking.take_patient, wang(phone=None, cleared=frozenset({"phone"}), as_of=SAID + timedelta(days=1))
    )
    async with database.read() as session:
        row = await session.get_one(Patient, world.wang)
        assert (row.phone, row.phone_hash, row.phone_last4_hash) == (None, None, None)


async def test_nobody_is_guessed(world: World, say: Say) -> None:
    await say(taking.take_patient, wang())
    with pytest.raises(Unusable, match="two_patients"):
        await say(taking.take_patient, wang(record_number="D0000002", as_of=SAID + timedelta(hours=1)))
    for wrong in (
        wang(external_id=""),
        wang(external_id="X", record_number=" "),
        wang(external_id="N9", record_number="N9", name="  "),
    ):
        with pytest.raises(Unusable):
            await say(taking.take_patient, wrong)


async def test_a_death_is_told_at_its_own_time_and_taken_back(
    database: Database, world: World, say: Say
) -> None:
    died = SAID - timedelta(days=1)
    await say(taking.take_patient, wang(status=PatientStatus.DIED, status_at=died))
    await say(taking.take_patient, wang(status=PatientStatus.ACTIVE, as_of=SAID + timedelta(hours=1)))
    async with database.read() as session:
        assert (await session.get_one(Patient, world.wang)).status == PatientStatus.ACTIVE
    assert [kind for kind, _ in await told(database, "patient.died", "patient.active")] == [
        "patient.died",
        "patient.active",
    ]
    assert (await told(database, "patient.died"))[0][1] == died


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 0, 1, 1, 2, 0), (1, 2, 0)])
async def test_a_stay_in_any_order_ends_the_same(
    database: Database, world: World, say: Say, order: tuple[int, ...]
) -> None:
    """Admission, discharge, the discharge's correction; twice, late, in front of each other."""
    facts = [
        stay(world),
        stay(world, ended_at=DISCHARGED - timedelta(days=1), as_of=SAID + timedelta(hours=1)),
        stay(world, ended_at=DISCHARGED, as_of=SAID + timedelta(hours=2)),
    ]
    for number in order:
        await say(taking.take_encounter, facts[number])
    async with database.read() as session:
        row = (await session.scalars(select(Encounter))).one()
        assert (row.start_date, row.end_date) == (date(2026, 11, 17), date(2026, 11, 20))
    kinds = [kind for kind, _ in await told(database, "encounter.admitted", "encounter.discharged")]
    assert sorted(kinds) == ["encounter.admitted", "encounter.discharged"]
    assert (await told(database, "encounter.admitted"))[0][1] == ADMITTED


async def test_a_discharge_is_taken_back_and_comes_again(database: Database, world: World, say: Say) -> None:
    hours = [SAID + timedelta(hours=one) for one in range(4)]
    await say(taking.take_encounter, stay(world, as_of=hours[0], ended_at=DISCHARGED))
    await say(taking.take_encounter, stay(world, as_of=hours[2], still_here=True))
    late = await say(taking.take_encounter, stay(world, as_of=hours[1], ended_at=DISCHARGED))
    assert late.outcome == Outcome.STALE
    async with database.read() as session:
        assert (await session.scalars(select(Encounter))).one().end_date is None
    await say(taking.take_encounter, stay(world, as_of=hours[3], ended_at=DISCHARGED + timedelta(hours=20)))
    kinds = ("encounter.admitted", "encounter.discharged", "encounter.discharge_cancelled")
    assert [kind for kind, _ in await told(database, *kinds)] == [
        "encounter.admitted",
        "encounter.discharged",
        "encounter.discharge_cancelled",
        "encounter.discharged",
    ]


async def test_a_cancelled_admission_takes_its_diagnoses_along_but_not_what_others_say(
    database: Database, world: World, say: Say
) -> None:
    await say(taking.take_encounter, stay(world))
    await say(
        taking.take_encounter,
        stay(
            world,
            external_id="V0",
            started_at=ADMITTED - timedelta(days=30),
            ended_at=ADMITTED - timedelta(days=20),
        ),
    )
    cataract = ConditionFact(
        "V1|H25.900", SAID, world.wang, "H25.900", "老年性白内障", ADMITTED, encounter="V1"
    )
    both = replace(cataract, external_id="V1|E11.900", code="E11.900", display="2型糖尿病")
    await say(taking.take_condition, cataract)
    await say(taking.take_condition, both)
    await say(taking.take_condition, replace(both, external_id="V0|E11.900", encounter="V0"))
    cut = ProcedureFact("V1|13.4100", SAID, world.wang, "13.4100", "白内障超声乳化", ADMITTED, "眼科", "V1")
    await say(taking.take_procedure, cut)
    later = SAID + timedelta(hours=1)
    assert (await say(taking.withdraw, "encounter", "V1", later)).outcome == Outcome.WITHDRAWN
    assert (await say(taking.withdraw, "encounter", "V1", later)).outcome == Outcome.SAME
    assert (await say(taking.take_encounter, stay(world))).outcome == Outcome.STALE
    assert (await say(taking.take_procedure, cut)).outcome == Outcome.STALE
    async with database.read() as session:
        assert list(await session.scalars(select(Condition.code))) == ["E11.900"]
    assert (await count(database, Encounter), await count(database, Procedure)) == (1, 0)
    gone = ("encounter.cancelled", "condition.removed", "procedure.removed")
    assert sorted(kind for kind, _ in await told(database, *gone)) == sorted(gone)
    await say(taking.withdraw, "condition", "V0|E11.900", later)
    assert await count(database, Condition) == 0, "who was left holding it may take it back"


async def test_a_cancellation_that_comes_first_keeps_the_admission_out(
    database: Database, world: World, say: Say
) -> None:
    await say(taking.withdraw, "encounter", "V1", SAID + timedelta(hours=1))
    assert (await say(taking.take_encounter, stay(world))).outcome == Outcome.STALE
    assert await count(database, Encounter) == 0


async def test_what_a_file_told_before_is_recognised_and_never_deleted(
    database: Database, world: World, say: Say, clock: VirtualClock
) -> None:
    async with database.write() as session:
        await patients.add_condition(
            session, world.wang, "I10.x00", "高血压", None, at=clock.now(), recorded=date(2020, 1, 5)
        )
    fact = ConditionFact("V1|I10.x00", SAID, world.wang, "I10.x00", "特发性高血压", ADMITTED)
    await say(taking.take_condition, fact)
    async with database.read() as session:
        assert (await session.scalars(select(Condition))).one().recorded_date == date(2020, 1, 5)
    await say(taking.withdraw, "condition", "V1|I10.x00", SAID + timedelta(hours=1))
    assert await count(database, Condition) == 1


async def test_a_code_corrected_under_the_same_identifier_replaces_the_wrong_one(
    database: Database, world: World, say: Say
) -> None:
    fact = ConditionFact("dx-1", SAID, world.wang, "H26.900", "白内障", ADMITTED)
    await say(taking.take_condition, fact)
    right = replace(fact, code="H25.900", display="老年性白内障", as_of=SAID + timedelta(hours=1))
    await say(taking.take_condition, right)
    async with database.read() as session:
        assert list(await session.scalars(select(Condition.code))) == ["H25.900"]
        rows = await session.scalars(select(PatientEvent).where(PatientEvent.kind.like("condition.%")))
        assert [(row.kind, row.data["code"]) for row in rows] == [
            ("condition.diagnosed", "H26.900"),
            ("condition.removed", "H26.900"),
            ("condition.diagnosed", "H25.900"),
        ]
    with pytest.raises(Unusable, match="icd10"):
        await say(taking.take_condition, replace(fact, external_id="dx-2", code="糖尿病"))


async def test_only_what_the_sender_still_lists_holds(database: Database, world: World, say: Say) -> None:
    await say(taking.take_encounter, stay(world))
    for code in ("H25.900", "E11.900", "I10.x00"):
        fact = ConditionFact(f"V1|{code}", SAID, world.wang, code, code, ADMITTED, encounter="V1")
        await say(taking.take_condition, fact)
    kept = frozenset({"V1|H25.900"})
    async with database.write() as session:
        later = SAID + timedelta(hours=1)
        assert await taking.withdraw_others(session, HIS, "condition", "V1", kept, later, later) == 2
    async with database.read() as session:
        assert list(await session.scalars(select(Condition.code))) == ["H25.900"]


async def test_an_operation_planned_then_done_is_told_once_on_its_day(
    database: Database, world: World, say: Say, clock: VirtualClock
) -> None:
    day = clock.now() + timedelta(days=2)
    fact = ProcedureFact("op-1", SAID, world.wang, "13.4100", "白内障超声乳化", day, "眼科")
    await say(taking.take_procedure, fact)
    assert await told(database, "procedure.performed") == []
    clock.freeze(day + timedelta(hours=1))
    for _ in range(2):
        await say(taking.take_procedure, replace(fact, as_of=day))
    assert await told(database, "procedure.performed") == [("procedure.performed", day)]


async def test_a_report_is_told_of_once_and_its_numbers_follow_its_corrections(
    database: Database, world: World, say: Say
) -> None:
    fact = ReportFact(
        "R1",
        SAID,
        world.wang,
        ReportCategory.LABORATORY,
        "空腹血糖",
        ReportStatus.FINAL,
        effective_at=ADMITTED,
        issued_at=SAID,
        readings=(Reading("1558-6", 9.1, "mmol/L"),),
    )
    assert (await say(taking.take_report, fact)).outcome == Outcome.NEW
    assert (await say(taking.take_report, fact)).outcome == Outcome.SAME
    again = replace(
        fact,
        as_of=SAID + timedelta(hours=1),
        status=ReportStatus.AMENDED,
        readings=(Reading("1558-6", 6.1, "mmol/L"),),
    )
    assert (await say(taking.take_report, again)).outcome == Outcome.CHANGED
    assert (await say(taking.take_report, fact)).outcome == Outcome.STALE
    async with database.read() as session:
        number = (await session.scalars(select(Observation))).one()
        assert (number.value, number.source, number.voided_at) == (6.1, "laboratory", None)
    assert len(await told(database, "report.issued")) == 1
    with pytest.raises(Unusable, match="other_patient"):
        await say(taking.take_report, replace(again, patient_id=world.zhang))
    await say(taking.withdraw, "report", "R1", SAID + timedelta(hours=2))
    async with database.read() as session:
        assert (await session.scalars(select(DiagnosticReport))).one().status == ReportStatus.CANCELLED
        assert (await session.scalars(select(Observation))).one().voided_at is not None


async def test_what_does_not_fit_says_why_and_whether_later_helps(world: World, say: Say) -> None:
    with pytest.raises(Unusable) as no_admission:
        await say(taking.take_encounter, stay(world, started_at=None, ended_at=DISCHARGED))
    assert (no_admission.value.code, no_admission.value.later) == ("no_admission", True)
    with pytest.raises(Unusable) as nowhere:
        await say(taking.take_encounter, stay(world, department="火星科"))
    assert (nowhere.value.code, nowhere.value.detail) == ("department", "火星科")
    with pytest.raises(Unusable, match="end_before_start"):
        await say(taking.take_encounter, stay(world, ended_at=ADMITTED - timedelta(days=2)))
