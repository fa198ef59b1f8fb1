"""Where messages wait while the database is away: encrypted, fsynced files on a lasting volume, replayed in order."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from channels.ports import ChannelName, Inbound, StorageUnavailable
from store import crypto
from store.ids import new_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits in `path`, and when it came in (None in files of versions that did not keep it)."""

    path: Path
    message: Inbound
    arrived: datetime | None


def _dump(message: Inbound, arrived: datetime) -> bytes:
    raw = asdict(message)
    raw["arrived"] = arrived.isoformat()
    raw["sent_at"] = message.sent_at.isoformat() if message.sent_at else None
    return json.dumps(raw, ensure_ascii=False, default=str).encode()


def _load(path: Path, body: bytes) -> Waiting:
    raw: dict[str, Any] = json.loads(body)
    arrived = raw.pop("arrived", None)
    raw["channel"] = ChannelName(raw["channel"])
    raw["sent_at"] = datetime.fromisoformat(raw["sent_at"]) if raw["sent_at"] else None
    raw["answer_within"] = 0.0  # that line has been closed long ago
    return Waiting(path, Inbound(**raw), datetime.fromisoformat(arrived) if arrived else None)


def _mark(message: Inbound) -> str:
    """Whose it is, for the file's name: a keyed hash, so that the folder's listing tells nobody's address."""
    whose = f"{message.channel}\x00{message.account_id}\x00{message.address}"
    return hashlib.sha256(crypto.lookup(whose, "spool.address").encode()).hexdigest()[:16]


class Spool:
    """`folder` must outlive the process; None: there is no lasting volume, and nothing is ever taken.

    Raises `StorageUnavailable` when a message cannot be written for good: it must not be acknowledged then.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def check(self) -> None:
        """Whether it can be written to, tried with a real file. Raises `StorageUnavailable`: do not start then."""
        if self._folder is None:
            return
        probe = self._folder / f".probe-{new_id()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with probe.open("wb") as file:
                file.write(b"probe")
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
        except OSError as error:
            raise StorageUnavailable(
                f"the spool {self._folder} cannot be written: {error.strerror}"
            ) from error

    async def put(self, messages: list[Inbound], arrived: datetime) -> None:
        """Keep `messages`, which came in at `arrived`: answers, windows and hours go by that moment, not by the replay's."""
        await asyncio.to_thread(self._put, messages, arrived)

    def _put(self, messages: list[Inbound], arrived: datetime) -> None:
        if self._folder is None:
            raise StorageUnavailable("the database is away and there is no spool")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for message in messages:
                name = f"{new_id()}-{_mark(message)}.msg"
                part = self._folder / f".{name}.part"
                with part.open("wb") as file:
                    file.write(crypto.keyring().seal(_dump(message, arrived), f"spool/{name}"))
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(self._folder / name)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageUnavailable(
                f"neither the database nor the spool took a message: {error.strerror}"
            ) from error

    def of_senders(self, messages: list[Inbound]) -> list[Waiting]:
        """What waits of those who sent `messages`, oldest first: it must be stored before them."""
        files = self._files()
        if not files:
            return []
        marks = {_mark(message) for message in messages}
        return list(self._open(path for path in files if path.stem.rpartition("-")[2] in marks))

    def waiting(self) -> int:
        return len(self._files())

    def _files(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(self._folder.glob("*.msg"))

    def read(self) -> Iterator[Waiting]:
        """What waits, oldest first. Delete each path once its message is stored.

        A file that does not open is put aside as `.unreadable` and logged: it must not hold up the others.
        """
        return self._open(self._files())

    @staticmethod
    def _open(paths: Iterable[Path]) -> Iterator[Waiting]:
        for path in paths:
            try:
                waiting = _load(path, crypto.keyring().open(path.read_bytes(), f"spool/{path.name}"))
            except FileNotFoundError:
                continue  # another process was quicker
            except (crypto.CryptoError, ValueError, KeyError, TypeError) as error:
                path.rename(path.with_name(path.name + ".unreadable"))
                log.error("spool.unreadable", file=path.name, reason=type(error).__name__)
                continue
            yield waiting
