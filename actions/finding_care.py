"""Which department, which doctor. Informs and routes; never diagnoses."""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar

from actions import say
from actions.appointments.patterns import SAME_DOCTOR
from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.appointments import slots
from care.hospital import service as hospital
from care.hospital.gazetteer import fold
from care.hospital.models import HealthcareService, Practitioner
from care.patients import family
from care.patients import service as patients
from channels.reply import Option
from channels.wording.labels import label
from language.triage import Suggestion, by_meaning, triage

MOST_QUESTIONS = 3
"""Clarifying questions before the advice."""
SMS_QUESTIONS = frozenset({"breathless"})
"""Questions with an approved template of their own; by SMS the others are left out and the advice given at once."""
SURE = 0.25
"""Triage's confidence from which a department is named at all."""
_WANTING = re.compile(r"[我想要挂看约预个下一帮去到的号吧，,。.!！]*")
"""What may stand around a department's name when it is simply wanted."""


class AdviseDepartment(BanyiAction):
    """`find_department`, `describe_symptom`: up to three departments with a reason, leading into booking."""

    action: ClassVar[str] = "action_advise_department"

    async def prepare(self, turn_text: str) -> None:
        if turn_text:
            await asyncio.to_thread(by_meaning, turn_text, self.services.ear)  # the embedding is remembered

    async def act(self, turn: Turn) -> None:
        text = turn.text or str(turn.params.get("text", ""))
        if not text:
            turn.say("advice.tell_more")
            return
        if turn.heard_in is None and await self._names_one(turn, text):
            turn.follow_with("action_booking_start")  # nothing to advise: they know where they want to go
            return
        age, sex = await self._about(turn, text)
        advice = await asyncio.to_thread(triage, text, age=age, sex=sex, ear=self.services.ear)
        asked = [str(one) for one in turn.params.get("asked") or []]
        question = advice.question
        may_ask = turn.heard_in is None and len(asked) < MOST_QUESTIONS
        if turn.is_sms and question is not None and question.id not in SMS_QUESTIONS:
            may_ask = False
        if question is not None and may_ask and question.id not in asked:
            options = [
                Option(
                    id=f"{question.id}-{n}",
                    label=one.text,
                    intent="describe_symptom",
                    params={
                        "text": f"{text} {one.add}",
                        "said": str(turn.params.get("said") or text),
                        "asked": [*asked, question.id],
                    },
                )
                for n, one in enumerate(question.options, 1)
            ]
            turn.say(
                "advice.question", *options, question=question.text, sms_key=f"advice.question.{question.id}"
            )
            return
        if not advice.departments or advice.confidence < SURE:
            turn.say("advice.unsure", way_to("request_human", label("nurse")))
            return
        if advice.departments[0].name == EMERGENCY:
            turn.say("advice.emergency_department", way_to("request_human", label("nurse")))
            return
        ours: list[HealthcareService] = []
        for one in advice.departments[:3]:
            for found in (await hospital.departments_of_standard(turn.session, one.name))[:1]:
                if found not in ours and found.kind == "clinic":
                    ours.append(found)
        if not ours:
            turn.say("advice.unsure", way_to("request_human", label("nurse")))
            return
        first, others = ours[0], ours[1:]
        options = [
            way_to(
                "book_appointment",
                label("book_department", department=self._name(turn, first)),
                department_id=first.id.hex,
            )
        ]
        options += [
            way_to(
                "book_appointment",
                label("department_only", department=self._name(turn, one)),
                department_id=one.id.hex,
            )
            for one in others
        ]
        options = [type(o)(f"{o.id}-{n}", o.label, o.intent, o.params) for n, o in enumerate(options)]
        turn.say(
            "advice.departments",
            *options,
            way_to("request_human", label("nurse")),
            first=first.name,
            reason=self._reason(turn, advice.departments[0]),
            others="".join(f"，也可以看{one.name}" for one in others[:1]),
            also="".join(f"也可以先到{one}。" for one in advice.also),
            place=hospital.spoken_place(first, private=True),
        )

    @staticmethod
    def _reason(turn: Turn, best: Suggestion) -> str:
        """Why, in the patient's own words: not in those of an option they picked."""
        said = str(turn.params.get("said", ""))
        own = {one.name: one.reason for one in triage(said).departments} if said else {}
        return own.get(best.name, best.reason)

    async def _names_one(self, turn: Turn, text: str) -> bool:
        """Whether `text` is hardly more than the name of one department ("挂眼科")."""
        found = (await self.services.gazetteer.get(turn.session)).find_departments(text)
        if len(found) != 1:
            return False
        folded = fold(text)
        return _WANTING.fullmatch(folded[: found[0].start] + folded[found[0].end :]) is not None

    def _name(self, turn: Turn, department: HealthcareService) -> str:
        return hospital.spoken_place(department, private=turn.is_sms)

    async def _about(self, turn: Turn, text: str) -> tuple[int | None, str | None]:
        """Age and sex of the person spoken of, where we know who that is."""
        linked = await patients.patients_of_contact(turn.session, turn.contact.id)
        meant = family.meant(text, linked)
        if family.mentioned(text) is None and not meant:
            meant = [one for one in linked if one.relation == "self"]
        if len(meant) != 1:
            return None, None
        patient = meant[0].patient
        return patients.age(patient, self.services.clock.local(turn.now).date()), patient.sex


