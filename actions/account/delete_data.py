"""The talk about one's own data: who asks (last four of the identity number), what is wrong, whether deleting is really meant.

One form for all of them, with its step in a row of ours.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import ClassVar

from sqlalchemy import delete, select

from actions import say
from actions.desk import promised
from actions.forms import Dialog
from actions.turn import Turn, option, way_to
from care.desk.models import TaskKind
from care.patients.models import Patient
from care.privacy import checking, deletion, holdings, requests
from care.privacy.deciding import spoken
from care.privacy.details import lines
from care.privacy.models import PrivacyDraft, RequestKind
from channels.wording.labels import label

_LAST4 = re.compile(r"\d{3}[\dXx]")
KINDS = {
    "export": RequestKind.EXPORT,
    "correct": RequestKind.CORRECTION,
    "delete": RequestKind.DELETION,
}


def begin(what: str) -> Callable[[Turn], Awaitable[None]]:
    """Start the talk from an option: `details`, `export` or `correct`."""

    async def start(turn: Turn) -> None:
        if turn.is_sms and what != "correct":
            turn.say("privacy.not_by_sms", way_to("request_human", label("human")))
            return
        patient = await _checkable(turn)
        if patient is None:  # nobody bound, or no identity number on record: people find out who it is
            if what == "correct":
                await _open(turn, what, "correct")
                turn.start_form(DeleteDataDialog.name)
            else:
                turn.say("data.requested", until=await ask_people(turn, KINDS.get(what, RequestKind.EXPORT)))
            return
        if await checking.is_fresh(turn.session, turn.contact.id, patient.id, turn.now):
            await _passed(turn, what, patient)
            if what == "correct":
                turn.start_form(DeleteDataDialog.name)
            return
        await _open(turn, what, "check")
        turn.start_form(DeleteDataDialog.name)

    return start


class DeleteDataDialog(Dialog):
    name: ClassVar[str] = "delete_data"

    async def start(self, turn: Turn) -> None:
        """ "删除我的信息": what would go and what stays, then one question."""
        await _open(turn, "delete", "confirm")
        turn.start_form(self.name)

    async def ask(self, turn: Turn) -> None:
        draft = await _draft(turn)
        if draft is None or draft.step == "confirm":
            who = await holdings.whose(turn.session, turn.contact.id, turn.local_now.date())
            planned = await deletion.plan(turn.session, who)
            turn.say(
                "data.ask_delete",
                option("keep", label("keep")),
                option("delete", label("confirm_delete")),
                goes=spoken(planned.goes),
                stays=spoken(planned.stays) or label("nothing_stays"),
            )
        elif draft.step == "check":
            turn.say("privacy.ask_last4")
        else:
            turn.say("privacy.ask_correction")

    async def choose(self, turn: Turn, answer: str) -> bool:
        if answer == "delete":
            turn.say("data.delete_requested", until=await ask_people(turn, RequestKind.DELETION))
        elif answer == "keep":
            turn.say("data.kept")
        else:
            return False
        await _end(turn)
        return True

    async def read(self, turn: Turn) -> bool:
        draft = await _draft(turn)
        if draft is None or draft.step == "confirm":
            # Only a deliberate choice deletes; a bare "yes" to a warning is asked again.
            return await self.choose(turn, "keep") if turn.intent == "deny" else False
        if draft.step == "check":
            return await self._last4(turn, draft)
        said = (await turn.own_words()).strip()
        if len(said) < 2:
            return False
        turn.say("privacy.correction_taken", until=await ask_people(turn, RequestKind.CORRECTION, said))
        await _end(turn)
        return True

    @staticmethod
    async def _last4(turn: Turn, draft: PrivacyDraft) -> bool:
        match = _LAST4.fullmatch(turn.text.replace(" ", "").upper())
        if match is None:
            return False
        patient = await _checkable(turn)
        if patient is None:
            turn.say("bind.needed", way_to("bind_patient", label("bind")))
            await _end(turn)
            return True
        checked = await checking.check(turn.session, turn.contact.id, patient, match[0], now=turn.now)
        if checked.passed:
            await _passed(turn, draft.after, patient)
            if draft.after == "correct":
                draft.step = "correct"
            else:
                await _end(turn)
        elif checked.left:
            turn.say("privacy.wrong_last4", left=checked.left)
        else:
            turn.say("privacy.locked", way_to("request_human", label("human")))
            await _end(turn)
        return True

    async def back(self, turn: Turn) -> None:
        await self.quit(turn)

    async def quit(self, turn: Turn) -> None:
        draft = await _draft(turn)
        turn.say("data.kept" if draft is None or draft.step == "confirm" else "form.left")
        await _end(turn)

    async def suspend(self, turn: Turn) -> None:
        await _drop(turn)


async def ask_people(turn: Turn, kind: RequestKind, said: str | None = None) -> str:
    """Open the request for a person to decide; by when they answer, in words."""
    who = await holdings.whose(turn.session, turn.contact.id, turn.local_now.date())
    due = turn.services.due_at(TaskKind.PRIVACY, turn.now)
    await requests.open_request(
        turn.session,
        kind,
        key=f"{kind}:{turn.inbound_id}",
        conversation_id=turn.conversation.id,
        contact_id=turn.contact.id,
        patient_id=who.patients[0] if who.patients else None,
        now=turn.now,
        task_due=due,
        said=said,
    )
    return promised(turn.services, due)


async def _passed(turn: Turn, what: str, patient: Patient) -> None:
    """It is the person: give what was asked for."""
    if what == "details":
        who = await holdings.whose(turn.session, turn.contact.id, turn.local_now.date())
        local = turn.services.clock.local
        rows = await lines(turn.session, who, lambda at: say.moment(local(at)))
        turn.say("privacy.details", way_to("my_data", label("export_data"), request="export"), rows=rows)
    elif what == "export":
        await requests.open_request(
            turn.session,
            RequestKind.EXPORT,
            key=f"export:{turn.inbound_id}",
            conversation_id=turn.conversation.id,
            contact_id=turn.contact.id,
            patient_id=patient.id,
            now=turn.now,
        )
        turn.say("privacy.export_begun")
    else:
        await _open(turn, what, "correct")


async def _checkable(turn: Turn) -> Patient | None:
    who = await holdings.whose(turn.session, turn.contact.id, turn.local_now.date())
    return await checking.checkable(turn.session, who.patients)


async def _draft(turn: Turn) -> PrivacyDraft | None:
    query = select(PrivacyDraft).where(PrivacyDraft.conversation_id == turn.conversation.id)
    return (await turn.session.scalars(query)).one_or_none()


async def _open(turn: Turn, after: str, step: str) -> None:
    await _drop(turn)
    turn.session.add(
        PrivacyDraft(conversation_id=turn.conversation.id, step=step, after=after, updated_at=turn.now)
    )
    await turn.session.flush()


async def _drop(turn: Turn) -> None:
    await turn.session.execute(
        delete(PrivacyDraft).where(PrivacyDraft.conversation_id == turn.conversation.id)
    )


async def _end(turn: Turn) -> None:
    await _drop(turn)
    turn.leave_form()
