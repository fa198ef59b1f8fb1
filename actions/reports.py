"""`get_report`: which reports are ready, and where they are to be had. What they say is told by a doctor, never here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from actions import say
from actions.base import ask_holder
from actions.turn import Turn, way_to
from care.patients import family
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from care.reports.ports import Report
from channels.questions import holder
from channels.wording.labels import label

INTENT = "get_report"
LOOKED_BACK = timedelta(days=30)
SHOWN = 6
_TITLES = frozenset({Relation.SELF, Relation.CHILD})
"""For whom an examination is named: oneself and one's child. To other relatives the kind of examination is enough."""


async def say_ready(turn: Turn) -> bool:
    """For whom the contact speaks: what is ready and what is not. False where nobody is bound, or nothing was examined: then the FAQ's
    general answer is the better one.

    By SMS only how many are ready: the number is not the person, and the name of an examination says what somebody has.
    """
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    if not linked:
        return False
    asked = family.meant(turn.text, linked)
    if not asked and family.mentioned(turn.text) is not None:
        turn.say("bind.needed", way_to("bind_patient", label("bind")))
        return True
    asked = asked or linked
    found = await turn.services.reports.reports(
        turn.session, [one.patient.id for one in asked], since=turn.now - LOOKED_BACK
    )
    if not found:
        return False
    if holder.is_unknown(turn.contact.channel, turn.holder):
        ask_holder(turn)
        return True
    ready = sum(one.ready for one in found)
    if turn.is_sms:
        turn.say("report.some_ready" if ready else "report.none_ready", count=ready)
        return True
    rows = [_row(turn, asked, one) for one in found[:SHOWN]]
    if len(found) > SHOWN:
        rows.append(label("report_more", count=len(found) - SHOWN))
    turn.say("report.list", way_to("request_human", label("human")), rows="\n".join(rows))
    return True


def _row(turn: Turn, asked: Sequence[LinkedPatient], report: Report) -> str:
    who = next(one for one in asked if one.patient.id == report.patient_id)
    clock = turn.services.clock
    what = report.title if who.relation in _TITLES else label(f"report_{report.category.lower()}")
    day = say.day(clock.local(report.effective_at))
    name = f"{who.patient.name} " if len(asked) > 1 else ""
    if report.ready:
        state = label("report_ready")
    elif report.expected_at is not None and report.expected_at > turn.now:
        state = label("report_expected", when=say.moment(clock.local(report.expected_at)))
    else:
        state = label("report_waiting")
    return label("report_row", name=name, day=day, what=what, state=state)
