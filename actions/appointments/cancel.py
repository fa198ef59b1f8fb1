"""Cancelling: which one, a deliberate yes, and an offer to book again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from actions.appointments import flow, waiting, words
from actions.appointments.asking import room
from actions.appointments.picking import changeable, movable, names_something, narrow, order
from actions.appointments.reading import Wish, find_wish, naming, says_no, says_yes
from actions.appointments.state import CANCEL_SURE, CANCEL_WHICH, State
from actions.forms import Dialog
from actions.turn import Turn, option, way_to
from care.appointments import drafts
from care.appointments import service as appointments
from care.appointments.rules import RULES
from care.appointments.views import AppointmentView, Refused, Why
from care.patients.service import LinkedPatient
from channels.reply import Option
from channels.wording.labels import label
from language.normalise import fold

Linked = Sequence[LinkedPatient]
CONFIRM_DIGIT = 8
_SURE = frozenset(
    {"取消", "确认取消", "取消吧", "确定取消", "退了吧", "退号", "取消预约", "是的取消", "对取消"}
)
_KEEP = frozenset(
    {"保留", "不取消", "不取消了", "不退了", "留着", "还是去", "不用取消", "先不取消", "别取消"}
)


class CancelDialog(Dialog):
    """Lists, asks which, asks once more, cancels. The draft's `replaces_id` is in question."""

    name: ClassVar[str] = "cancel"
    leads_out: ClassVar[Mapping[str, str]] = {
        "book_appointment": "action_booking_start",
        "reschedule_appointment": "action_reschedule_start",
        "bind_patient": "action_bind_start",
        "my_data": "action_my_data",
        "delete_my_data": "action_delete_my_data",
    }

    async def start(self, turn: Turn) -> None:
        if await waiting.left_by_word(turn, await flow.linked_patients(turn)):
            return
        known = await changeable(turn)
        if known is None:
            return
        linked, views = known
        state = await State.open(turn)
        chosen = str(turn.params.get("appointment_id", ""))
        wish = await self._wish(turn, linked)
        found = [view for view in views if view.appointment_id.hex == chosen] or narrow(turn, views, wish)
        if not found:
            turn.say("cancel.no_match")
            found = list(views)
        state.remember("which", [view.appointment_id for view in found])
        if len(found) == 1:
            if found[0].start - turn.now < RULES.cancel_until:
                await drafts.discard(turn.session, turn.conversation.id)
                _refuse(turn, Why.TOO_LATE)
                return
            state.row.replaces_id = found[0].appointment_id
            state.go(CANCEL_SURE)
        else:
            state.go(CANCEL_WHICH)
        state.save()
        turn.start_form(self.name)

    async def _wish(self, turn: Turn, linked: Linked) -> Wish:
        gazetteer = await turn.services.gazetteer.get(turn.session)
        return find_wish(naming(turn.text), turn.local_now, gazetteer, linked)

    async def ask(self, turn: Turn) -> None:
        linked = await flow.linked_patients(turn)
        state = await State.load(turn)
        views = await movable(turn, linked)
        if state is None or not views or state.step not in (CANCEL_WHICH, CANCEL_SURE):
            turn.say("appointments.none")
            turn.leave_form()
            return
        people = words.names(linked)
        if state.step == CANCEL_SURE:
            asked = [view for view in views if view.appointment_id == state.row.replaces_id]
            if asked:
                view = asked[0]
                turn.say(
                    "cancel.sure",
                    option("keep", label("keep")),
                    _confirming(),
                    **words.card(turn, view, people.get(view.patient_id, "")),
                )
                return
            state.go(CANCEL_WHICH)
            state.save()
        shown = order(views, state.ids("which"))[: room(turn) - 1]
        said = words.appointments(turn, shown, people)
        options = [
            option(f"appt:{view.appointment_id.hex}", one) for view, one in zip(shown, said, strict=True)
        ]
        turn.say("cancel.which", *options, option("keep", label("keep_all")))

    async def choose(self, turn: Turn, answer: str) -> bool:
        state = await State.load(turn)
        if state is None:
            return False
        kind, _, value = answer.partition(":")
        if kind == "keep":
            await self.quit(turn)
            return True
        if kind == "cancel" and state.step == CANCEL_SURE and state.row.replaces_id is not None:
            await self._cancel(turn, state.row.replaces_id)
            return True
        if kind == "appt":
            linked = await flow.linked_patients(turn)
            found = [view for view in await movable(turn, linked) if view.appointment_id.hex == value]
            if found:
                self._pick(state, found[0])
                return True
        return False

    def _pick(self, state: State, view: AppointmentView) -> None:
        state.mark()
        state.row.replaces_id = view.appointment_id
        state.go(CANCEL_SURE)
        state.save()

    async def read(self, turn: Turn) -> bool:
        state = await State.load(turn)
        if state is None:
            return False
        said = fold(turn.text)
        linked = await flow.linked_patients(turn)
        if said in _KEEP or (state.step == CANCEL_SURE and says_no(turn.text)):
            await self.quit(turn)
            return True
        sure = said in _SURE or says_yes(turn.text)
        if turn.is_sms and sure and state.step == CANCEL_SURE and said != label("confirm_cancel"):
            return True  # a yes may have been sent twice: asked again, for the digit
        if state.step == CANCEL_SURE and state.row.replaces_id is not None and sure:
            await self._cancel(turn, state.row.replaces_id)
            return True
        wish = await self._wish(turn, linked)
        if not names_something(wish) or turn.intent in ("book_appointment", "reschedule_appointment"):
            return False
        found = narrow(turn, await movable(turn, linked), wish)
        if not found:
            turn.say("cancel.no_match")
            return True
        state.mark()
        state.remember("which", [view.appointment_id for view in found])
        if len(found) == 1:
            state.row.replaces_id = found[0].appointment_id
        state.go(CANCEL_SURE if len(found) == 1 else CANCEL_WHICH)
        state.save()
        return True

    async def _cancel(self, turn: Turn, appointment_id: UUID) -> None:
        linked = await flow.linked_patients(turn)
        result = await appointments.cancel(turn.session, appointment_id, now=turn.now)
        await drafts.discard(turn.session, turn.conversation.id)
        turn.leave_form()
        if isinstance(result, Refused):
            _refuse(turn, result.why)
            return
        view = result.appointment
        again = way_to(
            "book_appointment",
            label("book_again"),
            department_id=view.department_id.hex,
            patient_id=view.patient_id.hex,
        )
        name = words.names(linked).get(view.patient_id, "")
        key = "systems.cancelling" if result.waits else "cancel.done"
        turn.say(key, again, way_to("request_human", label("human")), **words.card(turn, view, name))

    async def back(self, turn: Turn) -> None:
        state = await State.load(turn)
        if state is None or not state.back():
            turn.say("form.first_step")
            return
        state.save()

    async def quit(self, turn: Turn) -> None:
        state = await State.load(turn)
        kept = None
        if state is not None and state.row.replaces_id is not None:
            kept = await appointments.get(turn.session, state.row.replaces_id)
        await drafts.discard(turn.session, turn.conversation.id)
        if kept is None:
            turn.say("cancel.kept_all")
        else:
            turn.say("cancel.kept", **words.card(turn, kept, ""))
        turn.leave_form()

    async def suspend(self, turn: Turn) -> None:
        await drafts.discard(turn.session, turn.conversation.id)


def _confirming() -> Option:
    """Cancelling takes a digit of its own: the one that led here, pressed twice, must not do it."""
    return replace(option("cancel", label("confirm_cancel")), digit=CONFIRM_DIGIT)


def _refuse(turn: Turn, why: Why) -> None:
    key = "cancel.too_late" if why == Why.TOO_LATE else "cancel.not_live"
    turn.say(
        key, way_to("check_appointment", label("my_appointments")), way_to("request_human", label("human"))
    )
