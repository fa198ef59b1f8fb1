"""我的报告出来了吗: what is ready for whom, never what it says; by SMS not even which examination."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from actions.services import Services
from care.patients import service as patients
from care.patients.models import Relation
from care.reports.models import DiagnosticReport
from content.faq.search import FaqIndex
from store.database import Database
from tests.actions.conftest import World
from tests.actions.test_knowledge import embedder as embedder
from tests.actions.test_knowledge import known as known
from tests.factories.messages import SMS
from tests.factories.stage import Stage, stage

ASKED = "我的报告出来了吗"
RESULT = "阳性"


async def examined(database: Database, services: Services, patient_id: UUID, *titles: str) -> None:
    """Yesterday; the first is signed, others are not."""
    now = services.clock.now()
    async with database.write() as session:
        for n, title in enumerate(titles):
            session.add(
                DiagnosticReport(
                    identifier=f"{patient_id}{n}"[:64],
                    patient_id=patient_id,
                    category="LAB",
                    title=title,
                    status="registered" if n else "final",
                    effective_at=now - timedelta(days=1),
                    due_at=now + timedelta(days=1) if n else None,
                    issued_at=None if n else now,
                    conclusion=RESULT,
                )
            )


async def bind(database: Database, on: Stage, patient_id: UUID, relation: Relation) -> None:
    async with database.write() as session:
        await patients.link_contact(session, patient_id, on.contact_id, relation, at=on.services.clock.now())


async def test_what_is_ready_is_said_and_not_what_it_says(
    services: Services, known: FaqIndex, database: Database, world: World
) -> None:
    on = await stage(services)
    await examined(database, services, world.people["王秀兰"], "乙肝五项", "血常规")
    assert await on.say(ASKED, "get_report") != ["report.list"], "nobody is bound: only in general"
    await bind(database, on, world.people["王秀兰"], Relation.SELF)
    assert await on.say(ASKED, "get_report") == ["report.list"]
    rows = on.last.params["rows"]
    assert "乙肝五项：报告已出" in rows
    assert "血常规：还没出，预计11月23日" in rows
    assert RESULT not in str(on.last)


async def test_a_relative_hears_the_kind_of_examination_and_only_of_whom_they_asked(
    services: Services, known: FaqIndex, database: Database, world: World
) -> None:
    on = await stage(services)
    await examined(database, services, world.people["王秀兰"], "乙肝五项")
    await examined(database, services, world.people["李静"], "血常规")
    await bind(database, on, world.people["王秀兰"], Relation.MOTHER)
    await bind(database, on, world.people["李静"], Relation.SELF)
    assert await on.say("我妈的报告出来了吗", "get_report") == ["report.list"]
    rows = on.last.params["rows"]
    assert "化验：报告已出" in rows
    assert "乙肝" not in rows
    assert "血常规" not in rows
    await on.say(ASKED, "get_report")
    assert on.last.params["rows"].count("报告已出") == 2
    assert await on.say("我爸的报告出来了吗", "get_report") == ["bind.needed"]


async def test_by_sms_only_that_something_is_ready(
    services: Services, known: FaqIndex, database: Database, world: World
) -> None:
    on = await stage(services, SMS)
    await examined(database, services, world.people["王秀兰"], "乙肝五项", "血常规")
    await bind(database, on, world.people["王秀兰"], Relation.SELF)
    assert await on.say(ASKED, "get_report") == ["report.some_ready"]
    assert on.last.params == {"count": 1}
    stranger = await stage(services, SMS, "+8613900000009", holder="unknown")
    await bind(database, stranger, world.people["王秀兰"], Relation.SELF)
    keys = await stranger.say(ASKED, "get_report")
    assert not any(key.startswith("report.") for key in keys), "first who answers this phone"
