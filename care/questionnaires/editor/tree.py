"""Moving about in a definition's items, which may stand in groups. Everything an editor does not touch stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]


def walk(raw: Raw, depth: int = 0) -> Iterator[tuple[int, Raw]]:
    """Groups and items in order, with how deep they stand."""
    for entry in raw.get("item") or []:
        yield depth, entry
        yield from walk(entry, depth + 1)


def find(raw: Raw, link_id: str) -> tuple[Raw, int] | None:
    """Whose child it is, and which."""
    for at, entry in enumerate(raw.get("item") or []):
        if entry.get("linkId") == link_id:
            return raw, at
        found = find(entry, link_id)
        if found is not None:
            return found
    return None


def entry_of(raw: Raw, link_id: str) -> Raw | None:
    found = find(raw, link_id)
    if found is None:
        return None
    entry: Raw = found[0]["item"][found[1]]
    return entry


def parent_of(raw: Raw, link_id: str) -> str:
    """Link id of the group it stands in; empty at the top."""
    found = find(raw, link_id)
    return str(found[0].get("linkId") or "") if found is not None else ""


def groups(raw: Raw) -> list[Raw]:
    return [entry for _, entry in walk(raw) if entry.get("type") == "group"]


def move(raw: Raw, link_id: str, step: int) -> bool:
    """One place up (-1) or down (1) among its own. False at the end."""
    found = find(raw, link_id)
    if found is None:
        return False
    siblings, at = found[0]["item"], found[1]
    if not 0 <= at + step < len(siblings):
        return False
    siblings.insert(at + step, siblings.pop(at))
    return True


def remove(raw: Raw, link_id: str) -> None:
    found = find(raw, link_id)
    if found is not None:
        found[0]["item"].pop(found[1])


def put(raw: Raw, entry: Raw, group: str, link_id: str = "") -> None:
    """In place of `link_id` where it stays in its group, else at the end of `group` (empty: of all)."""
    found = find(raw, link_id) if link_id else None
    if found is not None and str(found[0].get("linkId") or "") == group:
        found[0]["item"][found[1]] = entry
        return
    if found is not None:
        remove(raw, link_id)
    home = (entry_of(raw, group) if group else None) or raw
    home.setdefault("item", []).append(entry)


def fresh(raw: Raw, prefix: str, taken: Iterator[str] | None = None) -> str:
    """An id nobody has: `q1`, `q2`…"""
    known = {str(entry.get("linkId")) for _, entry in walk(raw)} | set(taken or ())
    number = 1
    while f"{prefix}{number}" in known:
        number += 1
    return f"{prefix}{number}"
