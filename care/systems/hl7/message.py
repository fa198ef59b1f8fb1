"""A message as fields: python-hl7 takes it apart, here it is asked without exceptions for what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import hl7

CHARSETS = {
    **dict.fromkeys(("UNICODEUTF8", "UTF8"), ("utf-8",)),
    **dict.fromkeys(("GB180302000", "GB18030", "GBK", "GB2312", "CP936", "936"), ("gb18030",)),
    **dict.fromkeys(("", "ASCII", "USASCII"), ("utf-8", "gb18030")),
    **dict.fromkeys(("88591", "ISO88591"), ("utf-8", "gb18030", "latin-1")),
}
"""MSH-18 (HL7 table 0211) and what is seen instead of it, without its punctuation: what the bytes are tried as. GBK and GB 2312 are parts
of GB 18030. Who names ASCII or Latin-1 has left his library's default: neither can write a Chinese name."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ESCAPED = re.compile(r"\\([^\\]*)\\")
BREAKS = (".br", ".sp", ".ce")
HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
LINES = re.compile(r"(\r\n|\r|\n)")
TEXTS = frozenset({"OBX", "NTE"})
"""Segments with free text, which some senders break into lines as it stands."""
NULL = '""'
"""A field that is expressly empty (HL7 2.5.1, 2.5.3.5)."""


class Unreadable(ValueError):
    """Not a message. `code` is HL7's error code (table 0357), `says` for whoever runs the sender; `rejected`: AR, else AE."""

    def __init__(self, code: int, says: str, *, rejected: bool = False) -> None:
        super().__init__(says)
        self.code, self.says, self.rejected = code, says, rejected


@dataclass(frozen=True, slots=True)
class Header:
    """MSH, readable before the rest is."""

    separator: str
    encoding: str
    fields: tuple[str, ...]

    def __getitem__(self, number: int) -> str:
        """MSH-`number`; empty where there is none."""
        return self.fields[number - 1].strip() if number <= len(self.fields) else ""

    @property
    def kind(self) -> str:
        """`ADT^A01`."""
        return "^".join(self[9].split(self.encoding[:1] or "^")[:2])


def header(raw: bytes | str) -> Header:
    """Of bytes too: a separator may be the second byte of a character of GB 18030, so they are not read as ASCII. Raises `Unreadable`."""
    text = _first_line(raw) if isinstance(raw, bytes) else raw
    line = text.lstrip("\r\n\t ").split("\r", 1)[0].split("\n", 1)[0]
    if line[:3] != "MSH" or len(line) < 8:
        raise Unreadable(100, "the first segment is not MSH", rejected=True)
    parts = line[4:].split(line[3])
    return Header(line[3], parts[0], (line[3], *parts))


def _first_line(raw: bytes) -> str:
    line = raw.removeprefix(BYTE_ORDER_MARK).lstrip(b"\r\n\t ").split(b"\r", 1)[0].split(b"\n", 1)[0]
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("ascii", "replace")


