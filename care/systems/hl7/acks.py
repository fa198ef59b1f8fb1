"""Answers: AA, AE, AR in the original mode, CA, CE, CR where the sender asks for the enhanced one (HL7 2.5.1, 2.9.2 and 2.9.3)."""

from __future__ import annotations

from datetime import datetime

from care.systems.hl7.message import Header, Unreadable

ENHANCED = {"AA": "CA", "AE": "CE", "AR": "CR"}


_ESCAPES = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\r": "\\.br\\", "\n": "\\.br\\"}
)


def escaped(text: str) -> str:
    """Text for a field of ours (we write `|^~\\&`): the separators escaped, everything else as it is; Chinese stays Chinese."""
    return text.replace("\r\n", "\n").translate(_ESCAPES)


def stamp(moment: datetime) -> str:
    """HL7's TS with its offset."""
    return f"{moment:%Y%m%d%H%M%S%z}"


def acknowledged(
    head: Header | None,
    control_id: str,
    now: datetime,
    wrong: Unreadable | None = None,
    charset: str = "utf-8",
) -> bytes:
    """The answer to a message with this header, in the bytes it came in; the same for a repeat, but for the time. `now` is local and
    aware."""
    code = "AA" if wrong is None else "AR" if wrong.rejected else "AE"
    asked = head[18] if head is not None else ""
    if head is None:
        peer, event, asked_id, version, processing = "|", "", "", "2.5.1", "P"
    else:
        peer = f"{head[3]}|{head[4]}"
        event, asked_id = head.kind.partition("^")[2], head[10]
        version, processing = head[12] or "2.5.1", head[11] or "P"
        if head[15] or head[16]:
            code = ENHANCED[code]
    mine = f"{head[5]}|{head[6]}" if head is not None and head[5] else "BANYI|"
    kind = f"ACK^{event}^ACK" if event else "ACK"
    lines = [
        f"MSH|^~\\&|{mine}|{peer}|{stamp(now)}||{kind}|{control_id}|{processing}|{version}||||||{asked}",
        f"MSA|{code}|{asked_id}",
    ]
    if wrong is not None:
        lines.append(f"ERR|||{wrong.code}^^HL70357|E||||{escaped(wrong.says)}")
    return ("\r".join(lines) + "\r").encode(charset, "replace")
