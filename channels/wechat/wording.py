"""Fitting a message into what WeChat carries: 2,048 bytes a text, menus with few items."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from channels.ports import MenuItem, Rendered

TEXT_BYTES = 2048
"""UTF-8 bytes in one text; undocumented, measured by users (MamaShip/Observer#77, chatgpt-on-wechat
MAX_UTF8_LEN)."""
MENU_ITEMS = 5
"""Most options as a tappable menu; WeChat's own limit (45098) is unpublished."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_SENTENCE = "\n。！？!?；;…"
_PAUSE = "，,、：: "


def clean(text: str) -> str:
    """`text` without lone surrogates and control characters: JSON would escape them, and WeChat refuses
    escapes (40033)."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").encode("utf-8", "ignore").decode())


def split_text(text: str, limit: int = TEXT_BYTES) -> list[str]:
    """`text` in pieces of at most `limit` UTF-8 bytes, cut after a sentence, else a pause, else a whole
    character."""
    parts: list[str] = []
    rest = text.strip()
    while len(rest.encode()) > limit:
        cut = _cut(rest, limit)
        head = rest[:cut].rstrip()
        if head:
            parts.append(head)
        rest = rest[cut:].lstrip()
    if rest:
        parts.append(rest)
    return parts


def _cut(text: str, limit: int) -> int:
    fits = len(text.encode()[:limit].decode("utf-8", "ignore"))
    for borders in (_SENTENCE, _PAUSE):
        place = max(text.rfind(border, 0, fits) for border in borders) + 1
        if place > fits // 3:
            return place
    place = fits
    while place > fits - 16 and place > 1 and _joins(text, place):
        place -= 1
    return place


def _joins(text: str, place: int) -> bool:
    """Whether a cut before `place` would tear one visible character (combining mark, emoji sequence)."""
    here, before = text[place], text[place - 1]
    return (
        bool(unicodedata.combining(here))
        or here in "\u200d\ufe0f"
        or before == "\u200d"
        or "🏻" <= here <= "🏿"
    )


def numbered(items: Sequence[MenuItem]) -> str:
    """The options as lines to answer with a digit."""
    return "\n".join(f"{item.digit or place} {item.label}" for place, item in enumerate(items, 1))


def as_text(message: Rendered) -> str:
    """The whole message as one text, its options numbered from 1."""
    pieces = (message.text, numbered(message.menu), message.tail)
    return clean("\n".join(piece for piece in pieces if piece))


def plan(message: Rendered, account_type: str) -> tuple[list[str], str | None]:
    """How `message` goes out: texts to send first, then the head of a tappable menu (`None`: there is none).

    Menus are for service accounts, up to five items; elsewhere the options are numbered lines of the text.
    """
    size = sum(len(clean(text).encode()) for text in (message.tail, *(item.label for item in message.menu)))
    if not (0 < len(message.menu) <= MENU_ITEMS and account_type == "service" and size < TEXT_BYTES // 2):
        return split_text(as_text(message)), None
    *before, head = split_text(clean(message.text), TEXT_BYTES - size) or [""]
    return before, head


def count_messages(message: Rendered, account_type: str) -> int:
    """Customer-service messages `message` takes from the window."""
    texts, head = plan(message, account_type)
    return len(texts) + (head is not None)


def weight(message: Rendered, account_id: str, types: Mapping[str, str]) -> int:
    """As `count_messages`, for the account it leaves by. `types`: account types by account id; one that is not named counts as
    what `WeChatAccount` is by default."""
    return count_messages(message, types.get(account_id, "service"))


def fits_passive(message: Rendered) -> bool:
    """Whether `message` can be a passive reply whole."""
    return len(as_text(message).encode()) <= TEXT_BYTES