def decoded(raw: bytes, head: Header, *, whatever: bool = False) -> tuple[str, str]:
    """The text, and the encoding it was in: what MSH-18 names; without one UTF-8, or else GB 18030. `whatever`: of an answer, whose codes
    can be read in any encoding. Raises `Unreadable`."""
    named = head[18].split("~")[0].upper()
    encodings = CHARSETS["88591"] if whatever else CHARSETS.get(re.sub(r"[-_/ ]", "", named))
    if encodings is None:
        raise Unreadable(102, f"MSH-18 {named[:40]}: send UNICODE UTF-8 or GB 18030-2000")
    if b"\0" in raw:
        raise Unreadable(102, "a NUL byte")
    for encoding in encodings:
        try:
            return raw.removeprefix(BYTE_ORDER_MARK).decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise Unreadable(102, f"the bytes are not {named or 'UTF-8 or GB 18030'}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields and components count from 1, as in the standard."""

    parts: Any

    @property
    def name(self) -> str:
        return str(self.parts[0])

    def repeats(self, field: int) -> list[tuple[str, ...]]:
        """Each repetition of a field as its components; subcomponents beyond the first are left out."""
        if field >= len(self.parts):
            return []
        found: list[tuple[str, ...]] = []
        for repetition in self.parts[field]:
            if isinstance(repetition, str):
                found.append((self._plain(repetition),))
            else:
                found.append(tuple(self._plain(_first(component)) for component in repetition))
        return [one for one in found if any(one)]

    def get(self, field: int, component: int = 1) -> str:
        """A component of the first repetition; empty where there is none, and where it is expressly so."""
        for one in self.repeats(field)[:1]:
            if component <= len(one) and one[component - 1] != NULL:
                return one[component - 1].strip()
        return ""

    def text(self, field: int) -> str:
        """A whole field as a text: each repetition is a line, separators in it that nobody escaped stay as they are."""
        if field >= len(self.parts):
            return ""
        lines = str(self.parts[field]).split(str(self.parts.separators[2]))
        return "" if lines == [NULL] else "\n".join(self._plain(one) for one in lines).strip()

    def cleared(self, field: int) -> bool:
        """Whether the field is expressly empty."""
        return [one[0] for one in self.repeats(field)] == [NULL]

    def _plain(self, text: str) -> str:
        """Without escape sequences (2.7). The library's own routine repeats what it is told to and logs what it cannot read."""
        field, repetition, component, sub = (str(one) for one in self.parts.separators[1:5])
        signs = {"F": field, "R": repetition, "S": component, "T": sub, "E": "\\"}

        def plain(found: re.Match[str]) -> str:
            name = found[1]
            if coded := HEX.fullmatch(name):
                return _characters(bytes.fromhex(coded[1]))
            return "\n" if name.startswith(BREAKS) else signs.get(name, "")

        return ESCAPED.sub(plain, text) if "\\" in text else text


def _characters(raw: bytes) -> str:
    """What `\\X…\\` writes out: line ends mostly."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _first(component: Any) -> str:
    return component if isinstance(component, str) else str(component[0]) if component else ""


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message. Segments whose names begin with Z, and those nobody asks for, are left alone."""

    head: Header
    segments: tuple[Segment, ...]

    def all(self, name: str) -> list[Segment]:
        return [one for one in self.segments if one.name == name]

    def first(self, name: str) -> Segment | None:
        return next((one for one in self.segments if one.name == name), None)

    def needed(self, name: str) -> Segment:
        """Raises `Unreadable`."""
        found = self.first(name)
        if found is None:
            raise Unreadable(100, f"segment {name} is missing")
        return found

    def groups(self, first: str) -> Iterator[tuple[Segment, list[Segment]]]:
        """Each `first` segment with those that follow it, up to the next."""
        return groups(self.segments, first)


def groups(segments: Iterable[Segment], first: str) -> Iterator[tuple[Segment, list[Segment]]]:
    """As `Message.groups`, of some of its segments."""
    inside: list[Segment] | None = None
    head: Segment | None = None
    for one in segments:
        if one.name == first:
            if head is not None and inside is not None:
                yield head, inside
            head, inside = one, []
        elif inside is not None:
            inside.append(one)
    if head is not None and inside is not None:
        yield head, inside


def _segments(text: str, separator: str) -> list[str]:
    """The lines; one broken inside a text without being escaped goes on, where the break is not the standard's own CR."""
    begins = re.compile(rf"[A-Z][A-Z0-9]{{2}}(?:{re.escape(separator)}|$)")
    found: list[str] = []
    pieces = ["\r", *LINES.split(text)]
    for end, line in zip(pieces[::2], pieces[1::2], strict=True):
        if not line.strip():
            continue
        if end != "\r" and found and found[-1][:3] in TEXTS and begins.match(line) is None:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def parsed(text: str) -> Message:
    """Raises `Unreadable`."""
    head = header(text)
    lines = _segments(text, head.separator)
    for line in lines:
        if len(line) < 3 or not line[:3].isascii() or not line[:3].isalnum():
            raise Unreadable(100, f"not a segment: {line[:3]!r}")
    lines[0] = lines[0].lstrip()
    try:
        whole = hl7.parse("\r".join(lines) + "\r")
    except Exception as error:  # the library lets whatever it stumbles over through
        raise Unreadable(102, "the message cannot be taken apart") from error
    return Message(head, tuple(Segment(part) for part in whole))
