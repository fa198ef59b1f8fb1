"""A small hospital and a way to talk with a form without the engine: start, ask, read, ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments import DIALOGS, appointment_actions
from actions.base import BanyiAction, by_name
from actions.finding_care import AdviseDepartment, AskDoctor
from actions.forms import AskForm, StartForm, ValidateForm
from actions.services import Services
from actions.turn import Turn
from bot.plan import engine_text
from bot.resolve import pick
from care.appointments.models import Schedule
from care.appointments.slots import generate_slots
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from care.hospital.models import HealthcareService, Location, Practitioner
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.contacts import service as contacts
from channels.reply import Option, Reply
from channels.sms.template import count_parts
from channels.wording.catalogue import Catalogue
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id


@pytest.fixture
def services(database: Database, clock: VirtualClock) -> Services:
    """Appointments use neither the FAQ's search nor binding codes."""
    return Services(
        database=database,
        clock=clock,
        faq=cast("Any", None),
        articles=cast("Any", None),
        gazetteer=GazetteerCache(),
        duty_hours=DutyHours.parse("Mon-Fri 08:00-17:30"),
        codes=cast("Any", None),
        hospital_name="云江市示范医院",
        landline="0571-00000000",
        site="https://h.example",
    )


@dataclass(frozen=True, slots=True)
class World:
    """Ids of the small hospital's rows."""

    departments: dict[str, UUID]
    doctors: dict[str, UUID]
    people: dict[str, UUID]


PEOPLE = {
    "王秀兰": PatientData("D0000001", "王秀兰", "female", date(1964, 3, 12), "19900000001"),
    "李静": PatientData("D0000002", "李静", "female", date(1990, 7, 21), "19900000002"),
    "张伟": PatientData("D0000003", "张伟", "male", date(1981, 11, 2), "19900000003"),
    "赵小满": PatientData("D0000007", "赵小满", "male", date(2022, 5, 1), "19900000006"),
}
# Department, doctor, title, fee in fen, half-days (weekday from 0, morning?), places a slot of ten minutes.
CLINICS: list[tuple[str, str, str, int, list[tuple[int, bool]]]] = [
    ("眼科", "李敏", "副主任医师", 1800, [(1, True), (3, True)]),
    ("眼科", "赵强", "主治医师", 800, [(1, False), (4, False), (0, True)]),
    ("心血管内科", "周立新", "主任医师", 2800, [(0, True), (3, False)]),
    ("呼吸内科", "李建平", "主任医师", 2800, [(2, True)]),
    ("男科", "钱进", "主任医师", 2800, [(1, True)]),
    ("儿科", "何晓燕", "副主任医师", 1800, [(0, True), (2, False)]),
]


async def build(session: AsyncSession, clock: VirtualClock) -> World:
    """Six bookable departments and a walk-in one; slots of 10 minutes from 9:00 to 9:30 and 14:00 to 14:30."""
    departments: dict[str, UUID] = {}
    doctors: dict[str, UUID] = {}
    place = Location(building="门诊楼", floor=3, area="东", place="门诊楼3层东", campus="")
    session.add(place)
    await session.flush()
    extra: dict[str, dict[str, Any]] = {
        "眼科": {"aliases": ["眼科门诊"]},
        "心血管内科": {"aliases": ["心内科"]},
        "呼吸内科": {"aliases": ["内科"]},
        "男科": {"sensitive": True, "sex": "male", "min_age": 14},
        "儿科": {"max_age": 17},
        "发热门诊": {"kind": "walk_in", "standard": "感染科"},
    }
    for position, (name, more) in enumerate(extra.items()):
        values: dict[str, Any] = {
            "code": f"c{position}",
            "name": name,
            "standard": name,
            "aliases": [],
            "kind": "clinic",
            "location_id": place.id,
            "room": "301",
            "place": "门诊楼3层东",
            "phone_ext": "8307",
            "position": position,
            "active": True,
        }
        row = HealthcareService(**{**values, **more})
        session.add(row)
        await session.flush()
        departments[name] = row.id
    for number, (department, name, title, fee, halves) in enumerate(CLINICS):
        doctor = Practitioner(
            code=f"Y{number}",
            name=name,
            title=title,
            aliases=[],
            department_id=departments[department],
            active=True,
        )
        session.add(doctor)
        await session.flush()
        doctors[name] = doctor.id
        for weekday, morning in halves:
            session.add(
                Schedule(
                    practitioner_id=doctor.id,
                    department_id=doctor.department_id,
                    weekday=weekday,
                    part="morning" if morning else "afternoon",
                    starts=time(9, 0) if morning else time(14, 0),
                    ends=time(9, 30) if morning else time(14, 30),
                    slot_minutes=10,
                    capacity=1,
                    fee_fen=fee,
                    active=True,
                )
            )
    now = clock.now()
    people = {name: (await patients.create(session, data, now)).id for name, data in PEOPLE.items()}
    await session.flush()
    await generate_slots(session, clock)
    return World(departments, doctors, people)


@pytest.fixture
async def world(database: Database, clock: VirtualClock) -> World:
    async with database.write("build the test hospital") as session:
        return await build(session, clock)


FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000", "site": "https://h.example"}
WORDING = Path(__file__).parents[2] / "data" / "seed" / "wording"


