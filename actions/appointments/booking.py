"""Booking and moving an appointment: one conversation, read as the patient speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from actions.appointments import asking, browsing, flow, patterns, search, taking, waiting, words
from actions.appointments.picking import changeable, movable, names_something, narrow, unbound
from actions.appointments.reading import (
    Wish,
    find_wish,
    naming,
    part_at,
    says_no,
    says_quit,
    says_yes,
    split_change,
)
from actions.appointments.state import (
    CONFIRM,
    DATE,
    DEPARTMENT,
    DOCTOR,
    SURE,
    WHEN,
    WHICH,
    WHO,
    WHO_SURE,
    State,
)
from actions.forms import INSIDE, SMALL, Dialog
from actions.forms import SURE as SURE_ENOUGH
from actions.turn import Turn, way_to
from care.appointments import drafts, slots
from care.appointments.models import Part
from care.appointments.rules import RULES
from care.appointments.views import AppointmentView, Refused, Why
from care.hospital import service as hospital
from care.hospital.models import HealthcareService
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from channels.wording.labels import label
from language.normalise import fold

FIRM = 0.6
"""Triage's confidence from which its first department is asked about rather than a list shown."""
_MYSELF = frozenset({"我", "自己", "我的", "本人", "我自己", "给我"})
_NO_ANSWER = frozenset({*INSIDE, *SMALL}) | {
    "request_human",
    "complain",
    "help",
    "my_data",
    "delete_my_data",
    "start_questionnaire",
}
"""Intents that are something else than an answer, when more was said than an answer holds."""
MUCH = 4
"""So many characters that say nothing of booking make a message something else, whatever its intent."""
_ON_TOPIC = frozenset({"book_appointment", "reschedule_appointment", "find_department", "describe_symptom"})
_SIGNS = {
    "cancel_appointment": re.compile(r"退|取消|撤|不去|不来|不要了|不看了|去不了|来不了"),
    "check_appointment": re.compile(r"我"),
    "ask_queue": re.compile(r""),
}
"""Words with which these intents are believed even if all the rest could be an answer."""

Linked = Sequence[LinkedPatient]


