"""The vendor's review of templates: what operators submitted is handed in, slowly, and asked after until it is decided.

Alibaba Cloud: https://help.aliyun.com/document_detail/2806243.html (variables),
https://help.aliyun.com/en/sms/user-guide/create-message-templates-1 (100 applications a calendar day, 30 s between them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import orjson
import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.ports import Outcome, SendResult
from channels.wording.catalogue import VARIABLE
from channels.wording.models import SmsSignatureRow, SmsTemplateRow
from store.clock import Clock
from store.database import Database, assert_no_session

log = structlog.get_logger(__name__)

DAILY = 100
"""Applications an account may make in a calendar day."""
APART = timedelta(seconds=30)
"""Least time between two applications, as the vendor asks."""
LOST = timedelta(minutes=5)
"""A process that died while handing one in has had time enough: people look whether the vendor has it."""
POLLED = 50
"""Templates asked after in one round, those not asked for longest first."""
NAME_CHARS = 30

State = Literal["submitted", "approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Application:
    """One template to be reviewed. `name` is for the reviewer, `sign` the signature it will be sent under."""

    name: str
    text: str
    kind: str
    sign: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """The vendor's own code of the template, and its number of the review."""

    code: str
    order_id: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """It did not work. `again`: certainly not taken, a later try may be; otherwise nobody knows, or it was refused."""

    why: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """How a review stands; `reason` when it was rejected."""

    state: State
    reason: str = ""


class TemplateReview(Protocol):
    """One account's reviews at its vendor. Never raises for what a vendor or the network does."""

    async def submit(self, application: Application) -> Received | Trouble: ...

    async def status(self, code: str) -> Decision | None:
        """None: could not be learned now."""
        ...

    async def signature(self, sign: str) -> Decision | None: ...


class Caller(Protocol):
    """What signs and sends a vendor's RPC (`AliyunSender`): an answer with a `body`, or a `SendResult`."""

    async def call(self, action: str, query: dict[str, str]) -> Any: ...


_TYPES = {"code": "0", "notice": "1", "marketing": "2"}
_STATES: Mapping[str, State] = {"0": "submitted", "1": "approved", "2": "rejected", "10": "rejected"}
"""TemplateStatus and SignStatus; 10 is a review that was called off."""
_AGAIN = ("Throttling", "isp.SYSTEM_ERROR", "isv.BUSINESS_LIMIT_CONTROL", "isv.TEMPLATE_OVER_LIMIT")
"""[M] the last: names of the refusal after the 100th application of a day differ."""
_RULES = {"code": "numberCaptcha", "phone": "phone_number2"}
"""Variable attributes by variable name; all others hold words (`others` [M])."""


