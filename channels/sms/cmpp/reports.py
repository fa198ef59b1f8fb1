"""Which of our messages a delivery report tells of: parts are counted together, and an uncertain send may yet be settled."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from channels.chinatime import CHINA
from channels.ports import ChannelName, Receipt
from channels.sms.cmpp.codec import Report
from channels.sms.numbers import to_e164

DELIVERED = "DELIVRD"
KEPT = 50_000
"""Messages remembered; reports come within three days (the longest validity of a message)."""
OPEN_KEPT = 5_000
SUBMIT_SLACK = timedelta(minutes=10)
"""How far a report's Submit_time may be from our own for an unknown Msg_Id to be taken as an unanswered send's. Ours."""


def id_text(msg_id: int) -> str:
    """Msg_Id as it is stored: sixteen hexadecimal digits."""
    return f"{msg_id:016x}"


@dataclass(slots=True, eq=False)
class Sent:
    """One message: our reference, the number (E.164), the ids of its parts as they are accepted."""

    client_ref: str
    number: str
    parts: int
    at: datetime
    ids: list[str] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    failed: bool = False


class SentBook:
    """What this process sent, by Msg_Id. After a restart reports are still matched by the stored id of the first part."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._by_id: OrderedDict[str, Sent] = OrderedDict()
        self._open: OrderedDict[Sent, None] = OrderedDict()

    def leaving(self, sent: Sent) -> None:
        """`sent` goes out now: until its fate is `known`, a report of an unknown id may be its own."""
        self._open[sent] = None
        while len(self._open) > OPEN_KEPT:
            self._open.popitem(last=False)

    def known(self, sent: Sent) -> None:
        """All parts of `sent` were answered."""
        self._open.pop(sent, None)

    def accepted(self, sent: Sent, msg_id: int) -> None:
        """The gateway took one more part of `sent`."""
        sent.ids.append(id_text(msg_id))
        self._remember(sent, id_text(msg_id))

    def receipt(self, report: Report) -> Receipt | None:
        """What to record: success once all parts are delivered, failure with the first that is not; `None`: nothing yet (or
        nothing more). Asked again it answers the same."""
        key, ok = id_text(report.msg_id), report.stat == DELIVERED
        sent = self._by_id.get(key) or self._guess(report)
        vendor_id, client_ref = key, ""
        if sent is not None:
            vendor_id, client_ref = sent.ids[0] if key in sent.ids else key, sent.client_ref
            if not ok:
                sent.failed = True
            else:
                sent.delivered.add(key)
                if sent.failed or len(sent.delivered) < sent.parts:
                    return None
            self.known(sent)
        at = _time(report.done_time)
        return Receipt(ChannelName.SMS, self._account_id, vendor_id, client_ref, ok, report.stat, at)

    def _guess(self, report: Report) -> Sent | None:
        """The send whose answer never came (or is still to come), if only one to this number fits the report's time."""
        number, at = to_e164(report.dest_terminal_id), _time(report.submit_time)
        if number is None or at is None:
            return None
        fits = [sent for sent in self._open if sent.number == number and abs(sent.at - at) <= SUBMIT_SLACK]
        if len(fits) != 1:
            return None
        self._remember(fits[0], id_text(report.msg_id))
        return fits[0]

    def _remember(self, sent: Sent, key: str) -> None:
        self._by_id[key] = sent
        while len(self._by_id) > KEPT:
            self._by_id.popitem(last=False)


def _time(text: str) -> datetime | None:
    """YYMMDDhhmm; some gateways leave it empty."""
    try:
        return datetime.strptime(text, "%y%m%d%H%M").replace(tzinfo=CHINA)
    except ValueError:
        return None
