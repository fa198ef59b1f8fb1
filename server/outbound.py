"""What goes out: the gate that decides, the workers that send, the reports that come back."""

from __future__ import annotations

from dataclasses import dataclass

from care.gate.policy import Gate
from care.gate.words import CatalogueWords
from channels.outbox.delivery import Delivery
from channels.outbox.enquiry import Enquiry
from channels.outbox.passive import Passive
from channels.outbox.receipts import Receipts
from channels.questions import holder
from channels.wording.catalogue import Catalogue
from content.articles.sendable import ArticleContents
from content.reading.stops import StoppedTopics
from server.people import CareDesk
from server.settings import Settings
from server.vendors import Vendors
from server.work import Job
from store.clock import Clock
from store.database import Database


@dataclass(slots=True)
class Outbound:
    """`rehearsal`: the gate for trying things out: it asks nobody anything."""

    rehearsal: Gate
    delivery: Delivery
    passive: Passive
    receipts: Receipts
    enquiry: Enquiry

    def queued(self) -> None:
        """Something was queued: a callback that waits, or the worker, may take it now."""
        self.passive.queued()
        self.delivery.wake()

    def jobs(self) -> list[Job]:
        return [self.delivery.run, self.enquiry.run]


def make_outbound(
    settings: Settings,
    database: Database,
    clock: Clock,
    catalogue: Catalogue,
    vendors: Vendors,
    desk: CareDesk,
) -> Outbound:
    gate, rehearsal = (
        Gate(
            settings.gate,
            CatalogueWords(catalogue),
            vendors.notices,
            asks,
            passive_only=vendors.passive_only,
            contents=ArticleContents(clock),
            stops=StoppedTopics(),
        )
        for asks in (holder, None)
    )
    delivery = Delivery(
        database,
        clock,
        catalogue,
        vendors.senders,
        gate,
        desk,
        settings.delivery_concurrency,
        vendors.rates,
        {one.account_id: one.account_type for one in vendors.accounts.wechat.values()},
    )
    receipts = Receipts(database, clock, delivery.wake, desk)
    return Outbound(
        rehearsal=rehearsal,
        delivery=delivery,
        passive=Passive(database, clock, catalogue, gate, delivery.wake),
        receipts=receipts,
        enquiry=Enquiry(database, clock, vendors.senders, receipts, desk),
    )
