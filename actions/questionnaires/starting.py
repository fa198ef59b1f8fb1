"""Which response a conversation goes on with: the one named, the only one, or one the patient picks."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import ClassVar
from uuid import UUID

from actions import say
from actions.base import BanyiAction
from actions.questionnaires.elsewhere import go_on_elsewhere
from actions.questionnaires.saying import fits
from actions.turn import Turn, way_to
from care.patients import service as patients
from care.questionnaires import service as questionnaires
from care.questionnaires.after_visits import SATISFACTION, visit_meant
from care.questionnaires.models import QuestionnaireResponse
from channels.wording.labels import label

FORM = "questionnaire"
EVENING, MORNING = time(18, 30), time(9, 30)
"""When it is asked again after "not now": inside the hours in which follow-up may be sent (`BANYI_GATE_HOURS`); ours."""


class RateService(BanyiAction):
    """`rate_service`: satisfaction, by one's own wish."""

    action: ClassVar[str] = "action_rate_start"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        published = await questionnaires.latest(turn.session, SATISFACTION)
        if published is None:
            turn.say("questionnaire.none")
            return
        own = [
            one
            for one in await patients.patients_of_contact(turn.session, turn.contact.id)
            if one.relation == "self"
        ]
        patient_id = own[0].patient.id if len(own) == 1 else None
        response = await questionnaires.start(
            turn.session,
            published,
            now=turn.now,
            conversation_id=turn.conversation.id,
            contact_id=turn.contact.id,
            patient_id=patient_id,
        )
        if patient_id is not None and response.appointment_id is None:
            response.appointment_id = await visit_meant(turn.session, patient_id, turn.now)
        await take_up(turn, response, intro=True)


async def begin(turn: Turn) -> None:
    """`start_questionnaire`: from an invitation, or by "go on"."""
    response = await named(turn)
    if turn.params.get("response"):
        if response is None or not questionnaires.is_open(response):
            turn.say("questionnaire.over")
        elif turn.params.get("do") == "later":
            later(turn, response)
        elif turn.params.get("do") == "no":
            await questionnaires.stop(turn.session, response, now=turn.now)
            turn.say("questionnaire.declined")
        else:
            await take_up(turn, response)
        return
    found = await open_here(turn)
    if not found:
        turn.say("questionnaire.none")
    elif len({one.patient_id for one in found}) > 1:
        await _ask_which(turn, found)
    else:
        await take_up(turn, found[0], intro=not found[0].answers)


async def named(turn: Turn) -> QuestionnaireResponse | None:
    """The response the picked option names, if this contact speaks for its patient (ids come back from outside)."""
    try:
        response = await questionnaires.get(turn.session, UUID(str(turn.params.get("response"))))
    except ValueError:
        return None
    if response is None:
        return None
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    mine = response.contact_id == turn.contact.id or response.conversation_id == turn.conversation.id
    return response if mine or any(one.patient.id == response.patient_id for one in linked) else None


async def open_here(turn: Turn) -> list[QuestionnaireResponse]:
    """What is open for whoever this contact speaks for: what is under way here first, then the oldest."""
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    found = list(await questionnaires.open_of_any(turn.session, [one.patient.id for one in linked]))
    here = await questionnaires.active(turn.session, turn.conversation.id)
    if here is not None:
        found = [here, *(one for one in found if one.id != here.id)]
    return [one for one in found if one.expires_at is None or one.expires_at > turn.now]


async def _ask_which(turn: Turn, found: list[QuestionnaireResponse]) -> None:
    linked = {
        one.patient.id: one for one in await patients.patients_of_contact(turn.session, turn.contact.id)
    }
    options = []
    for at, response in enumerate(found[:5]):
        who = linked.get(response.patient_id) if response.patient_id else None
        name = who.patient.name if who else label("relation_self")
        title = (await questionnaires.definition_of(turn.session, response)).title
        said = name if turn.is_sms else f"{name}：{title}"
        made = way_to("start_questionnaire", said, response=response.id.hex)
        options.append(type(made)(f"response-{at}", made.label, made.intent, made.params))
    turn.say("questionnaire.which", *options[: 4 if turn.is_sms else 5])


async def take_up(turn: Turn, response: QuestionnaireResponse, *, intro: bool = False) -> None:
    """Go on here, wherever it was before."""
    here = await questionnaires.position(turn.session, response)
    if here.item is None:
        turn.say("questionnaire.over")
        return
    if not fits(here.definition, "sms" if turn.is_sms else "wechat", here.item):
        await go_on_elsewhere(turn, response)
        return
    questionnaires.resume(response, now=turn.now)
    response.conversation_id = turn.conversation.id
    if intro:
        survey = here.definition.purpose == "survey"
        turn.say(
            "survey.intro" if survey else "questionnaire.intro",
            count=here.total,
            minutes=here.definition.minutes,
        )
    turn.start_form(FORM)


def later(turn: Turn, response: QuestionnaireResponse) -> None:
    """Put off until this evening, or tomorrow morning."""
    until = later_than(turn.local_now)
    questionnaires.pause(response, now=turn.now, until=turn.services.clock.to_utc(until))
    turn.say("questionnaire.paused", until=say.moment(until))


def later_than(local: datetime) -> datetime:
    """When to ask again: this evening, if that is two hours off, else tomorrow morning. Naive, local."""
    evening = datetime.combine(local.date(), EVENING)
    if local + timedelta(hours=2) <= evening:
        return evening
    return datetime.combine(local.date() + timedelta(days=1), MORNING)
