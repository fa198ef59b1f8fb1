"""The account's bottom menu as the phone shows it: what is put up at the vendor's now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

EVENTS = {"click": "CLICK", "view": "VIEW"}
"""What a tap on a button of a type tells the account; a scanning button tells what was scanned instead."""


@dataclass(frozen=True, slots=True)
class MenuButton:
    """A part of the menu. A tap on a `click` sends its `key`; a `view` opens `key`, an address; others open the scanner. With
    `children` it opens those."""

    label: str
    key: str = ""
    children: tuple[MenuButton, ...] = ()
    kind: str = "click"

    def to_json(self) -> dict[str, Any]:
        """In the vendor's words, for `menu/create`."""
        if self.children:
            return {"name": self.label, "sub_button": [child.to_json() for child in self.children]}
        return {"type": self.kind, "name": self.label, "url" if self.kind == "view" else "key": self.key}


def buttons(menu: dict[str, Any] | None) -> tuple[MenuButton, ...]:
    """The vendor's menu (`{"button": […]}`; None: there is none) as buttons."""
    return tuple(_button(one) for one in (menu or {}).get("button", []))


def _button(raw: dict[str, Any]) -> MenuButton:
    below = tuple(_button(one) for one in raw.get("sub_button") or [])
    kind = str(raw.get("type") or "click")
    return MenuButton(str(raw.get("name", "")), str(raw.get("url") or raw.get("key") or ""), below, kind)


def find(menu: dict[str, Any] | None, key: str) -> MenuButton | None:
    """The button with this key or address, wherever it stands."""
    for top in buttons(menu):
        for one in top.children or (top,):
            if key and one.key == key:
                return one
    return None


def tag(menu: dict[str, Any] | None) -> str:
    """Another one for another menu."""
    return hashlib.sha256(orjson.dumps(menu, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
