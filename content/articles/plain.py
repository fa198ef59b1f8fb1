"""A Markdown text as plain words: for search, reading level and lists."""

from __future__ import annotations

from html.parser import HTMLParser

from content.articles.rendering import safe_html

_BLOCKS = frozenset(["p", "h2", "h3", "h4", "li", "tr", "blockquote", "pre", "br", "hr"])


def plain_of(markdown: str) -> str:
    """One line a block, table cells with a space between; pictures as their alternative text, links as their words, no markup."""
    reader = _Words()
    reader.feed(safe_html(markdown))
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return "\n".join(line for line in lines if line)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag == "img":
            self.pieces.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data.replace("\n", " "))
