"""The few shapes a vendor's adapter and the rest of the house exchange.

An adapter turns a callback into `Inbound` values and sends `Rendered` messages; everything else of a vendor stays in its
own folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol


class ChannelName(StrEnum):
    WECHAT = "wechat"
    SMS = "sms"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing a patient did, as the vendor told it.

    `vendor_key` is unique for the vendor's account and the same in every redelivery (WeChat: MsgId, or
    FromUserName+CreateTime+Event+EventKey; Aliyun: sequence_id). `kind` is `text`, `event` or `media`; `event` is the
    vendor's own word in lower case (`subscribe`, `unsubscribe`, `click`, `scan`…), `event_key` its key. `option_ref` is the
    menu id when the patient tapped a menu item (`<question-id>:<option-id>`). `raw` is the parsed body, kept encrypted.
    For `answer_within` seconds the vendor's line stays open for a passive reply (0: it does not).
    """

    channel: ChannelName
    account_id: str
    address: str
    vendor_key: str
    kind: Literal["text", "event", "media"]
    text: str = ""
    event: str = ""
    event_key: str = ""
    option_ref: str = ""
    sent_at: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    answer_within: float = 0.0


@dataclass(frozen=True, slots=True)
class MenuItem:
    """`id` comes back when the item is tapped, `label` is what is shown; `digit` chooses it where it is not its place."""

    id: str
    label: str
    digit: int = 0


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in the channel's own terms: text (with `menu` under it on WeChat), or a template with its variables.

    SMS: the vendor's template with its variables, and the same as `text` for drivers that take free text. WeChat: `rung` says
    whether it is a customer message (empty) or a notice (`channels.outbox.ports.Rung`); then `template_code` is the notice's
    id, `variables` its fields and `url` the page it opens."""

    text: str = ""
    menu: tuple[MenuItem, ...] = ()
    tail: str = ""
    template_code: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    rung: str = ""
    url: str = ""


class Outcome(StrEnum):
    """What is known after a try. `UNCERTAIN`: it may have left; it is never sent again by itself."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETRY = "retry"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class SendResult:
    """`code` and `detail` are the vendor's own words; `retry_after` (seconds) only with `RETRY`; `next_rung` says another way to
    reach the person may be tried; `stop_contact` that this address takes nothing, now and later; `stop_channel` that the account
    is of no use until a person has looked (wrong credentials, a penalty, an empty balance). `parts`: how many of the vendor's
    messages it took, where that is known better than before."""

    outcome: Outcome
    vendor_id: str = ""
    code: str = ""
    detail: str = ""
    retry_after: float = 0.0
    next_rung: bool = False
    stop_contact: bool = False
    stop_channel: bool = False
    parts: int = 0


class Sender(Protocol):
    """One vendor account that can send. Never raises for what a vendor or the network does: that is a `SendResult`."""

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult: ...

    async def close(self) -> None: ...


class InboundSink(Protocol):
    """Where adapters put what came in. Returns once it is stored for good; a repeat is accepted and changes nothing.

    Raises `StorageUnavailable` when it could neither be stored nor spooled: the adapter must then not acknowledge.
    """

    async def accept(self, messages: list[Inbound]) -> list[Accepted]: ...

    async def quarantine(self, channel: ChannelName, account_id: str, body: bytes, reason: str) -> None:
        """Keep an unreadable body (encrypted) for people to look at; opens a task."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one inbound message: its id, whether it was a repeat, and the passive reply stored for it (if any)."""

    inbound_id: str
    duplicate: bool
    passive_reply: Rendered | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A vendor's delivery report: `ok` is final success; `code` the vendor's word."""

    channel: ChannelName
    account_id: str
    vendor_id: str
    client_ref: str
    ok: bool
    code: str
    at: datetime | None = None


class Answers(Protocol):
    """Where an adapter asks for an answer that can still go back on the open line (`channels.outbox.passive.Passive`)."""

    async def answer(self, inbound_id: str, within: float, *, customer_messages: bool) -> Rendered | None:
        """The words to answer with, at most `within` seconds from now; None: there are none (yet). Asked again for the same
        message it gives the same words. `customer_messages`: whether more can be sent afterwards."""
        ...


class ReceiptSink(Protocol):
    async def record(self, receipts: list[Receipt]) -> list[Receipt]:
        """Keep what the vendors reported; gives back those that belong to no message of ours."""
        ...


class StorageUnavailable(RuntimeError):
    """Neither the database nor the spool took the message; the vendor must send it again."""
