"""The consents that come before a binding: asked one by one, written down with the message they came in, and the patient's once the
binding is made."""

from __future__ import annotations

from collections.abc import Collection

from actions.turn import Turn, option, way_to
from care.binding import service as binding
from care.patients.models import Patient, Relation
from care.privacy import consents
from care.privacy.consents import Ask
from channels.wording.labels import label


async def asks(turn: Turn, relation: Relation, agreed: Collection[str]) -> list[Ask]:
    """What is still to be agreed to, in order; `agreed`: the purposes of this very dialog."""
    wanted = await consents.asked_at_binding(turn.session, turn.contact.id, relation=relation)
    return [one for one in wanted if one.purpose.value not in agreed]


def say(turn: Turn, ask: Ask) -> None:
    """Ask for it."""
    turn.say(ask.key, option("agree", label("agree")), option("refuse", label("refuse")), **ask.params)


async def answered(turn: Turn, ask: Ask, granted: bool) -> str:
    """Write the answer down and return its purpose; a refusal is answered, and the caller ends."""
    await consents.answered_at_binding(
        turn.session,
        turn.contact.id,
        ask.purpose,
        granted,
        channel=turn.contact.channel,
        inbound_id=turn.inbound_id,
        now=turn.now,
    )
    if not granted:
        turn.say("privacy.binding_refused", way_to("request_human", label("human")))
    return ask.purpose.value


async def handed_on(turn: Turn, patient: Patient, made: binding.Bound) -> bool:
    """What was agreed to is the patient's now. False for a young child whom no parent or guardian binds: then the link is undone again,
    and it is said who has to."""
    outcome = await consents.bound(
        turn.session,
        turn.contact.id,
        patient,
        relation=made.relation,
        channel=turn.contact.channel,
        inbound_id=turn.inbound_id,
        now=turn.now,
        today=turn.local_now.date(),
    )
    if outcome == "agreed":
        return True
    if made.new:
        await binding.unbind(
            turn.session,
            contact_id=turn.contact.id,
            patient_id=patient.id,
            actor=f"contact:{turn.contact.id}",
            now=turn.now,
        )
    turn.say("privacy.guardian_needed", way_to("request_human", label("human")))
    return False
