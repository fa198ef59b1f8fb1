"""Saying articles in the conversation: two reviewed sentences with their source and the patient's own link."""

from __future__ import annotations

from collections.abc import Sequence

from actions.turn import Turn, way_to
from care.patients import service as patients
from care.patients.models import Patient, Relation
from channels.questions import holder
from channels.reply import CONTENT, Option
from channels.wording.catalogue import MODEL_MADE
from channels.wording.labels import label
from content.articles.refs import ref_of
from content.articles.texts import PublishedText
from content.reading import links
from content.reading.links import LinkFor
from language.medicine import asks_dose, names_dose

RELATED = 3
FOR_ANYBODY = "/read/"
SAY_ARTICLE = "ask_health"
"""The intent of options about articles; what they mean is in their params."""


async def reader(turn: Turn) -> tuple[Patient, Relation] | None:
    """For whom articles are chosen and links are made: oneself, else the only one the contact acts for. None: nobody, or nobody
    knows who answers the phone."""
    if holder.is_unknown(turn.contact.channel, turn.holder):
        return None
    linked = await patients.patients_of_contact(turn.session, turn.contact.id)
    if not linked or (linked[0].relation is not Relation.SELF and len(linked) > 1):
        return None
    return linked[0].patient, linked[0].relation


async def paths(turn: Turn, articles: Sequence[PublishedText]) -> list[str]:
    """Where each is read: the reader's own link, or the page for anybody where there is no reader."""
    who = await reader(turn)
    if who is None:
        return [f"{FOR_ANYBODY}{one.slug}" for one in articles]
    wanted = [
        LinkFor(who[0].id, one.article_id, one.revision, one.topic, "chat", turn.next_key) for one in articles
    ]
    return await links.issue(turn.session, wanted, turn.now)


async def say_article(turn: Turn, article: PublishedText) -> None:
    """The article's two sentences, its source and link. Of a medicine the doctor's and pharmacist's line goes with it."""
    medicine = turn.intent == "ask_medication"
    if turn.is_sms and await reader(turn) is None:  # a page for anybody bears the illness in its address
        turn.say("faq.medication" if medicine else "faq.health_unknown")
        return
    (path,) = await paths(turn, [article])
    turn.say(
        "education.medicine" if medicine else "education.answer",
        *_ways_on(turn, article),
        text=article.summary,
        source=article.sources,
        title=article.title,
        path=path,
        sample=label("article_sample") if article.sample else "",
        **{CONTENT: [ref_of(article.slug), article.revision], MODEL_MADE: article.ai_made},
    )


def _ways_on(turn: Turn, article: PublishedText) -> list[Option]:
    """Related articles and a nurse; nothing by SMS, where an answer is one line."""
    if turn.is_sms:
        return []
    more = [way_to(SAY_ARTICLE, label("see_related"), related=article.slug)] if related(turn, article) else []
    return [*more, way_to("request_human", label("nurse"))]


def related(turn: Turn, article: PublishedText) -> list[PublishedText]:
    """The published ones among those its editor named."""
    found = (turn.services.articles.article(slug) for slug in article.related)
    return [one for one in found if one is not None][:RELATED]


def offer_articles(turn: Turn, key: str, articles: Sequence[PublishedText]) -> None:
    """Titles to choose from, and a nurse. Not by SMS: titles name illnesses."""
    options = [
        Option(id=f"article-{one.slug}", label=one.title, intent=SAY_ARTICLE, params={"article": one.slug})
        for one in articles
    ]
    turn.say(key, *options, way_to("request_human", label("nurse")))


def may_be_said(turn: Turn, article: PublishedText) -> bool:
    """Nobody is told a dose: neither who asks for one, nor (asking of a medicine) by two sentences that name one."""
    if turn.intent != "ask_medication":
        return True
    return not asks_dose(turn.text) and not names_dose(article.summary)
