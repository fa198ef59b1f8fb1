"""What a console version holds, and what WeChat and we demand of it.

Limits of https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html: one to three buttons,
up to five below each; a name of at most 16 bytes (60 below), of which the app shows about four Han characters (eight below); a
URL of 1,024 bytes, a key of 128. The counts are certain, byte limits are from memory [M]: `Limits` is configuration.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from language.normalise import fold

Kind = Literal["click", "view", "scancode_push"]
KINDS: tuple[Kind, ...] = ("click", "view", "scancode_push")
SCAN_KEY = "SCAN"


@dataclass(frozen=True, slots=True)
class Limits:
    """Widths are half-width columns: a Han character takes two."""

    buttons: int = 3
    below: int = 5
    name_width: int = 8
    below_width: int = 16
    url_bytes: int = 1024
    text_bytes: int = 2048
    """channels.md 1.1: measured by users, not documented."""
    rules: int = 100
    words: int = 20
    word: int = 30


@dataclass(frozen=True, slots=True)
class Problem:
    """`where` is a path the page can point at (`menu.0.sub.1.name`, `welcome`, `keywords.2.words`); `what` names a text."""

    where: str
    what: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """`menu` in WeChat's own shape, `{"button": […]}`; an empty list takes the menu down."""

    menu: dict[str, Any]
    welcome: str
    keywords: list[dict[str, Any]]

    @property
    def tag(self) -> str:
        """The same for the same content: what an editor last saw."""
        said = json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {"menu": self.menu, "welcome": self.welcome, "keywords": self.keywords}


class NotContent(ValueError):
    """What was sent is not even of the right shape."""


def read(raw: Any) -> Content:
    """The page's JSON, cut down to what we know. Half-written things stay as they are: a draft may be incomplete."""
    try:
        menu = {"button": [_button(one, top=True) for one in raw["menu"]["button"]]}
        keywords = [
            {
                "words": [_text(word, 200) for word in rule["words"]][:50],
                "match": "part" if rule.get("match") == "part" else "whole",
                "text": _text(rule.get("text", ""), 4000),
            }
            for rule in raw["keywords"]
        ]
        return Content(menu, _text(raw["welcome"], 4000), keywords[:200])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NotContent(type(error).__name__) from error


def _button(raw: Any, *, top: bool) -> dict[str, Any]:
    name = _text(raw["name"], 200)
    if top and raw.get("sub_button"):
        return {"name": name, "sub_button": [_button(one, top=False) for one in raw["sub_button"]][:20]}
    kind = raw.get("type")
    if kind == "view":
        return {"type": "view", "name": name, "url": _text(raw.get("url", ""), 2000).strip()}
    if kind == "scancode_push":
        return {"type": "scancode_push", "name": name, "key": SCAN_KEY}
    return {"type": "click", "name": name, "key": _text(raw.get("key", ""), 64)}


def _text(raw: Any, most: int) -> str:
    if not isinstance(raw, str):
        raise TypeError(type(raw).__name__)
    return raw.replace("\x00", "").replace("\r\n", "\n")[:most]


def width(name: str) -> int:
    """Half-width columns."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in name)


def problems(content: Content, keys: frozenset[str], limits: Limits | None = None) -> list[Problem]:
    """What must be mended before it can be published. `keys`: what the bot can do when a button is tapped."""
    given = limits or Limits()
    return [*_of_menu(content.menu, keys, given), *_of_texts(content, given)]


def _of_menu(menu: dict[str, Any], keys: frozenset[str], limits: Limits) -> Iterator[Problem]:
    buttons = menu["button"]
    if len(buttons) > limits.buttons:
        yield Problem("menu", "too_many_buttons", {"most": limits.buttons})
    for n, button in enumerate(buttons):
        where = f"menu.{n}"
        yield from _of_name(f"{where}.name", button["name"], limits.name_width)
        if "sub_button" in button:
            if len(button["sub_button"]) > limits.below:
                yield Problem(where, "too_many_below", {"most": limits.below})
            for m, child in enumerate(button["sub_button"]):
                yield from _of_name(f"{where}.sub.{m}.name", child["name"], limits.below_width)
                yield from _of_target(f"{where}.sub.{m}", child, keys, limits)
        else:
            yield from _of_target(where, button, keys, limits)


def _of_name(where: str, name: str, most: int) -> Iterator[Problem]:
    if not name.strip():
        yield Problem(where, "no_name", {})
    elif width(name) > most:
        yield Problem(where, "long_name", {"most": most // 2})


def _of_target(where: str, button: dict[str, Any], keys: frozenset[str], limits: Limits) -> Iterator[Problem]:
    if button["type"] == "click" and button["key"] not in keys:
        yield Problem(f"{where}.key", "no_key", {})
    if button["type"] == "view":
        url = button["url"]
        if not _is_web(url):
            yield Problem(f"{where}.url", "no_url", {})
        elif len(url.encode()) > limits.url_bytes:
            yield Problem(f"{where}.url", "long_url", {"most": limits.url_bytes})


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname) and not any(c.isspace() for c in url)


def _of_texts(content: Content, limits: Limits) -> Iterator[Problem]:
    if len(content.welcome.encode()) > limits.text_bytes:
        yield Problem("welcome", "long_text", {"most": limits.text_bytes // 3})
    if len(content.keywords) > limits.rules:
        yield Problem("keywords", "too_many_rules", {"most": limits.rules})
    seen: dict[tuple[str, str], int] = {}
    for n, rule in enumerate(content.keywords):
        where = f"keywords.{n}"
        words = [word for word in rule["words"] if word.strip()]
        if not words:
            yield Problem(f"{where}.words", "no_words", {})
        if len(words) > limits.words:
            yield Problem(f"{where}.words", "too_many_words", {"most": limits.words})
        if any(len(word) > limits.word for word in words):
            yield Problem(f"{where}.words", "long_word", {"most": limits.word})
        if rule["match"] == "part" and any(len(fold(word)) < 2 for word in words):
            yield Problem(f"{where}.words", "short_word", {})
        if not rule["text"].strip():
            yield Problem(f"{where}.text", "no_text", {})
        elif len(rule["text"].encode()) > limits.text_bytes:
            yield Problem(f"{where}.text", "long_text", {"most": limits.text_bytes // 3})
        for word in words:
            earlier = seen.setdefault((rule["match"], fold(word)), n)
            if earlier != n:
                yield Problem(f"{where}.words", "word_twice", {"word": word, "rule": earlier + 1})


def answer_to(content: Content, text: str) -> str | None:
    """The keyword reply to a message: the first rule that fits, in the order they stand."""
    said = fold(text)
    if not said:
        return None
    for rule in content.keywords:
        for word in rule["words"]:
            folded = fold(word)
            if folded and (folded == said if rule["match"] == "whole" else folded in said):
                return str(rule["text"])
    return None
