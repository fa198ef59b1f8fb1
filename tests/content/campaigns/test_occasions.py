"""On an event, and by a date in the record, on a moved clock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from care.hospital.models import HealthcareService, Location
from care.patients.models import Condition
from care.records.models import Encounter, Pregnancy, Procedure
from content.campaigns.kinds import Anchor, Kind, Late
from content.campaigns.occasions import dated
from store import events
from tests.content.campaigns.ward import EVERYONE, Ward

DIAGNOSED: dict[str, Any] = {"kind": Kind.EVENT, "event_kind": "condition.diagnosed", "codes": ("E11",)}


async def _diagnosed(ward: Ward, patient: UUID, code: str = "E11.900", days: int = 0) -> None:
    async with ward.database.write("an event") as session:
        at = ward.clock.now() - timedelta(days=days)
        events.emit(session, patient, "condition.diagnosed", at, code=code)


async def _told(ward: Ward, campaign_id: UUID) -> set[UUID]:
    return {one.patient_id for one in await ward.recipients(campaign_id)}


async def test_an_event_is_answered_once(ward: Ward) -> None:
    """Others' events, other codes and people outside the audience are not."""
    [mine, other, late] = await ward.patients(3)
    outside = await ward.patient("I10.x00")
    await _diagnosed(ward, late, days=2)
    campaign_id = await ward.launched(await ward.plan(**DIAGNOSED))
    await ward.run()
    assert await ward.recipients(campaign_id) == []
    for patient, code in ((mine, "E11.900"), (mine, "E11.200"), (other, "I10.x00"), (outside, "E11.900")):
        await _diagnosed(ward, patient, code)
    await ward.run()
    await ward.deliver()
    await ward.run()
    found = await ward.recipients(campaign_id)
    assert [(one.patient_id, one.state) for one in found] == [(mine, "sent")]
    await _diagnosed(ward, mine)  # again within the days the first is good for
    await ward.run()
    assert await _told(ward, campaign_id) == {mine}
    assert (await ward.campaign(campaign_id)).state == "running"


async def test_an_event_of_days_ago_is_made_up_for_by_its_rule(ward: Ward) -> None:
    [two_days, five_days] = await ward.patients(2)
    plan = await ward.plan(**DIAGNOSED, late=Late.CATCH_UP, late_days=3)
    campaign_id = await ward.launched(plan)
    await ward.run()
    await _diagnosed(ward, two_days, days=2)
    await _diagnosed(ward, five_days, days=5)
    await ward.run()
    assert await _told(ward, campaign_id) == {two_days}


async def test_days_after_the_event_at_an_hour(ward: Ward) -> None:
    [patient] = await ward.patients(1)
    campaign_id = await ward.launched(await ward.plan(**DIAGNOSED, offset_days=2, at_time="09:30"))
    await ward.run()
    await _diagnosed(ward, patient)
    await ward.run()
    [one] = await ward.recipients(campaign_id)
    assert ward.clock.local(one.planned_at).strftime("%m-%d %H:%M") == "11-24 09:30"
    assert await ward.states(campaign_id) == {"planned": 1}
    ward.at("2026-11-24T09:30")
    await ward.run()
    assert await ward.states(campaign_id) == {"queued": 1}


async def _operated(ward: Ward, patient: UUID, day: date, status: str = "completed") -> None:
    async with ward.database.write("an operation") as session:
        row = Procedure(patient_id=patient, code="81.5400", display="-", status=status, performed_date=day)
        session.add(row)


