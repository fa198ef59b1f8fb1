"""Where this channel cannot ask a question: on with the same response on the page, by a link in WeChat or a code by SMS."""

from __future__ import annotations

from actions.turn import Turn
from care.questionnaires import service as questionnaires
from care.questionnaires.entrance import codes, links
from care.questionnaires.models import QuestionnaireResponse


async def go_on_elsewhere(turn: Turn, response: QuestionnaireResponse) -> None:
    """Say how. A code and a link prove nothing yet: the page asks who it is."""
    definition = await questionnaires.definition_of(turn.session, response)
    services = turn.services
    if "page" not in definition.channels or response.patient_id is None:
        turn.say("questionnaire.not_here")
    elif turn.is_sms:
        lasts = services.questionnaire_code
        code = await codes.issue(turn.session, response.id, now=turn.now, lasts=lasts)
        turn.say("questionnaire.code", code=code)
    else:
        lasts = services.questionnaire_link
        path = await links.issue(turn.session, response.id, now=turn.now, lasts=lasts)
        turn.say("questionnaire.link", url=f"{services.site}{path}")
