"""Rasa's tracker store, ours: one encrypted row a conversation, cut to what a dialogue still needs.

What a tracker holds is what patients typed, so it is sealed with AES-256-GCM (key id in front, bound to the row) like every
other text of theirs. Rasa owns no durable fact: a tracker that is lost or does not open costs a repeated question.

The last trackers saved are remembered as they are, beside the bytes they were sealed to: while the row still holds those bytes, it
need not be opened and replayed. Another process's turn changes the bytes, so several Rasa processes stay right.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Optional, Text

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SerializedTrackerAsText, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.pool import StaticPool

logger = logging.getLogger(__name__)

MOST_EVENTS, KEPT_EVENTS = 40, 20
"""A conversation of more events is cut to so many of the newest. The rules look back over one turn; what a form stands at is kept
besides. Each prediction replays all of them."""
_REMEMBERED = 256
"""Trackers remembered, about 50 KB each."""

_metadata = sa.MetaData()
_table = sa.Table(
    "rasa_tracker",
    _metadata,
    sa.Column("sender_id", sa.String(64), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


def keys_from_environment() -> "tuple[str, Dict[str, bytes]]":
    """`BANYI_DATA_KEYS` as `kid:base64[,kid:base64…]`, the first being the current one. Raises `ValueError`."""
    keys: Dict[str, bytes] = {}
    for part in os.environ.get("BANYI_DATA_KEYS", "").split(","):
        if part.strip():
            kid, _, value = part.strip().partition(":")
            keys[kid] = base64.b64decode(value)
    if not keys:
        raise ValueError("BANYI_DATA_KEYS is not set: Rasa's trackers cannot be encrypted")
    return next(iter(keys)), keys


@dataclass(frozen=True)
class _Remembered:
    """A tracker as it was saved: once it has more events than `count`, a turn has begun in it and perhaps failed."""

    sealed: bytes
    tracker: DialogueStateTracker
    count: int
    domain: Domain

    def holds(self, sealed: bytes, domain: Domain) -> bool:
        """Whether it is still what the row says."""
        return self.sealed == sealed and self.count == len(self.tracker.events) and self.domain is domain


class EncryptedTrackerStore(TrackerStore, SerializedTrackerAsText):
    """`host` is a SQLAlchemy 1.4 URL (Rasa hands the endpoint's `url` on under that name)."""

    def __init__(
        self, domain: Domain, host: Text = "", event_broker: Optional[EventBroker] = None, **kwargs: Any
    ) -> None:
        super().__init__(domain, event_broker, **kwargs)
        self._current, keys = keys_from_environment()
        self._ciphers = {kid: AESGCM(key) for kid, key in keys.items()}
        self._remembered: "OrderedDict[Text, _Remembered]" = OrderedDict()
        sqlite = host.startswith("sqlite")
        options: Dict[Text, Any] = {"pool_pre_ping": True}
        if sqlite:  # one connection, kept: Rasa's event loop is the only one that uses it
            options = {"connect_args": {"check_same_thread": False, "timeout": 15}, "poolclass": StaticPool}
        self._engine = sa.create_engine(host, **options)
        if sqlite:
            sa.event.listen(self._engine, "connect", _wal)
        _metadata.create_all(self._engine)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the newest events of `tracker`."""
        await self.stream_events(tracker)
        plain = self.serialise_tracker(tracker).encode()
        sealed = self._seal(zlib.compress(plain, 1), tracker.sender_id)
        with self._engine.begin() as connection:
            done = connection.execute(
                _table.update().where(_table.c.sender_id == tracker.sender_id).values(sealed=sealed)
            )
            if not done.rowcount:
                connection.execute(_table.insert().values(sender_id=tracker.sender_id, sealed=sealed))
        self._remember(tracker, sealed)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The tracker, or None when there is none or it does not open."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(_table.c.sealed).where(_table.c.sender_id == sender_id)
            ).first()
        known = self._remembered.pop(sender_id, None)
        if row is None:
            return None
        sealed = bytes(row[0])
        if known and known.holds(sealed, self.domain):
            return known.tracker
        try:
            return self.deserialise_tracker(
                sender_id, zlib.decompress(self._open(sealed, sender_id)).decode()
            )
        except (InvalidTag, KeyError, ValueError, zlib.error):
            logger.error("tracker of %s does not open; starting a new one", sender_id)
            return None

    def _remember(self, tracker: DialogueStateTracker, sealed: bytes) -> None:
        """Given out once: whoever retrieves it has it to himself until he saves it."""
        self._remembered.pop(tracker.sender_id, None)
        if len(tracker.events) > MOST_EVENTS:
            return  # the row holds less than it
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.popitem(last=False)
        self._remembered[tracker.sender_id] = _Remembered(sealed, tracker, len(tracker.events), self.domain)

    async def delete(self, sender_id: Text) -> None:
        """Forget a conversation."""
        self._remembered.pop(sender_id, None)
        with self._engine.begin() as connection:
            connection.execute(_table.delete().where(_table.c.sender_id == sender_id))

    async def keys(self) -> Iterable[Text]:
        """All conversations' ids."""
        with self._engine.connect() as connection:
            return [row[0] for row in connection.execute(sa.select(_table.c.sender_id))]

    @staticmethod
    def serialise_tracker(tracker: DialogueStateTracker) -> Text:
        """As JSON: all events, or of too many the newest, from an action on, so that a replay starts at a clean place."""
        dialogue = tracker.as_dialogue().as_dict()
        events = dialogue["events"]
        if len(events) > MOST_EVENTS:
            start = len(events) - KEPT_EVENTS
            while start < len(events) and events[start].get("event") != "action":
                start += 1
            dialogue["events"] = _loop_events(events[:start]) + events[start:]
        return json.dumps(dialogue, ensure_ascii=False)

    def _seal(self, plain: bytes, sender_id: Text) -> bytes:
        nonce = os.urandom(12)
        kid = self._current.encode()
        body = self._ciphers[self._current].encrypt(nonce, plain, f"rasa_tracker/{sender_id}".encode())
        return bytes((1, len(kid))) + kid + nonce + body

    def _open(self, sealed: bytes, sender_id: Text) -> bytes:
        end = 2 + sealed[1]
        cipher = self._ciphers[sealed[2:end].decode()]
        return cipher.decrypt(
            sealed[end : end + 12], sealed[end + 12 :], f"rasa_tracker/{sender_id}".encode()
        )


def _loop_events(events: "list[Dict[Text, Any]]") -> "list[Dict[Text, Any]]":
    """What the cut-off part left standing: the active form and the slot it asks for."""
    kept: Dict[Text, Dict[Text, Any]] = {}
    for event in events:
        if event.get("event") == "active_loop":
            kept["active_loop"] = event
        elif event.get("event") == "slot":
            kept[f"slot:{event.get('name')}"] = event
    return list(kept.values())


def _wal(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
