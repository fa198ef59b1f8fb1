"""Encryption of fields at rest and the hashes by which they can still be found.

A sealed value is `version(1) kid-length(1) kid nonce(12) ciphertext+tag`, AES-256-GCM, bound by its associated data to
table, column and row, so that a value copied to another row does not open. Look-up hashes are HMAC-SHA256 under a separate,
versioned key. The primitives are the `cryptography` package's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = 1


class CryptoError(RuntimeError):
    """A sealed value could not be opened: unknown key id, or it was changed or moved. The message never holds content."""


@dataclass(slots=True)
class Keyring:
    """`keys`: key id → 32 bytes. `current` seals; all open. `index_keys`: version → 32 bytes for look-up hashes."""

    keys: Mapping[str, bytes]
    current: str
    index_keys: Mapping[str, bytes]
    index_current: str
    _ciphers: dict[str, AESGCM] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for kid, key in self.keys.items():
            if len(key) != 32:
                raise ValueError(f"data key {kid!r} must be 32 bytes, base64-encoded")
            self._ciphers[kid] = AESGCM(key)
        if self.current not in self.keys or self.index_current not in self.index_keys:
            raise ValueError("the current key id is not among the keys")

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt `plain`, bound to `context` (`table/column/id`)."""
        nonce = os.urandom(12)
        kid = self.current.encode()
        body = self._ciphers[self.current].encrypt(nonce, plain, context.encode())
        return bytes((_FORMAT, len(kid))) + kid + nonce + body

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt; raises `CryptoError`."""
        try:
            if sealed[0] != _FORMAT:
                raise CryptoError("unknown format of a sealed value")
            end = 2 + sealed[1]
            kid = sealed[2:end].decode()
            cipher = self._ciphers[kid]
            return cipher.decrypt(sealed[end : end + 12], sealed[end + 12 :], context.encode())
        except (IndexError, ValueError, InvalidTag) as error:
            raise CryptoError(f"a sealed value of {context.rsplit('/', 1)[0]} does not open") from error
        except KeyError as error:
            raise CryptoError(
                "sealed with a key that is not in the key ring: add it to BANYI_DATA_KEYS"
            ) from error

    def lookup(self, value: str, kind: str) -> str:
        """The hash by which `value` is found; `kind` keeps the same text in two columns apart."""
        return self._hash(self.index_current, value, kind)

    def lookups(self, value: str, kind: str) -> list[str]:
        """`lookup` under every key there is, for what cannot be hashed anew because only its hash was kept."""
        return [self._hash(version, value, kind) for version in self.index_keys]

    def _hash(self, version: str, value: str, kind: str) -> str:
        digest = hmac.new(self.index_keys[version], f"{kind}\x00{value}".encode(), hashlib.sha256).digest()
        return f"{version}:{base64.urlsafe_b64encode(digest[:24]).decode()}"

    def bigrams(self, value: str, kind: str) -> list[str]:
        """Hashes of the two-character pieces of a name, for searching by a part of it. Shortened: collisions are wanted."""
        pieces = {value[i : i + 2] for i in range(max(1, len(value) - 1))}
        return sorted(self.lookup(piece, f"{kind}#2")[: len(self.index_current) + 9] for piece in pieces)


_current: Keyring | None = None


def install(keyring: Keyring) -> None:
    """Make `keyring` the process's own. Called once by the composition root and by tests."""
    global _current
    _current = keyring


def keyring() -> Keyring:
    """The process's key ring; raises `CryptoError` when none was installed."""
    if _current is None:
        raise CryptoError("no key ring installed: the composition root must call store.crypto.install first")
    return _current


def lookup(value: str, kind: str) -> str:
    return keyring().lookup(value, kind)


def lookups(value: str, kind: str) -> list[str]:
    return keyring().lookups(value, kind)
