"""MLLP: a block is VT, the message, FS, CR (HL7 v2.5.1, appendix C of the implementation guide, "Minimal Lower Layer Protocol")."""

from __future__ import annotations

VT, FS, CR = b"\x0b", b"\x1c", b"\r"


FOREVER = 256 * 1024 * 1024
"""Bytes after which the end of a block that is too large is not waited for any more. Ours."""


class TooLarge(ValueError):
    """A block larger than a message may be; `head` is how it began."""

    def __init__(self, head: bytes) -> None:
        super().__init__("larger than a message may be")
        self.head = head


def framed(message: bytes) -> bytes:
    return VT + message + FS + CR


class Frames:
    """Blocks out of pieces as the network hands them over.

    None of the three bytes occurs inside a character of UTF-8 or GB 18030, so a VT always begins anew: what came before it unfinished
    is dropped (its sender went away, and gets no answer for it). What stands between blocks is nobody's.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._rest = limit, bytearray()
        self._inside = False
        self._dropped = 0
        self.too_large: TooLarge | None = None
        """The block on its way, if it is: its end is waited for, nothing of it is kept."""

    @property
    def begun(self) -> bool:
        """Whether a block is on its way."""
        return self._inside

    def feed(self, piece: bytes) -> list[bytes | TooLarge]:
        """The blocks that have ended now. Raises `TooLarge` for one that does not end; nothing can be read after that."""
        self._rest += piece
        found: list[bytes | TooLarge] = []
        while True:
            if self.too_large is not None:
                end = self._rest.find(FS)
                self._dropped += len(self._rest)
                if end < 0:
                    self._rest.clear()
                    if self._dropped > FOREVER:
                        raise self.too_large
                    return found
                found.append(self.too_large)
                del self._rest[: end + 1]
                self.too_large, self._inside, self._dropped = None, False, 0
            if not self._inside:
                start = self._rest.find(VT)
                if start < 0:
                    self._rest.clear()
                    return found
                del self._rest[: start + 1]
                self._inside = True
            end = self._rest.find(FS)
            again = self._rest.find(VT, 0, end if end >= 0 else len(self._rest))
            if again >= 0:
                del self._rest[: again + 1]
                continue
            if (end if end >= 0 else len(self._rest)) > self._limit:
                self.too_large = TooLarge(bytes(self._rest[:1000]))
                continue
            if end < 0:
                return found
            found.append(bytes(self._rest[:end]))
            del self._rest[: end + 1]
            self._inside = False