async def test_days_after_a_date_in_the_record(ward: Ward) -> None:
    """Seven days after the operation, at ten; what is loaded the same day later is seen the same day."""
    today = ward.clock.local().date()
    [seven, six, loaded_later] = await ward.patients(3)
    await _operated(ward, seven, today - timedelta(days=7))
    await _operated(ward, six, today - timedelta(days=6))
    plan = await ward.plan(
        EVERYONE, kind=Kind.RELATIVE, anchor=Anchor.SURGERY, offset_days=7, at_time="10:00", codes=("81.5",)
    )
    campaign_id = await ward.launched(plan)
    await ward.run()
    assert await ward.recipients(campaign_id) == []
    ward.at("2026-11-22T10:00")
    await ward.run()
    assert await _told(ward, campaign_id) == {seven}
    await _operated(ward, loaded_later, today - timedelta(days=7))
    ward.at("2026-11-22T11:01")
    await ward.run()
    assert await _told(ward, campaign_id) == {seven, loaded_later}
    ward.at("2026-11-23T10:00")
    await ward.run()
    assert await _told(ward, campaign_id) == {seven, loaded_later, six}
    assert {one.occurrence for one in await ward.recipients(campaign_id)} == {20261115, 20261116}


@pytest.mark.parametrize(("late", "days", "caught"), [(Late.SKIP, 0, False), (Late.CATCH_UP, 4, True)])
async def test_a_date_that_became_known_late(ward: Ward, late: Late, days: int, caught: bool) -> None:
    """Three days before a planned operation, which was written down only the day before it."""
    [patient] = await ward.patients(1)
    plan = await ward.plan(
        EVERYONE, kind=Kind.RELATIVE, anchor=Anchor.PLANNED_SURGERY, offset_days=-3, at_time="09:00",
        late=late, late_days=days,
    )  # fmt: skip
    campaign_id = await ward.launched(plan)
    ward.at("2026-11-24T09:00")
    await _operated(ward, patient, ward.clock.local().date() + timedelta(days=1), "planned")
    await ward.run()
    assert await _told(ward, campaign_id) == ({patient} if caught else set())


async def test_every_date_of_the_record(ward: Ward) -> None:
    """Each anchor finds the one patient of that day, and nobody of the day before."""
    today = ward.clock.local().date()
    before = today - timedelta(days=1)
    by_anchor = {one: (await ward.patient(days=500), await ward.patient(days=500)) for one in Anchor}
    async with ward.database.write("records") as session:
        place = Location(building="门诊楼", floor=1, place="门诊楼1层", campus="", area="")
        session.add(place)
        await session.flush()
        department = HealthcareService(
            code="endocrinology", name="内分泌科", location_id=place.id, standard="内分泌科", aliases=[], place="门诊楼1层",
            room="", phone_ext="", kind="clinic", sensitive=False, intro="", position=0, active=True,
        )  # fmt: skip
        session.add(department)
        await session.flush()
        for anchor, people in by_anchor.items():
            for patient, day in zip(people, (today, before), strict=True):
                session.add(_record(anchor, patient, day, department.id))
    async with ward.database.read() as session:
        for anchor, (mine, _) in by_anchor.items():
            found = set(await session.scalars(dated(anchor, today)))
            assert mine in found, anchor
            assert not found & {of_before for _, of_before in by_anchor.values()}, anchor


def _record(anchor: Anchor, patient: UUID, day: date, department: UUID) -> Any:
    who: dict[str, Any] = {"patient_id": patient}
    stay = {**who, "kind": "inpatient", "department_id": department}
    match anchor:
        case Anchor.DIAGNOSIS:
            return Condition(**who, code="I10.x00", display="-", recorded_date=day)
        case Anchor.SURGERY | Anchor.PLANNED_SURGERY:
            status = "planned" if anchor is Anchor.PLANNED_SURGERY else "completed"
            return Procedure(**who, code="81.5400", display="-", status=status, performed_date=day)
        case Anchor.ADMISSION:
            return Encounter(**stay, start_date=day)
        case Anchor.DISCHARGE:
            return Encounter(**stay, start_date=day - timedelta(days=9), end_date=day)
        case Anchor.VISIT:
            return Encounter(**{**stay, "kind": "outpatient"}, start_date=day, end_date=day)
        case Anchor.LMP:
            return Pregnancy(**who, lmp_date=day)
        case Anchor.DUE:
            return Pregnancy(**who, lmp_date=day - timedelta(days=280))
        case Anchor.BIRTH:
            return Pregnancy(**who, lmp_date=day - timedelta(days=270), ended_date=day, outcome="birth")
