"""MLLP: a block is VT, the message, FS, CR (HL7 v2.5.1, appendix C of the implementation guide, "Minimal Lower Layer Protocol")."""

from __future__ import annotations

VT, FS, CR = b"\x0b", b"\x1c", b"\r"


class TooLarge(ValueError):
    """The peer sends more than a message may have; `head` is what came of it."""

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

    @property
    def begun(self) -> bool:
        """Whether a block is on its way."""
        return self._inside

    def feed(self, piece: bytes) -> list[bytes]:
        """The blocks that are whole now. Raises `TooLarge`; nothing can be read after that."""
        self._rest += piece
        found: list[bytes] = []
        while True:
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
                raise TooLarge(bytes(self._rest[:1000]))
            if end < 0:
                return found
            found.append(bytes(self._rest[:end]))
            del self._rest[: end + 1]
            self._inside = False
