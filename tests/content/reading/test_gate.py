"""A stopped topic at the send gate."""

from __future__ import annotations

from uuid import UUID

from care.gate.reasons import Reason
from channels.outbox.models import OutboundMessage
from channels.wording.catalogue import Catalogue
from content.articles.refs import ref_of
from content.reading import stops
from content.reading.stops import StoppedTopics
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from tests.care.gate.conftest import FACTS, Town
from tests.factories.articles import people, published


async def test_education_of_a_stopped_topic_is_held_back(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    town = Town(database, clock, Catalogue(WORDING, FACTS), stops=StoppedTopics())
    town.at("2026-11-24 10:00")
    town.set_rules(burden={})
    async with database.write("articles") as session:
        await published(session, staff, clock)
        await published(session, staff, clock, "heart-one", topic="heart", title="装了支架以后")
    stopped, other = await town.patient(), await town.patient()
    talks = {who: (await town.contact(of=who))[1] for who in (stopped, other)}

    async def carries(who: UUID, slug: str, purpose: str = "education") -> OutboundMessage:
        return await town.message(talks[who], purpose, who, content_ref=ref_of(slug), content_revision=1)

    messages = [
        await carries(stopped, "t2dm-first"),
        await carries(stopped, "t2dm-first", "follow_up"),
        await carries(stopped, "heart-one"),
        await carries(other, "t2dm-first"),
    ]
    assert all(one.send for one in await town.check(*messages[:1]))
    async with database.write("stop") as session:
        await stops.stop(session, stopped, "diabetes", clock.now())
    told = [(one.send, one.reason) for one in await town.check(*messages)]
    assert told[0] == (False, Reason.TOPIC_STOPPED)
    assert all(reason != Reason.TOPIC_STOPPED for _, reason in told[1:])
    async with database.write("resume") as session:
        await stops.resume(session, stopped, "diabetes", clock.now())
    assert (await town.check(messages[0]))[0].send
