"""Markdown into what each channel shows. Whatever was typed or pasted, only `TAGS` and pictures of our own library come out.

Steps: markdown-it-py (headings from `##` on) → nh3's allow-list → pictures by id, tables that scroll. For a WeChat article the
styles of `wechat.css` are written into the tags (css-inline): WeChat drops style sheets, classes, scripts and outside pictures.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

import css_inline
import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from content.articles.doc import ArticleDoc
from content.articles.errors import say
from content.media.uses import PATH, ids_in

_NAMES = (
    "p h2 h3 h4 ul ol li strong em del s u sub sup blockquote table thead tbody tr th td hr br a img code pre"
)
TAGS = frozenset(_NAMES.split())
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt"},
    "th": {"align"},
    "td": {"align"},
    "ol": {"start"},
}
WECHAT_TITLE, WECHAT_AUTHOR, WECHAT_DIGEST = 32, 16, 128
"""Characters; https://developers.weixin.qq.com/doc/service/api/draftbox/draftmanage/api_draft_add"""
WECHAT_CONTENT = 20_000
"""Characters a WeChat article's HTML must stay below; as above."""

_LINK = re.compile(r"https?://[^\s]+|tel:[0-9+\-]{3,20}|/(?![/\\])[^\s]*|#[\w\-]*", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*>")
_SOURCE = re.compile(r'src="([^"]*)"')
_ALT = re.compile(r'alt="([^"]*)"')
_ALIGN = re.compile(r' style="text-align:(left|right|center)"')
_ANCHOR = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Picture:
    """What rendering needs to know of a library picture. `url`: where it is served on the channel rendered for."""

    url: str
    alt: str
    width: int
    height: int
    source: str = ""


Pictures = Mapping[UUID, Picture]


@dataclass(frozen=True, slots=True)
class Rendered:
    """`html` is safe to show as it is; `credits` name the pictures' sources; `missing` are ids the library does not have."""

    html: str
    credits: tuple[str, ...] = ()
    missing: tuple[UUID, ...] = ()


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": True, "breaks": False}).enable(["table", "strikethrough"])
    setattr(reader, "validateLink", lambda url: True)  # noqa: B010  nh3 decides; what it refuses keeps its words
    reader.core.ruler.push("headings_below_the_title", _lower_headings)
    return reader


def _lower_headings(state: StateCore) -> None:
    """The page's one `h1` is the title."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(max(int(token.tag[1]), 2), 4)}"


def safe_html(markdown: str) -> str:
    """The Markdown as clean HTML; pictures still point at `/media/<id>`, whatever else they pointed at is gone."""
    raw = _ALIGN.sub(r' align="\1"', _reader().render(markdown))
    return nh3.clean(
        raw,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_attribute,
        clean_content_tags={
            "script",
            "style",
            "iframe",
            "object",
            "svg",
            "math",
            "noscript",
            "template",
            "form",
        },
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name == "href":
        return value if _LINK.fullmatch(value.strip()) else None
    if tag == "img" and name == "src":
        found = ids_in(value)
        return f"{PATH}{found.pop()}" if len(found) == 1 and value.strip().startswith(PATH) else None
    return value


def render_page(markdown: str, pictures: Pictures) -> Rendered:
    """For our own page. Tables scroll in a box of their own; pictures have their size, so that nothing jumps while they load."""

    def show(picture: Picture, alt: str) -> str:
        return (
            f'<img src="{html.escape(picture.url)}" alt="{html.escape(alt)}" width="{picture.width}"'
            f' height="{picture.height}" loading="lazy" decoding="async">'
        )

    done, credits_, missing = _with_pictures(safe_html(markdown), pictures, show)
    label = html.escape(say("labels", "table"))
    done = done.replace(
        "<table>", f'<div class="article-table" role="region" aria-label="{label}" tabindex="0"><table>'
    ).replace("</table>", "</table></div>")
    return Rendered(done, credits_, missing)


def render_wechat(doc: ArticleDoc, pictures: Pictures) -> Rendered:
    """The body of a WeChat article: styles inlined, no classes, links only to WeChat's own articles, AI mark and sources below.

    `pictures` must hold URLs that `media/uploadimg` gave: WeChat filters all others.
    """

    def show(picture: Picture, alt: str) -> str:
        return f'<img src="{html.escape(picture.url)}" alt="{html.escape(alt)}">'

    body, credits_, missing = _with_pictures(safe_html(doc.wechat or doc.body), pictures, show)
    body = _ANCHOR.sub(_wechat_link, body)
    whole = f'<section class="article">{body}{_foot(doc, credits_)}</section>'
    inlined = _inliner().inline_fragment(whole, css=_stylesheet())
    return Rendered(re.sub(r'\s+(class|rel|id)="[^"]*"', "", inlined).strip(), credits_, missing)


def _wechat_link(match: re.Match[str]) -> str:
    address, words = html.unescape(match[1]), match[2]
    return match[0] if address.startswith("https://mp.weixin.qq.com/") else words


def _foot(doc: ArticleDoc, credits_: Sequence[str]) -> str:
    lines = [source_line(doc)] if doc.sources else []
    for name, who in (("author", doc.author), ("reviewer", doc.reviewer)):
        if who:
            lines.append(say("labels", name, name=who))
    if credits_:
        lines.append(say("labels", "pictures", sources="；".join(credits_)))
    if doc.ai_made:
        lines.append(say("labels", "ai_made"))
    lines.append(say("labels", "no_diagnosis"))
    return "".join(f'<p class="foot">{html.escape(line)}</p>' for line in lines)


def source_line(doc: ArticleDoc) -> str:
    """The sources in one line, as a reader sees them."""
    named = [
        f"《{one.title.strip('《》')}》"
        + (f"（{said}）" if (said := _publisher(one.publisher, one.year)) else "")
        for one in doc.sources
    ]
    return say("labels", "sources", sources="；".join(named))


def _publisher(publisher: str, year: int | None) -> str:
    return "，".join(str(one) for one in (publisher, year) if one)


@cache
def _stylesheet() -> str:
    return Path(__file__).with_name("wechat.css").read_text("utf-8")


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)


def _with_pictures(
    clean: str, pictures: Pictures, show: Callable[[Picture, str], str]
) -> tuple[str, tuple[str, ...], tuple[UUID, ...]]:
    credits_: dict[str, None] = {}
    missing: dict[UUID, None] = {}

    def one(match: re.Match[str]) -> str:
        source = _SOURCE.search(match[0])
        ids = ids_in(source[1]) if source else set()
        if not ids:
            return ""
        media_id = ids.pop()
        if (picture := pictures.get(media_id)) is None:
            missing[media_id] = None
            return ""
        if picture.source:
            credits_[picture.source] = None
        alt = _ALT.search(match[0])
        return show(picture, html.unescape(alt[1]) if alt and alt[1].strip() else picture.alt)

    done = _IMAGE.sub(one, clean)
    return done, tuple(credits_), tuple(missing)
