"""SMS templates: every wording's, FAQ entry's, article's and plan's is registered with each account, handed in for review and read back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import sms
from care.plans.definition import Plan
from care.plans.publishing import all_current
from channels.sms import review
from channels.sms.aliyun import AliyunSender
from channels.wording import registry
from channels.wording.catalogue import Catalogue, Template, make_template
from content.campaigns.texts import sms_texts
from content.faq.search import sms_text
from content.faq.service import published
from content.sms.lint import SmsFrame, article_tail
from server.vendors import Vendors
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

POLL_EVERY = 10
"""Rounds of handing in between two in which what is in review is asked after."""


def of_plan(plan: Plan, catalogue: Catalogue) -> list[Template]:
    """What a plan's own words are by SMS."""
    return [make_template(one.key, 0, catalogue.sms_text(one.text)) for one in sms.templates(plan)]


class Templates:
    """`on_change`: who else must know what is approved now."""

    def __init__(
        self, database: Database, clock: Clock, catalogue: Catalogue, vendors: Vendors, *, simulators: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._vendors = vendors
        self._simulators = simulators
        self._rounds = 0
        self.on_change: list[Callable[[], Awaitable[None]]] = []

    async def sync(self) -> None:
        """Register what is to be said.

        In the demo the vendor approves it at once; a driver that takes free text needs nobody's approval.
        """
        templates = self._catalogue.sms_templates()
        async with self._database.read("faq-templates") as session:
            entries = await published(session)
        templates += [
            make_template(f"faq:{one.slug}", 0, self._catalogue.sms_text(sms_text(one))) for one in entries
        ]

        async with self._database.read("article-templates") as session:
            texts = await sms_texts(session)
        frame = SmsFrame("", self._catalogue.sms_text(article_tail()), kind="marketing")
        templates += [make_template(name, 0, frame.body(text)) for name, text in texts]

        async with self._database.read("plan-templates") as session:
            plans = [one.plan for one in await all_current(session) if one.plan.signed_by]
        templates += [one for plan in plans for one in of_plan(plan, self._catalogue)]

        async def work(session: AsyncSession) -> None:
            for account_id in self._vendors.accounts.sms:
                free = self._simulators or self._vendors.free_text(account_id)
                state = "approved" if free else "draft"
                await registry.register(
                    session, templates, self._clock.now(), account_id=account_id, state=state
                )

        await self._database.transact(work, "templates")
        await self.load()

    async def load(self) -> None:
        """Let SMS say what is approved by now."""
        async with self._database.read("templates") as session:
            await registry.load_into(session, self._catalogue, self._vendors.accounts.sms)
        for tell in self.on_change:
            await tell()

    async def review(self, *, poll: bool = True) -> None:
        """Hand in what operators submitted; with `poll` ask after what is in review. What may be said is read anew."""
        for account_id, account in self._vendors.accounts.sms.items():
            sender = self._vendors.senders["sms", account_id]
            if isinstance(sender, AliyunSender):
                await review.sync(
                    self._database,
                    self._clock,
                    account_id,
                    account.sign,
                    review.AliyunReview(sender),
                    poll=poll,
                )
        await self.load()  # decided here, in another process or by a file

    async def run(self) -> None:
        """As often as a vendor takes applications; after those in review every tenth round."""
        await rounds("templates.sync_failed", review.APART.total_seconds(), self._round)

    async def _round(self) -> None:
        await self.review(poll=self._rounds % POLL_EVERY == 0)
        self._rounds += 1
