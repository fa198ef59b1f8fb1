"""What somebody agreed to around reading, asked and changed in the conversation; and why they were sent an article."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import select

from actions.turn import Turn, way_to
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import LinkedPatient
from care.privacy.texts import text_of
from channels.outbox.models import OutboundMessage
from channels.reply import Option
from channels.wording.labels import label
from content.articles.models import Article
from content.audiences.day import Day
from content.reading import consents, why
from content.reading.models import ArticleLink

_FOR_OTHERS = frozenset({Relation.SELF, Relation.CHILD})
"""For whom one may agree to research: oneself, and a child."""


async def settings(turn: Turn) -> None:
    """What holds now, and a way to change each."""
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    if not linked:
        turn.say("bind.needed", way_to("bind_patient", label("bind")))
        return
    held = await consents.held(turn.session, linked[0].patient.id)
    ways = [f"{one}_{'off' if held[one] else 'on'}" for one in consents.ASKED]
    turn.say(
        "reading.settings",
        *(_way(way) for way in ways),
        **{one.value: label("is_on" if held[one] else "is_off") for one in consents.ASKED},
    )


def _change(purpose: Purpose, granted: bool) -> Callable[[Turn], Awaitable[None]]:
    async def change(turn: Turn) -> None:
        linked = await patients.patients_of_contact(turn.session, turn.contact.id)
        if granted and purpose is Purpose.RESEARCH:
            linked = [one for one in linked if one.relation in _FOR_OTHERS]
        if not linked:
            turn.say("bind.needed", way_to("bind_patient", label("bind")))
            return
        await _decide(turn, linked, purpose, granted)
        done = f"{purpose}_{'on' if granted else 'off'}"
        back = f"{purpose}_{'off' if granted else 'on'}"
        turn.say(
            "reading.changed",
            _way(back),
            what=label(done),
            said=text_of(purpose).said if granted else "",
        )

    return change


async def _decide(turn: Turn, linked: list[LinkedPatient], purpose: Purpose, granted: bool) -> None:
    for one in linked:
        await consents.decide(
            turn.session,
            one.patient.id,
            purpose,
            granted,
            channel=turn.contact.channel,
            proof=f"inbound:{turn.inbound_id}",
            now=turn.now,
        )


def to_settings() -> Option:
    """The way to `settings`, where somebody might ask for it."""
    return Option(
        "my_data-reading", label("reading_settings"), intent="my_data", params={"request": "reading"}
    )


def _way(request: str) -> Option:
    return Option(f"my_data-{request}", label(request), intent="my_data", params={"request": request})


async def why_sent(turn: Turn) -> None:
    """Of the newest article sent to this contact. By SMS nothing of the record is said: the number is not the person."""
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    link = await turn.session.scalar(
        select(ArticleLink)
        .join(OutboundMessage, OutboundMessage.dedup_key == ArticleLink.outbound_key)
        .where(
            ArticleLink.patient_id.in_([one.patient.id for one in linked]),
            OutboundMessage.contact_id == turn.contact.id,
        )
        .order_by(ArticleLink.id.desc())
        .limit(1)
    )
    if link is None:
        turn.say("reading.nothing_sent")
        return
    article = await turn.session.get(Article, link.article_id)
    day = Day.of(turn.services.clock)
    found = await why.reason(turn.session, link, day, whole=not turn.is_sms)
    title = article.title if article is not None and not turn.is_sms else ""
    told = {"title": title, "because": found.because}
    if found.rule:
        facts = "\uff1b".join(found.facts)
        turn.say("reading.why_rule", to_settings(), rule=found.rule, facts=facts, **told)
    else:
        turn.say("reading.why", to_settings(), **told)


REQUESTS: Mapping[str, Callable[[Turn], Awaitable[None]]] = {
    "reading": settings,
    "why_sent": why_sent,
    **{
        f"{purpose}_{'on' if granted else 'off'}": _change(purpose, granted)
        for purpose in consents.ASKED
        for granted in (True, False)
    },
}
"""What `my_data` may be asked for, beside what people have to do."""
