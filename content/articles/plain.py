"""A Markdown text as plain words: for search, reading level and SMS."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

_READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def plain_of(markdown: str) -> str:
    """One line a block; pictures as their alternative text, links as their words, no markup."""
    lines: list[str] = []
    for token in _READER.parse(markdown):
        if token.type == "inline" and (words := _words(token.children or []).strip()):
            lines.append(words)
        elif token.type in ("fence", "code_block") and token.content.strip():
            lines.append(token.content.strip())
    return "\n".join(lines)


def _words(tokens: list[Token]) -> str:
    pieces = []
    for token in tokens:
        if token.type == "image" or token.type in ("text", "code_inline"):
            pieces.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            pieces.append("\n")
    return "".join(pieces)
