"""How messages and links name an article: `outbound_message.content_ref` is `article:<slug>`, `content_revision` its number."""

from __future__ import annotations

PREFIX = "article:"


def ref_of(slug: str) -> str:
    return f"{PREFIX}{slug}"


def slug_of(ref: str | None) -> str | None:
    """The slug in `ref`; None when it names something else."""
    return ref.removeprefix(PREFIX) if ref and ref.startswith(PREFIX) else None