EMERGENCY = "急诊科"


class AskDoctor(BanyiAction):
    """`ask_doctor`: who it is, what they treat, when they have free places."""

    action: ClassVar[str] = "action_ask_doctor"

    async def act(self, turn: Turn) -> None:
        gazetteer = await self.services.gazetteer.get(turn.session)
        chosen = str(turn.params.get("practitioner_id", ""))
        if chosen:
            found = [row for row in gazetteer.practitioners.values() if row.id.hex == chosen]
            return await self._one(turn, found[0]) if found else turn.say("doctor.unknown")
        if SAME_DOCTOR.search(turn.text) and gazetteer.find_practitioner(turn.text) is None:
            return turn.follow_with("action_booking_start")  # who it was is looked up there
        department = gazetteer.find_department(turn.text)
        match = gazetteer.find_practitioner(turn.text, department.department.id if department else None)
        if match is not None and len(match.candidates) == 1:
            return await self._one(turn, match.candidates[0])
        if match is not None:
            options = [
                way_to("ask_doctor", self._line(gazetteer.departments, row), practitioner_id=row.id.hex)
                for row in match.candidates[:4]
            ]
            options = [type(o)(f"{o.id}-{n}", o.label, o.intent, o.params) for n, o in enumerate(options)]
            turn.say("doctor.several", *options)
            return None
        if department is not None:
            return await self._of_department(turn, department.department)
        turn.say("doctor.unknown", way_to("request_human", label("human")))

    @staticmethod
    def _line(departments: dict[object, HealthcareService] | dict, row: Practitioner) -> str:  # type: ignore[type-arg]
        return f"{row.name} {row.title} {departments[row.department_id].name}"

    async def _one(self, turn: Turn, doctor: Practitioner) -> None:
        department = await hospital.department(turn.session, doctor.department_id)
        halves = await slots.find_half_days(turn.session, now=turn.now, practitioner_id=doctor.id, limit=3)
        said = [say.day(half.first.day) + say.part_name(half.first.part) for half in halves]
        short = [say.day_short(half.first.day) + say.part_name(half.first.part) for half in halves[:2]]
        options = (
            [
                way_to(
                    "book_appointment", label("book_doctor", name=doctor.name), practitioner_id=doctor.id.hex
                )
            ]
            if halves
            else []
        )
        turn.say(
            "doctor.one" if halves else "doctor.one_full",
            *options,
            name=doctor.name,
            title=doctor.title,
            department=department.name if department else "",
            specialty=doctor.specialty,
            times="、".join(said),
            times_short="、".join(short),
        )

    async def _of_department(self, turn: Turn, department: HealthcareService) -> None:
        doctors = await slots.doctors_with_free_slots(
            turn.session, now=turn.now, department_id=department.id, limit=5
        )
        if not doctors:
            turn.say("doctor.unknown", way_to("request_human", label("human")))
            return
        turn.say(
            "doctor.of_department",
            way_to(
                "book_appointment",
                label("book_department", department=hospital.spoken_place(department, private=turn.is_sms)),
                department_id=department.id.hex,
            ),
            department=department.name,
            doctors="\n".join(f"· {row.name} {row.title}：{row.specialty}" for row in doctors),
            doctors_short="、".join(row.name for row in doctors[:4]),
        )