class AliyunReview:
    """CreateSmsTemplate, GetSmsTemplate (the older QuerySmsTemplate where it is not there), GetSmsSign or QuerySmsSign."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def submit(self, application: Application) -> Received | Trouble:
        query = {
            "TemplateName": application.name[:NAME_CHARS],
            "TemplateContent": application.text,
            "TemplateType": _TYPES[application.kind],
            "RelatedSignName": application.sign,
        }
        if application.remark:
            query["Remark"] = application.remark[:100]
        if names := VARIABLE.findall(application.text):
            query["TemplateRule"] = orjson.dumps(
                {name: _RULES.get(name, "others") for name in names}
            ).decode()
        answer = await self._caller.call("CreateSmsTemplate", query)
        if isinstance(answer, SendResult):
            return Trouble(f"{answer.code} {answer.detail}".strip(), again=answer.outcome is Outcome.RETRY)
        code, message = str(answer.body.get("Code", "")), str(answer.body.get("Message", ""))
        if code != "OK" or not answer.body.get("TemplateCode"):
            return Trouble(f"{code} {message}".strip()[:300], again=code.startswith(_AGAIN))
        return Received(
            code=str(answer.body["TemplateCode"])[:32], order_id=str(answer.body.get("OrderId") or "")[:64]
        )

    async def status(self, code: str) -> Decision | None:
        query = {"TemplateCode": code}
        return await self._ask("GetSmsTemplate", "QuerySmsTemplate", query, "TemplateStatus")

    async def signature(self, sign: str) -> Decision | None:
        return await self._ask("GetSmsSign", "QuerySmsSign", {"SignName": sign}, "SignStatus")

    async def _ask(self, action: str, older: str, query: dict[str, str], field: str) -> Decision | None:
        for one in (action, older):
            answer = await self._caller.call(one, dict(query))
            if isinstance(answer, SendResult):
                return None
            if answer.body.get("Code") == "InvalidAction.NotFound":
                continue
            state = _STATES.get(str(answer.body.get(field)))
            if answer.body.get("Code") != "OK" or state is None:
                return None
            audit = answer.body.get("AuditInfo")
            reason = audit.get("RejectInfo") if isinstance(audit, dict) else answer.body.get("Reason")
            return Decision(state, str(reason or "")[:300] if state == "rejected" else "")
        return None


@dataclass(frozen=True, slots=True)
class Synced:
    """What a round did; `changed`: what may be said is different now."""

    sent: int = 0
    decided: int = 0
    signature: State | None = None

    @property
    def changed(self) -> bool:
        return self.decided > 0


async def sync(
    database: Database, clock: Clock, account_id: str, sign: str, review: TemplateReview, *, poll: bool = True
) -> Synced:
    """One round for one account: hand in the next submitted template if its turn has come, ask after those in review.

    Nothing is handed in that nobody submitted (`channels.wording.registry.submit`). Safe in several processes at once.
    """
    now = clock.now()
    sent = await _hand_in(database, clock, account_id, sign, review, now)
    if not poll:
        return Synced(sent)
    async with database.read("template-polls") as session:
        waiting = list(
            await session.scalars(
                select(SmsTemplateRow.code)
                .where(
                    SmsTemplateRow.account_id == account_id,
                    SmsTemplateRow.state == "submitted",
                    SmsTemplateRow.order_id.is_not(None),
                )
                .order_by(SmsTemplateRow.updated_at)
                .limit(POLLED)
            )
        )
    assert_no_session("template-review")
    found = {code: decision for code in waiting if (decision := await review.status(code)) is not None}
    standing = await review.signature(sign)

    async def work(session: AsyncSession) -> int:
        decided = 0
        for code, decision in found.items():
            changed = await session.execute(
                update(SmsTemplateRow)
                .where(
                    SmsTemplateRow.account_id == account_id,
                    SmsTemplateRow.code == code,
                    SmsTemplateRow.state == "submitted",
                )
                .values(state=decision.state, note=decision.reason or None, updated_at=now)
                .returning(SmsTemplateRow.code)
            )
            decided += decision.state != "submitted" and changed.first() is not None
        if standing is not None:
            await session.merge(
                SmsSignatureRow(
                    account_id=account_id,
                    sign=sign,
                    state=standing.state,
                    note=standing.reason or None,
                    checked_at=now,
                )
            )
        return decided

    decided = await database.transact(work, "template-decisions")
    return Synced(sent, decided, standing.state if standing else None)


async def _hand_in(
    database: Database, clock: Clock, account_id: str, sign: str, review: TemplateReview, now: datetime
) -> int:
    of_account = SmsTemplateRow.account_id == account_id
    midnight = clock.to_utc(clock.local_naive(now).replace(hour=0, minute=0, second=0, microsecond=0))

    async def take(session: AsyncSession) -> tuple[str, Application] | None:
        """Claim the next one by its `sent_at`; none before its time, and none after the day's last."""
        await session.execute(
            update(SmsTemplateRow)
            .where(
                of_account,
                SmsTemplateRow.state == "submitted",
                SmsTemplateRow.order_id.is_(None),
                SmsTemplateRow.sent_at < now - LOST,
            )
            .values(state="draft", note="unclear: the process died", updated_at=now)
        )
        today, last = (
            await session.execute(
                select(
                    func.count().filter(SmsTemplateRow.sent_at >= midnight), func.max(SmsTemplateRow.sent_at)
                ).where(of_account)
            )
        ).one()
        if today >= DAILY or (last is not None and last > now - APART):
            return None
        wanted = (
            select(SmsTemplateRow)
            .where(of_account, SmsTemplateRow.state == "submitted", SmsTemplateRow.sent_at.is_(None))
            .order_by(SmsTemplateRow.updated_at, SmsTemplateRow.code)
            .limit(1)
        )
        row = await session.scalar(wanted.with_for_update(skip_locked=True))
        if row is None:
            return None
        row.sent_at = now
        name = f"{row.key[:20]}/{row.options} {row.revision[:6]}"
        return row.code, Application(name, row.text, row.kind, sign)

    taken = await database.transact(take, "template-take")
    if taken is None:
        return 0
    ours, application = taken
    assert_no_session("template-review")
    result = await review.submit(application)

    async def work(session: AsyncSession) -> None:
        values: dict[str, object] = {"updated_at": now}
        match result:
            case Received(code=code, order_id=order_id):
                values |= {"code": code, "order_id": order_id or code, "note": None}
            case Trouble(why=why, again=True):
                values |= {"sent_at": None, "note": why[:300]}
            case Trouble(why=why):
                values |= {"state": "draft", "note": why[:300]}
        await session.execute(
            update(SmsTemplateRow)
            .where(of_account, SmsTemplateRow.code == ours, SmsTemplateRow.state == "submitted")
            .values(**values)
        )

    await database.transact(work, "template-sent")
    if isinstance(result, Trouble):
        log.warning("sms.template_not_submitted", account=account_id, key=application.name, reason=result.why)
        return 0
    return 1
