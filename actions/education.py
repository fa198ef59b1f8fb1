"""What patients wish about articles: some to read, a topic stopped or taken up again.

Which wish a message is, is read before the engine is asked (`language.wishes`); it comes as params of `ask_health`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from actions.articles import paths, reader
from actions.turn import Turn, way_to
from care.patients import service as patients
from care.patients.models import Patient, Relation
from channels.reply import Option
from channels.wording.labels import label
from content.articles.texts import PublishedText
from content.audiences.facts import PatientFacts, facts_of
from content.faq.questions import collect
from content.reading import stops
from content.reading.words import topic_name
from content.recommending.person import Person, person_of, personal, seen_by, stopped_by
from content.recommending.ranking import MOST, Pick, Why, recommend


async def grant(turn: Turn) -> None:
    """Do what `turn.params["wish"]` asks for."""
    await _GRANTED[str(turn.params["wish"])](turn)


# --- recommending ---


async def _recommend(turn: Turn) -> None:
    about, topic = str(turn.params.get("about", "")), str(turn.params.get("topic", ""))
    await turn.services.articles.ready()
    if about:
        return await _about(turn, about)
    facts, person, who = await _known(turn)
    seen, stopped = frozenset[UUID](), frozenset[str]()
    if facts is not None and not topic:  # a topic asked for by name is shown whole
        seen = await seen_by(turn.session, facts)
        stopped = await stopped_by(turn.session, facts.patient.id)
    picks = recommend(turn.services.articles.published(), person, but=seen, stopped=stopped, topic=topic)
    if not picks:
        return turn.say("education.recommend_none")
    await _list(turn, [(pick.article, _reason(pick, who, topic)) for pick in picks], person is not None)


async def _about(turn: Turn, about: str) -> None:
    """Articles about something that is no topic: what search finds, or that there is none."""
    articles = turn.services.articles
    found = [one.article for one in await articles.search(about) if one.score >= articles.offer_from]
    if not found:
        await collect.note(
            turn.session,
            about,
            conversation_id=turn.conversation.id,
            now=turn.now,
            day=turn.local_now.date(),
        )
        return turn.say("education.about_none", way_to("request_human", label("nurse")), about=about)
    await _list(turn, [(one, label("recommend_asked", topic=about)) for one in found[:MOST]], True)


async def _known(turn: Turn) -> tuple[PatientFacts | None, Person | None, str]:
    """The reader's record, what of it may be gone by (None: nothing), and how the reader is called."""
    found = await reader(turn)
    facts = await facts_of(turn.session, found[0].id) if found is not None else None
    if found is None or facts is None:
        return None, None, label("you")
    who = label("you") if found[1] is Relation.SELF else found[0].name
    return facts, person_of(facts, turn.local_now.date()) if personal(facts) else None, who


def _reason(pick: Pick, who: str, topic: str = "") -> str:
    name = topic_name(pick.article.topic)
    if topic and pick.why is Why.GENERAL:
        return label("recommend_asked", topic=name)
    return label(f"recommend_{pick.why.name.lower()}", who=who, weeks=pick.weeks, topic=name)


async def _list(turn: Turn, chosen: Sequence[tuple[PublishedText, str]], chosen_for: bool) -> None:
    """Titles with reasons and links; by SMS the first one's link alone."""
    if turn.is_sms and await reader(turn) is None:
        return turn.say("education.nobody")
    some = chosen[:1] if turn.is_sms else chosen
    found = await paths(turn, [article for article, _ in some])
    rows = [
        label("article_row", title=article.title, reason=reason, address=turn.services.site + path)
        for (article, reason), path in zip(some, found, strict=True)
    ]
    turn.say(
        "education.recommend" if chosen_for else "education.recommend_general",
        count=len(rows),
        rows="\n".join(rows),
        sample=label("article_sample") if any(article.sample for article, _ in some) else "",
        path=found[0],
    )


# --- deciding ---


async def _stop(turn: Turn) -> None:
    await _for_all(
        turn, "education.stopped", lambda one, topic: stops.stop(turn.session, one.id, topic, turn.now)
    )


async def _resume(turn: Turn) -> None:
    await _for_all(
        turn, "education.resumed", lambda one, topic: stops.resume(turn.session, one.id, topic, turn.now)
    )


async def _for_all(turn: Turn, key: str, decide: Callable[[Patient, str], Awaitable[None]]) -> None:
    """The person and everybody they act for: the wish is about what comes to this phone."""
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    if not linked:
        return turn.say("education.nobody", *_bind(turn))
    topic = str(turn.params.get("topic", ""))
    for one in linked:
        await decide(one.patient, topic)
    turn.say(key, topic=topic_name(topic))


def _bind(turn: Turn) -> list[Option]:
    return [] if turn.is_sms else [way_to("bind_patient", label("bind"))]


_GRANTED: dict[str, Callable[[Turn], Awaitable[None]]] = {
    "recommend": _recommend,
    "stop_topic": _stop,
    "resume_topic": _resume,
}
WISHES = frozenset(_GRANTED)
"""Wishes that are granted here. What they tell is on record: they ask first who answers the phone."""
