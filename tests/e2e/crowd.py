"""Many people writing at once, and what must be true of every message of theirs whatever was killed meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import func, select

from care.desk.models import DeskTask, TaskKind
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from tests.e2e.installation import SMS, WECHAT, Installation, http, wait_until

SAYS = (
    "停车怎么收费", "住院需要带什么", "你是机器人吗", "异地医保怎么备案", "谢谢", "可以用医保吗", "给我讲个笑话", "膝盖疼三天了",
    "孙海涛医生哪天出诊", "你能干什么",
)  # fmt: skip


@dataclass
class Crowd:
    """Everybody writes at once: so many people of each channel, so many messages each; `taken` counts what the callbacks
    acknowledged."""

    home: Installation
    wechat: tuple[int, int]
    sms: tuple[int, int]
    at_once: int = 0
    taken: int = 0
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> None:
        """Send everything, each patient's messages in order. Returns when every push came to its end."""
        people = [(WECHAT, openid, self.wechat[1]) for openid in followers(self.wechat[0])]
        people += [(SMS, f"+8619700{n:06d}", self.sms[1]) for n in range(self.sms[0])]
        with ThreadPoolExecutor(self.at_once or len(people)) as many:
            list(many.map(self._one, range(len(people)), people))

    def _one(self, start: int, person: tuple[str, str, int]) -> None:
        channel, address, count = person
        kind = "users" if channel == WECHAT else "phones"
        url = f"{self.home.simulator(channel)}/_sim/{kind}/{quote(address)}/text"
        for n in range(count):
            result = http("POST", url, {"text": SAYS[(start + n) % len(SAYS)]}, timeout=120).json()
            with self._lock:
                self.taken += result["status"] == "ok"
                self.refused += result["status"] != "ok"


def followers(count: int) -> tuple[str, ...]:
    """The openids of so many followers."""
    return tuple(f"oCrowd_{n:04d}" for n in range(count))


def statuses(home: Installation, table: type[InboundMessage] | type[OutboundMessage]) -> Counter[str]:
    with home.rows() as session:
        rows = session.execute(select(table.status, func.count()).group_by(table.status))
        return Counter({str(row[0]): int(row[1]) for row in rows})


def unfinished(home: Installation) -> int:
    """Messages stored and not yet answered, or answered and not yet gone."""
    waiting = statuses(home, InboundMessage)["received"]
    leaving = statuses(home, OutboundMessage)
    return waiting + leaving["queued"] + leaving["sending"]


def started_sends(home: Installation) -> int:
    """Attempts whose outcome nobody has written: in flight."""
    with home.rows() as session:
        found = select(func.count()).select_from(DeliveryAttempt).where(DeliveryAttempt.verdict == "started")
        return session.scalar(found) or 0


def last_seen(home: Installation) -> int:
    with home.rows() as session:
        return session.scalar(select(func.count()).select_from(InboundMessage)) or 0


def check_every_message(home: Installation, after: set[UUID], in_flight: int) -> None:
    """The promise: handled, and answered by something the vendor has accepted, or uncertain with a task."""
    with home.rows() as session:
        inbound = [row for row in session.scalars(select(InboundMessage)) if row.id not in after]
        outbound = list(session.scalars(select(OutboundMessage)))
        attempts = Counter(
            session.scalars(select(DeliveryAttempt.outbound_id).where(DeliveryAttempt.verdict == "accepted"))
        )
        tasks = set(
            session.scalars(select(DeskTask.dedup_key).where(DeskTask.kind == TaskKind.UNCERTAIN_SEND))
        )
        contacts = {contact.id: contact.address for contact in session.scalars(select(Contact))}
    assert {row.status for row in inbound} == {"handled"}
    answers: dict[UUID | None, list[OutboundMessage]] = {}
    for row in outbound:
        if not row.dedup_key.startswith("wait:"):
            answers.setdefault(row.inbound_id, []).append(row)
    unanswered = [row.id for row in inbound if not answers.get(row.id)]
    assert not unanswered, f"{len(unanswered)} messages have no answer"
    ends = Counter(row.status for row in outbound)
    unsaid = {row.id for row in outbound if row.status not in ("accepted", "delivered", "uncertain")}
    assert not unsaid, (ends, _why(home, unsaid))
    uncertain = [row for row in outbound if row.status == "uncertain"]
    assert len(uncertain) <= in_flight, f"{len(uncertain)} uncertain, {in_flight} were in flight"
    assert all(f"uncertain:{row.id}" in tasks for row in uncertain), "an uncertain message without a task"
    assert not [n for n in attempts.values() if n > 1], "accepted twice by our own book"
    _check_vendors(home, outbound, contacts)


def _why(home: Installation, messages: set[UUID]) -> Counter[tuple[str | None, ...]]:
    """Rung, verdict, gate's reason and vendor's code of the tries of `messages`."""
    with home.rows() as session:
        tries = [one for one in session.scalars(select(DeliveryAttempt)) if one.outbound_id in messages]
        return Counter((one.rung, one.verdict, one.gate, one.code) for one in tries)


def _check_vendors(home: Installation, outbound: list[OutboundMessage], contacts: dict[UUID, str]) -> None:
    """The vendors' own books: each message accepted at most once, each accepted one of ours among theirs."""
    texts = http("GET", f"{home.simulator(SMS)}/_log").json()
    references = Counter(one["ref"] for one in texts)
    assert not [ref for ref, n in references.items() if n > 1], "an SMS was accepted twice"
    sms = {str(row.id): row.status for row in outbound if contacts[row.contact_id].startswith("+86")}
    assert set(references) <= set(sms)
    assert {ref for ref, status in sms.items() if status in ("accepted", "delivered")} <= set(references)
    theirs = Counter(one["address"] for one in http("GET", f"{home.simulator(WECHAT)}/_log").json())
    sure: Counter[str] = Counter()
    perhaps: Counter[str] = Counter()
    for row in outbound:
        if (address := contacts[row.contact_id]).startswith("o"):
            (perhaps if row.status == "uncertain" else sure)[address] += 1
    for address, n in theirs.items():
        assert sure[address] <= n <= sure[address] + perhaps[address], f"{address}: {n} of {sure[address]}"
    assert set(sure) <= set(theirs)


def everything_ends(home: Installation, seconds: float) -> None:
    wait_until(
        lambda: unfinished(home) == 0,
        f"everything is answered ({statuses(home, InboundMessage)})",
        seconds,
        0.5,
    )


def known(home: Installation) -> set[UUID]:
    with home.rows() as session:
        return set(session.scalars(select(InboundMessage.id)))
