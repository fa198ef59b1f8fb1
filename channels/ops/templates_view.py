"""The SMS templates and WeChat notices as people who look after them see them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from channels.sms.template import SINGLE_PART, VARIABLE_CHARS, Finding, SmsTemplate, count_parts
from channels.wechat.models import SubscriptionGrant
from channels.wording.models import SmsTemplateRow
from store.database import Database

USES_LOOKED_AT = 500
"""The newest SMS: how often each template was used among them."""
MOST_PARTS = 2
"""The house's own rule: an SMS has at most two parts."""
_PIECES = re.compile(r"(\$\{\w+\})")
Kind = Literal["code", "notice", "marketing"]


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """One template. `shortest` and `longest` count characters with the signature, its variables empty or full; `parts` are
    the SMS of the longest. `old`: the wording has another text by now. `in_use`: this is what is sent."""

    row: SmsTemplateRow
    pieces: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    shortest: int
    longest: int
    parts: int
    uses: int
    old: bool
    in_use: bool

    @property
    def state(self) -> str:
        """As in the row; `waiting` for those submitted that the vendor has not got yet."""
        return "waiting" if self.row.state == "submitted" and self.row.sent_at is None else self.row.state

    @property
    def too_long(self) -> bool:
        return self.parts > MOST_PARTS

    @property
    def may_submit(self) -> bool:
        return self.row.state in ("draft", "rejected") and not self.old and not self.findings

    @property
    def meter(self) -> tuple[float, float]:
        """What is fixed and what variables may add, in percent of two parts (`SINGLE_PART` is at half)."""
        whole = SINGLE_PART * MOST_PARTS
        fixed = min(100.0, self.shortest * 100 / whole)
        return round(fixed, 1), round(min(100.0 - fixed, (self.longest - self.shortest) * 100 / whole), 1)


def pieces(text: str) -> list[tuple[str, str]]:
    """`text` in order as `("text", words)` and `("variable", name)`."""
    parts = [part for part in _PIECES.split(text) if part]
    return [("variable", part[2:-1]) if _PIECES.fullmatch(part) else ("text", part) for part in parts]


def lines(
    rows: Sequence[SmsTemplateRow],
    sign: str,
    current: Collection[tuple[str, int, str]],
    uses: Mapping[str, int],
) -> list[TemplateLine]:
    """`rows` of one account. `current` are key, options and revision of the texts in use; an FAQ's newest text is its current."""
    newest: dict[tuple[str, int], SmsTemplateRow] = {}
    sent: dict[tuple[str, int], SmsTemplateRow] = {}
    for row in sorted(rows, key=lambda one: (one.updated_at, one.code)):
        newest[row.key, row.options] = row
        if row.state == "approved":
            sent[row.key, row.options] = row

    def line(row: SmsTemplateRow) -> TemplateLine:
        place = (row.key, row.options)
        template = SmsTemplate(row.code, row.key, row.text, sign, cast("Kind", row.kind))
        names = template.variables
        full = template.render(dict.fromkeys(names, "字" * VARIABLE_CHARS))
        of_wording = (*place, row.revision) in current
        return TemplateLine(
            row=row,
            pieces=pieces(row.text),
            findings=template.problems(),
            shortest=len(template.render(dict.fromkeys(names, ""))),
            longest=len(full),
            parts=count_parts(full),
            uses=uses.get(row.key, 0),
            old=not of_wording and not (row.key.startswith("faq:") and newest[place] is row),
            in_use=sent.get(place) is row,
        )

    return [line(row) for row in rows]


async def uses(database: Database, account_id: str) -> Mapping[str, int]:
    """How often each template's key stands in the account's newest SMS. The keys are sealed: opened outside the event loop."""
    async with database.read("template uses") as session:
        rows = list(
            await session.scalars(
                select(OutboundMessage)
                .where(OutboundMessage.channel == "sms", OutboundMessage.account_id == account_id)
                .order_by(OutboundMessage.created_at.desc())
                .limit(USES_LOOKED_AT)
            )
        )
        session.expunge_all()

    def count() -> Counter[str]:
        replies = [row.reply or {} for row in rows]
        return Counter(str((one.get("params") or {}).get("sms_key") or one.get("key", "")) for one in replies)

    return await asyncio.to_thread(count)


@dataclass(frozen=True, slots=True)
class Grants:
    """How many people have said yes to a notice, and how many messages of one-time ones are still allowed."""

    people: int
    messages: int


async def grants(session: AsyncSession) -> dict[str, Grants]:
    """By the vendor's template id."""
    rows = await session.execute(
        select(
            SubscriptionGrant.template_id,
            func.count(),
            func.coalesce(func.sum(SubscriptionGrant.remaining), 0),
        )
        .where(SubscriptionGrant.accepted.is_(True))
        .group_by(SubscriptionGrant.template_id)
    )
    return {row[0]: Grants(row[1], int(row[2] or 0)) for row in rows}
