"""The media folder: sealed files, one a medium, readable with the key ring only."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from store import crypto


class Vault:
    """Files below `folder`, sealed and bound to their item, written whole or not at all (mode 600)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, item_id: UUID, content: bytes) -> str:
        """Seal and keep; the path below the folder. Raises `OSError` when the disk does not take it."""
        name = name_of(item_id)
        target = self._folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(crypto.keyring().seal(content, _context(item_id)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        return name

    def get(self, item_id: UUID, name: str) -> bytes:
        """Raises `FileNotFoundError`, or `CryptoError` for a file that was changed or belongs to another item."""
        return crypto.keyring().open((self._folder / name).read_bytes(), _context(item_id))

    def discard(self, name: str) -> None:
        """Delete; nothing happens when it is gone already."""
        (self._folder / name).unlink(missing_ok=True)


def name_of(item_id: UUID) -> str:
    """Where the file of an item is, below the folder; known before it is written."""
    return f"{item_id.hex[-2:]}/{item_id}.sealed"


def _context(item_id: UUID) -> str:
    return f"media_item/file/{item_id}"
