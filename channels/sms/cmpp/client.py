"""A carrier gateway as a `Sender`: free text with the signature in front, in parts, over one long-lived connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog

from channels.ports import InboundSink, Outcome, ReceiptSink, Rendered, SendResult
from channels.sms.cmpp.account import CmppAccount
from channels.sms.cmpp.codec import Answer, Malformed, Submit
from channels.sms.cmpp.intake import Intake
from channels.sms.cmpp.link import Link, LoginRefused, NotSent, Unanswered
from channels.sms.cmpp.reports import Sent, SentBook
from channels.sms.cmpp.text import split
from channels.sms.numbers import national
from channels.sms.port import Capabilities
from channels.sms.template import LONG_PART, SINGLE_PART, signed
from store.clock import Clock

log = structlog.get_logger(__name__)

LATER_TRIES = 3
"""Times a later part of a message is offered again after a definite flow-control answer: its first part has left already."""


class CmppSender:
    """Implements `SmsSender` and `Connected`. `run` keeps the connection and takes what patients send; without it every send is a retry.

    One connection a process: a carrier allows only so many for one login.
    """

    def __init__(
        self, account: CmppAccount, clock: Clock, inbound: InboundSink, receipts: ReceiptSink
    ) -> None:
        self.account = account
        self._clock = clock
        self._book = SentBook(account.account_id)
        self._intake = Intake(account.account_id, account.mo_hold, clock, inbound, receipts, self._book)
        self._link: Link | None = None
        self._reference = 0
        self._retry_after = 1.0
        self.login_status: int | None = None
        """The last CONNECT_RESP; 0 is right, `None` before the first."""
        self._refusals = 0
        """Logins refused one after another."""
        self.connected_at: datetime | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Free text, the signature not counted."""
        parts = self.account.max_parts
        longest = SINGLE_PART if parts == 1 else LONG_PART * parts
        return Capabilities(template_only=False, text_chars=longest - len(self.account.sign) - 2)

    @property
    def connected(self) -> bool:
        return self._link is not None and self._link.alive

    async def run(self) -> None:
        """Connect, serve, and connect again with growing waits, until cancelled."""
        storing = asyncio.create_task(self._intake.run())
        try:
            failures = 0
            while True:
                if await self._serve():
                    failures = 0
                waits = self.account.reconnect_after
                self._retry_after = waits[min(failures, len(waits) - 1)]
                failures += 1
                await asyncio.sleep(self._retry_after)
        finally:
            storing.cancel()
            await self.close()

    async def _serve(self) -> bool:
        """One connection from login to its end; whether the login worked."""
        name = self.account.account_id
        try:
            link = await Link.open(self.account, self._clock, self._intake.take)
        except LoginRefused as error:
            self.login_status = error.status
            self._refusals += 1
            log.error("cmpp.login_refused", account=name, status=error.status, reason=str(error))
            return False
        except (OSError, TimeoutError, Malformed) as error:
            log.warning("cmpp.not_connected", account=name, reason=type(error).__name__)
            return False
        self.login_status, self.connected_at = 0, self._clock.now()
        self._refusals = 0
        self._link = link
        log.info("cmpp.connected", account=name)
        reason = await link.run()
        self._link = None
        log.warning("cmpp.disconnected", account=name, reason=reason)
        return True

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        """`address` is E.164, mainland mobile numbers only. The vendor's id is the Msg_Id of the first part."""
        if not address.startswith("+861"):
            return _refused("number_not_supported", "mainland mobile numbers only")
        if not message.text:
            return _refused("text_required", "a gateway takes free text only")
        self._reference = self._reference % 255 + 1
        contents = split(signed(message.text, self.account.sign), self._reference)
        if len(contents) > self.account.max_parts:
            return _refused("too_long", f"{len(contents)} parts, {self.account.max_parts} are allowed")
        link = self._link
        if link is None or not link.alive:
            return self._not_connected()
        sent = Sent(client_ref, address, len(contents), self._clock.now())
        self._book.leaving(sent)
        result: SendResult | None = None
        for number, content in enumerate(contents, 1):
            if (result := await self._part(link, sent, content, number)) is not None:
                break
        if result is None:
            result = SendResult(Outcome.ACCEPTED, vendor_id=sent.ids[0], code="0", parts=sent.parts)
        if result.outcome is not Outcome.UNCERTAIN:
            self._book.known(sent)
        return result

    async def _part(self, link: Link, sent: Sent, content: bytes, number: int) -> SendResult | None:
        """Send one part; `None` when it was accepted. The next one leaves only then, so nobody gets a second half alone."""
        first = sent.ids[0] if sent.ids else ""
        for left in range(LATER_TRIES if first else 1, 0, -1):
            try:
                answer = await link.submit(
                    self._submit(sent, content, number), lambda answer: self._late(sent, answer)
                )
            except NotSent as error:
                if first:
                    return _half(sent, "not_sent", str(error))
                return SendResult(
                    Outcome.RETRY, code="not_sent", detail=str(error), retry_after=self.account.flow_wait
                )
            except Unanswered as error:
                return SendResult(
                    Outcome.UNCERTAIN, vendor_id=first, code="unclear", detail=str(error), parts=number
                )
            if answer.result == 0:
                self._book.accepted(sent, answer.msg_id)
                return None
            if answer.result not in self.account.flow_results or left == 1:
                return self._answered(answer, sent)
            await asyncio.sleep(self.account.flow_wait)
        raise AssertionError("unreachable")

    def _submit(self, sent: Sent, content: bytes, number: int) -> Submit:
        account = self.account
        return Submit(
            msg_src=account.source_addr,
            src_id=account.src_id,
            destinations=(national(sent.number),),
            content=content,
            pk_total=sent.parts,
            pk_number=number,
            service_id=account.service_id,
            fee_user_type=account.fee_user_type,
            tp_udhi=1 if sent.parts > 1 else 0,
            fee_type=account.fee_type,
            fee_code=account.fee_code,
        )

    def _not_connected(self) -> SendResult:
        """Later; where the login itself is refused, not before a person has looked at the account."""
        status = self.login_status or 0
        refused = status in LOGIN and (status != OTHER or self._refusals >= OTHER_TRIES)
        return SendResult(
            Outcome.RETRY,
            code=f"login_{status}" if refused else "not_connected",
            detail=LOGIN[status] if refused else "no connection to the gateway",
            retry_after=self._retry_after,
            stop_channel=refused,
        )

    def _answered(self, answer: Answer, sent: Sent) -> SendResult:
        """A result that is not 0."""
        code = str(answer.result)
        detail = RESULTS.get(answer.result, "the gateway's own code")
        if sent.ids:
            return _half(sent, code, detail)
        if answer.result in self.account.flow_results:
            return SendResult(
                Outcome.RETRY, code=code, detail=detail, retry_after=self.account.flow_wait, next_rung=True
            )
        if answer.result in _ALERT:
            log.error("cmpp.refused", account=self.account.account_id, code=code, reason=detail)
        return SendResult(
            Outcome.REFUSED,
            code=code,
            detail=detail,
            next_rung=True,
            stop_contact=answer.result == 13,
            stop_channel=answer.result in _ACCOUNT,
        )

    def _late(self, sent: Sent, answer: Answer) -> None:
        """SUBMIT_RESP after its time: the send stays uncertain, but its reports are recognised."""
        log.info("cmpp.late_answer", account=self.account.account_id, result=answer.result)
        if answer.result == 0:
            self._book.accepted(sent, answer.msg_id)

    async def close(self) -> None:
        """Take leave of the gateway; what waits for an answer is uncertain."""
        link, self._link = self._link, None
        if link is not None and link.alive:
            with suppress(OSError):
                await link.terminate()


