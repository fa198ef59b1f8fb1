"""A message as fields: python-hl7 takes it apart, here it is asked without exceptions for what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hl7

CHARSETS = {
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB 18030": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "ASCII": "utf-8",
    "8859/1": "latin-1",
}
"""MSH-18 (HL7 table 0211) and what is seen instead of it. GBK and GB 2312 are parts of GB 18030, ASCII one of UTF-8."""
ESCAPED = re.compile(r"\\([^\\]*)\\")
BREAKS = (".br", ".sp", ".ce")
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
    """Of bytes what is ASCII in it, which is enough to learn their encoding from. Raises `Unreadable`."""
    text = raw.decode("ascii", "replace") if isinstance(raw, bytes) else raw
    line = text.lstrip("\r\n\t ").split("\r", 1)[0].split("\n", 1)[0]
    if line[:3] != "MSH" or len(line) < 8:
        raise Unreadable(100, "the first segment is not MSH", rejected=True)
    parts = line[4:].split(line[3])
    return Header(line[3], parts[0], (line[3], *parts))


def decoded(raw: bytes, head: Header) -> str:
    """The text in the encoding MSH-18 names; without one UTF-8, or else GB 18030. Raises `Unreadable`."""
    named = head[18].split("~")[0].upper()
    if named and named not in CHARSETS:
        raise Unreadable(102, f"MSH-18 {named[:40]}: send UNICODE UTF-8 or GB 18030-2000")
    if b"\0" in raw:
        raise Unreadable(102, "a NUL byte")
    for encoding in [CHARSETS[named]] if named else ["utf-8", "gb18030"]:
        try:
            return raw.decode(encoding)
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

    def cleared(self, field: int) -> bool:
        """Whether the field is expressly empty."""
        return [one[0] for one in self.repeats(field)] == [NULL]

    def _plain(self, text: str) -> str:
        """Without escape sequences (2.7). The library's own routine repeats what it is told to and logs what it cannot read."""
        field, repetition, component, sub = (str(one) for one in self.parts.separators[1:5])
        signs = {"F": field, "R": repetition, "S": component, "T": sub, "E": "\\"}

        def plain(found: re.Match[str]) -> str:
            name = found[1]
            return "\n" if name.startswith(BREAKS) else signs.get(name, "")

        return ESCAPED.sub(plain, text) if "\\" in text else text


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
        inside: list[Segment] | None = None
        head: Segment | None = None
        for one in self.segments:
            if one.name == first:
                if head is not None and inside is not None:
                    yield head, inside
                head, inside = one, []
            elif inside is not None:
                inside.append(one)
        if head is not None and inside is not None:
            yield head, inside


def parsed(text: str) -> Message:
    """Raises `Unreadable`."""
    head = header(text)
    lines = [line for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r") if line.strip()]
    for line in lines:
        if len(line) < 3 or not line[:3].isascii() or not line[:3].isalnum():
            raise Unreadable(100, f"not a segment: {line[:3]!r}")
    lines[0] = lines[0].lstrip()
    try:
        whole = hl7.parse("\r".join(lines) + "\r")
    except Exception as error:  # the library lets whatever it stumbles over through
        raise Unreadable(102, "the message cannot be taken apart") from error
    return Message(head, tuple(Segment(part) for part in whole))
