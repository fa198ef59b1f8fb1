"""HL7 v2 in the house: the listener, and the worker behind it, where `BANYI_HL7_LISTEN` is set."""

from __future__ import annotations

import ssl
from datetime import datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.hl7.applying import Applier
from care.systems.hl7.client import Line
from care.systems.hl7.codes import Codes, CodesError, read_codes
from care.systems.hl7.listener import Door, Listener, Network
from care.systems.hl7.missed import put_missed
from care.systems.hl7.receiving import Receiver
from care.systems.hl7.system import Hl7System
from care.systems.models import SystemMessage
from server.settings import Settings, SettingsError
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

if TYPE_CHECKING:
    from server.house import House

log = structlog.get_logger(__name__)

ONCE = "once"
MISSED_EVERY = 5.0
"""Seconds between two looks for visits nobody came to."""


def add_hl7(house: House) -> None:
    """Listener and worker into the house's work, and what tells the booking system who did not come. Raises `SettingsError`."""
    settings = house.settings
    if settings.his == "hl7":
        house.work.workers.append(
            partial(rounds, "hl7.missed_failed", MISSED_EVERY, partial(_missed, house.database))
        )
    if not settings.hl7_listen:
        return
    codes = codes_of(settings)
    applier = Applier(house.database, house.clock, codes, _alarm)
    receiver = Receiver(house.database, house.clock, codes, applier.wake)
    listener = Listener(door(settings), receiver)
    house.work.workers += [listener.run, applier.run]


async def _missed(database: Database) -> None:
    while await database.transact(put_missed, "put missed visits"):
        pass


def door(settings: Settings) -> Door:
    """Raises `SettingsError`."""
    host, port = address(settings.hl7_listen)
    return Door(
        host=host,
        port=port,
        peers=peers(settings.hl7_peers),
        tls=_server_tls(settings),
        largest=settings.hl7_max_kb * 1024,
    )


def hl7_system(settings: Settings, clock: Clock) -> Hl7System:
    """Bookings told as SIU to `mllp://host:port/APPLICATION/FACILITY` (`mllps` with TLS; `?once`: a connection for each message).

    Raises `SettingsError`.
    """
    try:
        parts = urlsplit(settings.his_url)
        if parts.scheme not in ("mllp", "mllps") or not parts.hostname or not parts.port:
            raise ValueError
        if parts.query not in ("", ONCE):
            raise ValueError
    except ValueError as error:
        raise SettingsError(
            "BANYI_HIS_URL: write mllp://10.0.0.5:2575/HIS/HOSPITAL for HL7 v2 (?once for a connection each)."
        ) from error
    tls = None
    if parts.scheme == "mllps":
        try:
            tls = ssl.create_default_context(cafile=settings.hl7_tls_authority or None)
            if settings.hl7_tls_certificate:
                tls.load_cert_chain(settings.hl7_tls_certificate, settings.hl7_tls_key or None)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"BANYI_HL7_TLS_CERTIFICATE, _KEY, _AUTHORITY: {error}") from error
    application, _, facility = unquote(parts.path).strip("/").partition("/")
    line = Line(parts.hostname, parts.port, tls=tls, timeout=settings.his_timeout, once=parts.query == ONCE)
    return Hl7System(line, clock, (application, facility))


def address(text: str) -> tuple[str, int]:
    """`host:port`; the setting's pattern has seen to its form."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def peers(text: str) -> list[Network]:
    """Raises `SettingsError`."""
    try:
        return [ip_network(one.strip()) for one in text.split(",") if one.strip()]
    except ValueError as error:
        raise SettingsError(f"BANYI_HL7_PEERS: {error}; write 10.1.0.0/16,10.2.3.4") from error


def codes_of(settings: Settings) -> Codes:
    """Raises `SettingsError`."""
    try:
        return read_codes(Path(settings.hl7_codes) if settings.hl7_codes else None)
    except CodesError as error:
        raise SettingsError(f"BANYI_HL7_CODES: {error}") from error


def _server_tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.hl7_tls_certificate:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.hl7_tls_certificate, settings.hl7_tls_key or None)
        if settings.hl7_tls_authority:
            context.load_verify_locations(settings.hl7_tls_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"BANYI_HL7_TLS_CERTIFICATE, _KEY, _AUTHORITY: {error}") from error
    return context


async def _alarm(session: AsyncSession, row: SystemMessage, now: datetime) -> None:
    log.error("hl7.dead", message=str(row.id), kind=row.kind, reason=row.reason)