RESULTS = {
    1: "message structure", 2: "command", 3: "sequence id repeated", 4: "message length", 5: "fee code",
    6: "message too long", 7: "service code", 8: "flow control", 9: "gateway does not serve the charged number",
    10: "Src_Id", 11: "Msg_src", 12: "Fee_terminal_Id", 13: "Dest_terminal_Id",
}  # fmt: skip
"""SUBMIT_RESP's results, CMPP 3.0, section 7.4.3.2; above 13 the gateway's own."""
_ALERT = frozenset({1, 2, 3, 4, 5, 7, 10, 11, 12})
"""Our account or our code is wrong, not the message."""
_ACCOUNT = frozenset({5, 7, 10, 11})
"""What the carrier assigned to the account and stands in every message: nothing of it leaves until a person has looked."""
LOGIN = {
    1: "login message structure", 2: "source address", 3: "wrong secret", 4: "version too high", 5: "other error",
}  # fmt: skip
"""CONNECT_RESP's status, CMPP 3.0, section 7.4.1.2."""
OTHER, OTHER_TRIES = 5, 3
"""5 is also what a gateway says while it believes the lost line still stands [M]: only so many in a row stop the account. Ours."""


def _refused(code: str, detail: str) -> SendResult:
    return SendResult(Outcome.REFUSED, code=code, detail=detail, next_rung=True)


def _half(sent: Sent, code: str, detail: str) -> SendResult:
    """The first part has left, a later one cannot: never sent again by itself."""
    return SendResult(
        Outcome.UNCERTAIN, vendor_id=sent.ids[0], code=f"partial:{code}", detail=detail, parts=len(sent.ids)
    )