@cache
def catalogue() -> Catalogue:
    """The shipped wording, all templates approved."""
    found = Catalogue(WORDING, FACTS)
    found.use_templates(found.sms_templates())
    return found


def readable(reply: Reply, channel: str) -> None:
    """Every reply has its words on its channel, with nothing left to fill in."""
    word = catalogue().wording(reply.key)
    wanted = {name for _, name, _, _ in Formatter().parse(word.wechat + word.tail) if name}
    assert wanted <= {*reply.params, *FACTS}, (reply.key, wanted)
    assert len({option.id for option in reply.options}) == len(reply.options)
    if channel == "wechat":
        assert len(reply.options) <= 5
        assert "  " not in catalogue().render_wechat(reply, None).text
        return
    assert len(reply.options) <= 4
    rendered = catalogue().render_sms(reply)
    assert rendered is not None, (reply.key, len(reply.options))
    assert "-" not in rendered.variables.values(), (reply.key, rendered.variables)
    assert count_parts(f"【云江示范医院】{rendered.text}") <= 2, rendered.text
    for option in reply.options:
        assert option.label in rendered.text or reply.key in HAND_NUMBERED, (reply.key, rendered.text)


HAND_NUMBERED = {"cancel.sure", "bind.needed"}
"""Templates that write their own numbers and words for the options."""

_STARTS = {
    "book_appointment": "action_booking_start",
    "cancel_appointment": "action_cancel_start",
    "reschedule_appointment": "action_reschedule_start",
    "check_appointment": "action_list_appointments",
    "ask_queue": "action_queue",
    "ask_doctor": "action_ask_doctor",
    "describe_symptom": "action_advise_department",
}


@dataclass
class Talk:
    """One contact talking: what the conversation and the engine do around the actions, in as few lines as can be."""

    services: Services
    address: str
    channel: str = "wechat"
    form: str | None = None
    offered: tuple[Option, ...] = ()
    said: list[Reply] = field(default_factory=list)
    led_to: list[str] = field(default_factory=list)

    @property
    def last(self) -> Reply:
        return self.said[-1]

    @property
    def labels(self) -> list[str]:
        return [option.label for option in self.last.options]

    async def say(self, text: str, intent: str = "book_appointment", confidence: float = 0.9) -> list[str]:
        """Say or tap `text`; the keys of the replies. Digits and labels choose among what was offered last."""
        option = pick(self.offered, text)
        if option is not None:
            self.offered = ()
            return await self._turn("", option.intent, 1.0, option.params)
        return await self._turn(engine_text(text), intent, confidence, {})

    async def tap(self, intent: str, **params: Any) -> list[str]:
        """An option of another capability."""
        return await self._turn("", intent, 1.0, params)

    async def _turn(self, text: str, intent: str, confidence: float, params: dict[str, Any]) -> list[str]:
        services = self.services
        plain = by_name([*appointment_actions(services), AskDoctor(services), AdviseDepartment(services)])
        actions: dict[str, BanyiAction] = dict(plain)
        for dialog in DIALOGS:
            for action in (
                StartForm(services, dialog),
                AskForm(services, dialog),
                ValidateForm(services, dialog, plain),
            ):
                actions[action.name()] = action
        self.said = []
        heard_in = self.form
        async with services.database.write("a test's turn") as session:
            now = services.clock.now()
            contact, conversation = await contacts.ensure(session, self.channel, "acc", self.address, now)

            async def run(name: str) -> Turn:
                turn = Turn(
                    session=session,
                    services=services,
                    contact=contact,
                    conversation=conversation,
                    inbound_id=new_id(),
                    text=text,
                    intent=intent,
                    confidence=confidence,
                    ranking=[],
                    params=params,
                    now=now,
                    heard_in=f"{heard_in}_form" if heard_in else None,
                )
                await actions[name].act(turn)
                self.said += turn.replies
                return turn

            queue = [f"validate_{self.form}_form"] if self.form else [_STARTS[intent]]
            while queue:
                turn = await run(name := queue.pop(0))
                follow = [event["name"] for event in turn.events if event["event"] == "followup"]
                left = any(event.get("name") == "requested_slot" for event in turn.events)
                if left:
                    self.form = None
                for target in follow:
                    if target.endswith("_form"):
                        self.form = target.removesuffix("_form")
                        queue.append(f"action_ask_{target}_answer")
                    else:
                        self.led_to.append(target)
                        queue += [target] if target in actions else []
                if name.startswith("validate_") and not left:
                    queue.append(f"action_ask_{self.form}_form_answer")
        for reply in self.said:
            readable(reply, self.channel)
        asked = [reply for reply in self.said if reply.options]
        if asked:
            self.offered = asked[-1].options
        return [reply.key for reply in self.said]


@pytest.fixture
def talker(services: Services, world: World) -> Any:
    """Make a `Talk` for a contact bound to the named people: `await talker(李静="self", 王秀兰="mother")`."""

    async def make(channel: str = "wechat", **relations: str) -> Talk:
        address = "+8619900000002" if channel == "sms" else "oTest_0000000000000001"
        async with services.database.write("bind") as session:
            now = services.clock.now()
            contact, _ = await contacts.ensure(session, channel, "acc", address, now)
            for name, relation in relations.items():
                await patients.link_contact(
                    session, world.people[name], contact.id, Relation(relation), at=now
                )
        return Talk(services, address, channel)

    return make
