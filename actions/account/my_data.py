"""What we hold of a person, and asking for its export, correction or deletion. People check who asks before they act."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import func, select

from actions.account import reading
from actions.base import BanyiAction
from actions.desk import promised
from actions.forms import Dialog
from actions.turn import Turn, option, way_to
from care.appointments.models import Appointment
from care.consents.models import Consent
from care.desk import service as desk
from care.desk.models import TaskKind
from care.patients import service as patients
from care.questionnaires.models import QuestionnaireResponse
from channels.inbox.models import InboundMessage
from channels.wording.labels import label

_REQUESTS = {"export": "export_data", "correct": "correct_data", "withdraw": "withdraw_consent"}
"""What people have to do."""
_OFFERED = {**_REQUESTS, "reading": "reading_settings"}
"""With what is decided for somebody who is bound."""


async def _request(turn: Turn, what: str) -> str:
    due = turn.services.due_at(TaskKind.PRIVACY, turn.now)
    await desk.open_task(
        turn.session,
        TaskKind.PRIVACY,
        dedup_key=f"privacy:{what}:{turn.inbound_id}",
        now=turn.now,
        due_at=due,
        note=what,
        conversation_id=turn.conversation.id,
        contact_id=turn.contact.id,
    )
    return promised(turn.services, due)


class MyData(BanyiAction):
    """The kinds and numbers of what is stored; never the content, which needs an identity check by a person."""

    action: ClassVar[str] = "action_my_data"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        wanted = str(turn.params.get("request", ""))
        if wanted in _REQUESTS:
            turn.say("data.requested", until=await _request(turn, wanted))
            return
        if (asked := reading.REQUESTS.get(wanted)) is not None:
            await asked(turn)
            return
        linked = await patients.patients_of_contact(turn.session, turn.contact.id)
        options = [
            type(o)(f"my_data-{what}", o.label, o.intent, o.params)
            for what, word in (_OFFERED if linked else _REQUESTS).items()
            for o in (way_to("my_data", label(word), request=what),)
        ]
        options.append(way_to("delete_my_data", label("delete_data")))
        chats = await self._count(turn, InboundMessage, InboundMessage.contact_id == turn.contact.id)
        if not linked:
            turn.say("data.nothing", *options, count=chats)
            return
        ids = [one.patient.id for one in linked]
        bookings = await self._count(turn, Appointment, Appointment.patient_id.in_(ids))
        answers = await self._count(turn, QuestionnaireResponse, QuestionnaireResponse.patient_id.in_(ids))
        agreed = await self._count(turn, Consent, Consent.subject_id.in_([*ids, turn.contact.id]))
        turn.say(
            "data.summary",
            *options,
            people=len(linked),
            bookings=bookings,
            answers=answers,
            consents=agreed,
            chats=chats,
        )

    @staticmethod
    async def _count(turn: Turn, model: type, condition: object) -> int:
        return await turn.session.scalar(select(func.count()).select_from(model).where(condition)) or 0  # type: ignore[arg-type]


class DeleteDataDialog(Dialog):
    """One question: is it really meant?"""

    name: ClassVar[str] = "delete_data"

    async def start(self, turn: Turn) -> None:
        turn.start_form(self.name)

    async def ask(self, turn: Turn) -> None:
        turn.say("data.ask_delete", option("keep", label("keep")), option("delete", label("confirm_delete")))

    async def choose(self, turn: Turn, answer: str) -> bool:
        if answer == "delete":
            turn.say("data.delete_requested", until=await _request(turn, "delete"))
        elif answer == "keep":
            turn.say("data.kept")
        else:
            return False
        turn.leave_form()
        return True

    async def read(self, turn: Turn) -> bool:
        # Only a deliberate choice deletes; a bare "yes" to a warning is asked again.
        if turn.intent == "deny":
            return await self.choose(turn, "keep")
        return False

    async def back(self, turn: Turn) -> None:
        await self.choose(turn, "keep")

    async def quit(self, turn: Turn) -> None:
        await self.choose(turn, "keep")