class BookingDialog(Dialog):
    """Who, which department or doctor, when; a free slot held; confirmed. `replaces_id` makes it a move."""

    name: ClassVar[str] = "booking"
    leads_out: ClassVar[Mapping[str, str]] = {
        "cancel_appointment": "action_cancel_start",
        "reschedule_appointment": "action_reschedule_start",
        "bind_patient": "action_bind_start",
        "rate_service": "action_rate_start",
        "start_questionnaire": "action_questionnaire_start",
        "my_data": "action_my_data",
        "delete_my_data": "action_delete_my_data",
    }

    # --- beginning ---

    async def start(self, turn: Turn) -> None:
        if await self._begin(turn, await flow.linked_patients(turn)):
            turn.start_form(self.name)

    async def _begin(self, turn: Turn, linked: Linked) -> bool:
        if not linked:
            unbound(turn)
            return False
        if (entry_id := _uuid(turn.params.get("entry_id"))) is not None:
            return await self._waited(turn, linked, entry_id)
        state = await State.open(turn)
        department = await self._from_params(turn, state, linked)
        if state.row.patient_id is not None and (slot_id := _uuid(turn.params.get("slot_id"))) is not None:
            return await flow.take_offered(turn, state, linked, slot_id)
        wish = await self._wish(turn, turn.text, linked, department)
        if state.row.patient_id is None and not wish.people and wish.relation is None and len(linked) == 1:
            taking.set_person(state, linked[0])
        if department is not None and department.kind != "clinic" and wish.department is None:
            wish.department = department  # walk-in: said so, not booked
        nothing = wish.department is None and not wish.doctors and not wish.generic and department is None
        if nothing and wish.left:
            if len(wish.people) == 1:  # triage asks for age and sex
                state.data["candidate"] = wish.people[0].patient.id.hex
            # One firm department is only taken where the question "for whom?" says it back.
            relative = len(wish.people) == 1 and wish.people[0].relation != Relation.SELF and not wish.by_name
            await taking.suggest_from(turn, state, turn.text, linked, firmly=FIRM if relative else 2.0)
            state.data.pop("candidate", None)
        return await taking.take(turn, state, wish, linked, first=True)

    async def _waited(self, turn: Turn, linked: Linked, entry_id: UUID) -> bool:
        """An answer to the waiting list: the place that was kept, or no more of it."""
        entry = await waiting.answered(turn, linked, entry_id)
        if entry is None:
            turn.say("waitlist.over_already", way_to("book_appointment", label("book")), what="")
            return False
        if turn.params.get("leave"):
            await waiting.leave(turn, entry)
            return False
        return await waiting.accept(turn, await State.open(turn), linked, entry)

    async def _from_params(self, turn: Turn, state: State, linked: Linked) -> HealthcareService | None:
        """What an option that led here says: `department_id`, `practitioner_id`, `standard`, `patient_id` (and, for who, `slot_id`)."""
        gazetteer = await turn.services.gazetteer.get(turn.session)
        for one in linked:
            if one.patient.id.hex == turn.params.get("patient_id"):
                taking.set_person(state, one)
        department: HealthcareService | None = None
        if (standard := turn.params.get("standard")) is not None:
            department = next(iter(await hospital.departments_of_standard(turn.session, str(standard))), None)
        if (department_id := _uuid(turn.params.get("department_id"))) is not None:
            department = gazetteer.departments.get(department_id)
        doctor_id = _uuid(turn.params.get("practitioner_id"))
        doctor = gazetteer.practitioners.get(doctor_id) if doctor_id else None
        if doctor is not None:
            state.row.practitioner_id = doctor.id
            department = gazetteer.departments.get(doctor.department_id)
        if department is not None and department.kind == "clinic":
            state.row.department_id = department.id
        return department

    async def start_move(self, turn: Turn) -> None:
        """Begin by picking the appointment to be moved, from the text or `params["appointment_id"]`."""
        found = await changeable(turn)
        if found is None:
            return
        linked, views = found
        state = await State.open(turn)
        old, new = split_change(turn.text)
        wish = await self._wish(turn, naming(old), linked, None)
        chosen = _uuid(turn.params.get("appointment_id"))
        wanted = (
            [view for view in views if view.appointment_id == chosen] if chosen else narrow(turn, views, wish)
        )
        if not wanted and not new and len(views) == 1 and wish.has_time:
            # "改到" was left out: the time said is no appointment's, so it is the new one.
            wanted, new = list(views), old
        if (wish.earlier or wish.later) and not new:
            new = old
        wanted = wanted or list(views)
        state.data["new"] = f"改到{new}" if new and new != old else new
        state.save()
        if len(wanted) == 1:
            if await self._move(turn, state, linked, wanted[0]):
                turn.start_form(self.name)
            return
        state.remember("which", [view.appointment_id for view in wanted])
        state.go(WHICH)
        state.save()
        turn.start_form(self.name)

    async def _move(self, turn: Turn, state: State, linked: Linked, view: AppointmentView) -> bool:
        if view.start - turn.now < RULES.cancel_until:
            return await flow.refused(turn, state, linked, Refused(Why.TOO_LATE, view.appointment_id), None)
        row = state.row
        row.patient_id, row.replaces_id = view.patient_id, view.appointment_id
        row.department_id, row.practitioner_id = view.department_id, view.practitioner_id
        new = str(state.data.pop("new", "") or "")
        department = await hospital.department(turn.session, view.department_id)
        return await taking.take(turn, state, await self._wish(turn, new, linked, department), linked)

    # --- asking ---

    async def ask(self, turn: Turn) -> None:
        linked = await flow.linked_patients(turn)
        state = await State.load(turn)
        if state is None or state.step not in _STEPS or not linked:
            if not await self._begin(turn, linked):
                turn.leave_form()
                return
            state = await State.load(turn)
        if state is None:
            turn.leave_form()
            return
        if state.step == CONFIRM and await search.held(turn.session, state.row.hold_id) is None:
            await flow.offer(turn, state, linked, "expired")
            state.save()
        await asking.ask(turn, state, linked)

    # --- answers ---

    async def choose(self, turn: Turn, answer: str) -> bool:
        linked = await flow.linked_patients(turn)
        state = await State.load(turn)
        if state is None:
            return False
        kind, _, value = answer.partition(":")
        if kind == "quit":
            await self.quit(turn)
            return True
        state.mark()
        open_ = await self._chosen(turn, state, linked, kind, value)
        if open_ is None:
            return False
        self._after(turn, open_)
        return True

    async def _chosen(self, turn: Turn, state: State, linked: Linked, kind: str, value: str) -> bool | None:
        """Whether the dialogue goes on; None for an option that means nothing here."""
        wish = Wish()
        match kind:
            case "who" | "who_yes":
                wanted = state.one_id("candidate") if kind == "who_yes" else _uuid(value)
                one = next((one for one in linked if one.patient.id == wanted), None)
                if one is None:
                    return None
                taking.set_person(state, one)
            case "other_person":
                state.data.pop("candidate", None)
                wish.other_person = True
            case "other_department":
                if state.step == WHO_SURE and (one_id := state.one_id("candidate")) is not None:
                    taking.set_person(
                        state, next((one for one in linked if one.patient.id == one_id), linked[0])
                    )
                wish.other_department = True
            case browsing.GROUP:
                return browsing.turn_to(state, value) or None
            case "dept":
                gazetteer = await turn.services.gazetteer.get(turn.session)
                wish.department = gazetteer.departments.get(_uuid(value) or UUID(int=0))
            case "doc":
                gazetteer = await turn.services.gazetteer.get(turn.session)
                doctor = gazetteer.practitioners.get(_uuid(value) or UUID(int=0))
                wish.doctors = (doctor,) if doctor else ()
            case "any_doctor":
                wish.any_doctor = True
            case "which_doctor":
                wish.other_doctor = True
            case "other_time":
                wish.other_time = True
            case "other_date":
                state.data["after"] = value
                state.go(DATE)
                state.save()
                return True
            case "day":
                day = datetime.combine(date.fromisoformat(value), time())
                wish.start, wish.end = day, day + timedelta(days=1)
            case "sure_yes" | "sure_no":
                return await self._sure(turn, state, linked, kind == "sure_yes")
            case "sure_instead":
                return await self._instead(turn, state, linked)
            case "slot":
                return await self._pick(turn, state, linked, _uuid(value))
            case "waitlist":
                return await waiting.join(turn, state, linked)
            case "keep":
                state.go(CONFIRM)
                state.save()
                return True
            case "confirm":
                return await flow.confirm(turn, state, linked)
            case "appt":
                views = [view for view in await movable(turn, linked) if view.appointment_id == _uuid(value)]
                return await self._move(turn, state, linked, views[0]) if views else None
            case _:
                return None
        if kind == "dept" and wish.department is None:
            return None
        if kind == "doc" and not wish.doctors:
            return None
        return await taking.take(turn, state, wish, linked)

    async def _pick(self, turn: Turn, state: State, linked: Linked, slot_id: UUID | None) -> bool | None:
        if slot_id is None or state.row.patient_id is None:
            return None
        if state.data.get("timed"):
            exact = await slots.slot(turn.session, slot_id)
            return await flow.hold(turn, state, linked, exact) if exact is not None else None
        kept = await search.held(turn.session, state.row.hold_id)
        half = await search.half_day_of(turn, slot_id)
        asked = await slots.slot(turn.session, slot_id)
        if (
            kept is not None
            and asked is not None
            and state.clock is None
            and words.same_half_day(kept, asked)
        ):
            state.go(CONFIRM)
            state.save()
            return True
        if half is None:
            return await flow.refused(turn, state, linked, Refused(Why.FULL), asked)
        return await flow.hold(turn, state, linked, await search.slot_in(turn, half, state.clock))

    async def _sure(self, turn: Turn, state: State, linked: Linked, yes: bool) -> bool | None:
        pending = state.data.pop("sure", None)
        if pending is None:
            return None
        if not yes:
            return await flow.advance(turn, state, linked, "say_again")
        return await taking.take(turn, state, _pending(pending), linked)

    async def _instead(self, turn: Turn, state: State, linked: Linked) -> bool | None:
        pending = state.data.pop("sure", None)
        if pending is None or not pending.get("instead") or not pending.get("start"):
            return None
        wish, days = _pending(pending), timedelta(days=int(pending["instead"]))
        wish.start, wish.end = (one + days if one is not None else None for one in (wish.start, wish.end))
        return await taking.take(turn, state, wish, linked)

    async def read(self, turn: Turn) -> bool:
        linked = await flow.linked_patients(turn)
        state = await State.load(turn)
        if state is None:
            self._after(turn, await self._begin(turn, linked))
            return True
        if says_quit(turn.text):
            await self.quit(turn)
            return True
        row = state.row
        department = await hospital.department(turn.session, row.department_id) if row.department_id else None
        wish = await self._wish(turn, turn.text, linked, department)
        if state.step == WHO and fold(turn.text) in _MYSELF:
            wish.people = [one for one in linked if one.relation == Relation.SELF]
        if state.step == WHO and not wish.people:
            wish.people = _by_age(turn.text, [one for one in linked if one.patient.id in state.ids("who")])
        if state.step == CONFIRM == state.came_from and patterns.THE_ONE_BEFORE.search(turn.text):
            await self.back(turn)
            return True
        state.mark()
        open_ = await self._plain_answer(turn, state, linked, wish)
        if open_ is None:
            open_ = await self._wished(turn, state, linked, wish)
        if open_ is None and await self._about_this_one(turn, state, linked):
            return True
        if open_ is None:
            return False
        self._after(turn, open_)
        return True

    async def _plain_answer(self, turn: Turn, state: State, linked: Linked, wish: Wish) -> bool | None:
        """Yes, no, "any", an appointment named: what only this step understands."""
        short = wish.empty and len(turn.text) <= 8
        # A booking or a person is confirmed in so many words: gibberish can look like a yes to the engine.
        yes = says_yes(turn.text)
        if state.step not in ("confirm", "who_sure"):
            yes = yes or (short and turn.intent == "affirm" and turn.confidence >= SURE_ENOUGH)
        no = says_no(turn.text) or (short and turn.intent == "deny" and turn.confidence >= SURE_ENOUGH)
        if patterns.KEEPS.search(turn.text) and not wish.has_time:
            if await search.held(turn.session, state.row.hold_id) is not None:
                return await self._chosen(turn, state, linked, "keep", "")
            if state.row.replaces_id is not None or state.step == WHICH:
                await self.quit(turn)
                return True
        match state.step:
            case "department" if yes and len(suggested := state.ids("suggest")) == 1:
                return await self._chosen(turn, state, linked, "dept", suggested[0].hex)
            case "when" if patterns.WAITS.search(turn.text) and state.data.get("missed"):
                return await waiting.join(turn, state, linked)
            case "confirm" if yes:
                return await self._chosen(turn, state, linked, "confirm", "")
            case "confirm" if no:
                return await self._chosen(turn, state, linked, "other_time", "")
            case "who_sure" if yes:
                return await self._chosen(turn, state, linked, "who_yes", "")
            case "who_sure" if no:
                return await self._chosen(turn, state, linked, "other_person", "")
            case "sure" if yes or no:
                return await self._sure(turn, state, linked, yes)
            case "sure" if wish.part is not None and wish.clock is None and wish.start is None:
                return await self._other_half(turn, state, linked, wish.part)
            case "when" if (wish.any_time and not wish.without) or (yes and len(state.ids("offers")) == 1):
                offers = state.ids("offers")
                return await self._pick(turn, state, linked, offers[0]) if offers else None
            case "when" if no:
                return await self._chosen(turn, state, linked, "other_date", "")
            case "doctor" if wish.any_time:
                return await self._chosen(turn, state, linked, "any_doctor", "")
            case "which" if names_something(wish) and not self._elsewhere(turn):
                wanted = set(state.ids("which"))
                views = [
                    view
                    for view in await movable(turn, linked)
                    if not wanted or view.appointment_id in wanted
                ]
                found = narrow(turn, views, wish)
                return await self._move(turn, state, linked, found[0]) if len(found) == 1 else None
        return None

    @staticmethod
    def _elsewhere(turn: Turn) -> bool:
        """Whether another wish is said in so many words: "取消我爸的号" names which, but not to be moved."""
        sign = _SIGNS.get(turn.intent) if turn.confidence >= SURE_ENOUGH else None
        return sign is not None and sign.search(turn.text) is not None

    async def _about_this_one(self, turn: Turn, state: State, linked: Linked) -> bool:
        """Moving or cancelling, when nothing is booked yet: this booking is meant, and must not be lost."""
        if turn.confidence < SURE_ENOUGH or turn.intent not in (
            "cancel_appointment",
            "reschedule_appointment",
        ):
            return False
        if state.step == WHICH or await movable(turn, linked):
            return False
        if turn.intent == "cancel_appointment":
            await self.quit(turn)
        elif state.step in (WHEN, DATE, SURE, CONFIRM):
            self._after(turn, await taking.take(turn, state, Wish(other_time=True), linked))
        else:
            turn.say("form.not_understood")
        return True

    async def _other_half(self, turn: Turn, state: State, linked: Linked, part: Part) -> bool | None:
        """ "上午" to "3点是下午吗"."""
        pending = _pending(state.data.pop("sure"))
        if pending.clock is not None:
            hour = pending.clock.hour % 12 + (0 if part is Part.MORNING else 12)
            pending.clock = pending.clock.replace(hour=hour)
            pending.part = part_at(hour)
        return await taking.take(turn, state, pending, linked)

    async def _wished(self, turn: Turn, state: State, linked: Linked, wish: Wish) -> bool | None:
        if state.step == WHICH:
            return None
        wants_booking = turn.intent == "book_appointment" and turn.confidence >= SURE_ENOUGH
        seeking = state.step == DEPARTMENT or wish.other_department
        nowhere = wish.department is None and not wish.doctors and not wish.generic
        if (
            seeking
            and nowhere
            and len(wish.left) >= 2
            and turn.intent not in ("ask_faq", "request_human", "complain", "help")
            and await taking.suggest_from(turn, state, turn.text, linked, firmly=2.0)
        ):
            state.row.department_id = state.row.practitioner_id = None
            wish.other_department = False
            return await taking.take(turn, state, wish, linked)
        if wish.empty:
            return True if wants_booking and len(wish.left) < 2 else None
        moves = turn.intent == "reschedule_appointment" and (wish.has_time or wish.changes)
        if len(wish.left) >= MUCH and turn.intent not in _ON_TOPIC:
            return None
        if self._elsewhere(turn):
            return None
        sure = turn.confidence >= SURE_ENOUGH
        elsewhere = turn.intent in _NO_ANSWER or (turn.intent in self.leads_out and not moves)
        if elsewhere and sure and len(wish.left) >= 2:
            return None
        return await taking.take(turn, state, wish, linked)

    async def _wish(
        self, turn: Turn, text: str, linked: Linked, department: HealthcareService | None
    ) -> Wish:
        gazetteer = await turn.services.gazetteer.get(turn.session)
        return find_wish(text, turn.local_now, gazetteer, linked, department)

    def _after(self, turn: Turn, open_: bool) -> None:
        if not open_:
            turn.leave_form()

    # --- leaving ---

    async def back(self, turn: Turn) -> None:
        state = await State.load(turn)
        if state is None or not state.back():
            turn.say("form.first_step")
            return
        linked = await flow.linked_patients(turn)
        open_ = await flow.reconcile(turn, state, linked)
        if open_:
            state.save()
        self._after(turn, open_)

    async def quit(self, turn: Turn) -> None:
        state = await State.load(turn)
        moving = state is not None and (state.row.replaces_id is not None or state.step == WHICH)
        await drafts.discard(turn.session, turn.conversation.id)
        turn.say("booking.quit_move" if moving else "booking.quit")
        turn.leave_form()

    async def suspend(self, turn: Turn) -> None:
        await drafts.discard(turn.session, turn.conversation.id)


_STEPS = frozenset({WHO, WHO_SURE, DEPARTMENT, DOCTOR, WHEN, DATE, SURE, CONFIRM, WHICH})


def _by_age(text: str, asked: Linked) -> list[LinkedPatient]:
    """ "小的那个", of those asked about."""
    born = [(str(one.patient.birth_date), n) for n, one in enumerate(asked) if one.patient.birth_date]
    if len(born) != len(asked) or not born:
        return []
    if patterns.LITTLE_ONE.fullmatch(fold(text)):
        return [asked[max(born)[1]]]
    return [asked[min(born)[1]]] if patterns.BIG_ONE.fullmatch(fold(text)) else []


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None


def _pending(raw: dict[str, Any]) -> Wish:
    """The time that was asked about, now certain."""
    return Wish(
        start=datetime.fromisoformat(start) if (start := raw["start"]) else None,
        end=datetime.fromisoformat(end) if (end := raw["end"]) else None,
        part=Part(part) if (part := raw["part"]) else None,
        clock=time.fromisoformat(clock) if (clock := raw["clock"]) else None,
    )


__all__ = ["BookingDialog"]
