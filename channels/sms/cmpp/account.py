"""What a carrier agrees with a hospital: where its gateway is, who logs in, and the limits of the line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from channels.sms.port import SmsAccount

PORT = 7890
"""The standard's port for long-lived connections (CMPP 3.0, section 6.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CmppAccount(SmsAccount):
    """One login at one gateway. Times are real seconds.

    `source_addr` is the enterprise code (SP_Id, six digits), `secret` the shared one, `service_id` and `src_id` (the number
    the patient sees, 1069…) as the carrier assigned them.
    """

    driver: ClassVar[str] = "cmpp"
    host: str
    source_addr: str
    secret: str = field(repr=False)
    service_id: str
    src_id: str
    port: int = PORT
    window: int = 16
    """Requests without an answer at a time; the standard's W."""
    max_parts: int = 2
    """Longest message in parts; the house's rule, the protocol allows 255."""
    fee_user_type: int = 2
    """Who pays: 2 is the enterprise (SP)."""
    fee_type: str = "01"
    """01: the patient pays nothing for the message."""
    fee_code: str = "000000"
    connect_timeout: float = 5.0
    response_timeout: float = 20.0
    """To wait for SUBMIT_RESP before the message counts as uncertain. The standard's T is 60 s, after which it would send the
    request again; we never do. Two parts must fit into the outbox's lease of 60 s."""
    heartbeat: float = 180.0
    """The standard's C: an idle line is tested after three minutes."""
    heartbeat_timeout: float = 60.0
    """The standard's T for a link test."""
    heartbeat_misses: int = 3
    """The standard's N: unanswered link tests before the line counts as dead."""
    reconnect_after: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    """Waits before the next connection; the last one repeats. Ours."""
    flow_results: tuple[int, ...] = (8,)
    """Results of SUBMIT after which the same message may be sent later; carriers add their own to the standard's 8."""
    flow_wait: float = 2.0
    """Seconds after a flow-control result. Ours."""
    mo_hold: float = 20.0
    """How long the parts of a patient's long message wait for each other, unacknowledged; less than the gateway's T of 60 s."""

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, value, longest in (
                ("source_addr", self.source_addr, 6),
                ("service_id", self.service_id, 10),
                ("src_id", self.src_id, 21),
                ("fee_type", self.fee_type, 2),
                ("fee_code", self.fee_code, 6),
            )
            if not value.isascii() or not value.isprintable() or not len(value) <= longest
        ]
        if wrong or not self.source_addr or not self.src_id or not self.secret.isascii():
            raise ValueError(
                f"CMPP account {self.account_id}: source_addr (6), service_id (10), src_id (21), fee_type (2), "
                f"fee_code (6) and secret are ASCII and no longer than that; wrong: {', '.join(wrong) or 'empty'}"
            )
        if not (
            1 <= self.window <= 255 and 1 <= self.max_parts <= 255 and self.reconnect_after and self.sign
        ):
            raise ValueError(
                f"CMPP account {self.account_id}: window and max_parts are 1 to 255, sign is not empty"
            )
