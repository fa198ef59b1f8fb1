"""An account's article pictures, permanent materials and draft box (草稿箱). What went wrong is a value, as everywhere in the client."""

from __future__ import annotations

from dataclasses import dataclass

from channels.wechat.client import Answer, WeChatClient

MISSING_MATERIAL = 40007
"""`draft/add`: the cover's media id is not, or no longer, the account's."""


@dataclass(frozen=True, slots=True)
class DraftArticle:
    """One article of a draft. Characters: title 32, author 16, digest 128, content below 20,000 and 1 MB; `source_url` 1 KB."""

    title: str
    content: str
    thumb_media_id: str
    author: str = ""
    digest: str = ""
    source_url: str = ""


async def upload_picture(client: WeChatClient, content: bytes, content_type: str) -> Answer:
    """`media/uploadimg`: the `url` that an article's body may show. JPG or PNG below 1 MB; does not count as a material.

    https://developers.weixin.qq.com/doc/service/api/material/permanent/api_uploadimage
    """
    return await client.upload(
        "/cgi-bin/media/uploadimg", {}, content, _name(content_type), content_type, "url"
    )


async def add_cover(client: WeChatClient, content: bytes, content_type: str) -> Answer:
    """`material/add_material` of a picture for covers: its permanent `media_id`.

    Kept as `image` (10 MB, 100,000 an account), not as `thumb` (64 KB, 1,000 an account): a draft's cover takes either.
    https://developers.weixin.qq.com/doc/service/api/material/permanent/api_addmaterial
    """
    return await client.upload(
        "/cgi-bin/material/add_material",
        {"type": "image"},
        content,
        _name(content_type),
        content_type,
        "media_id",
    )


async def add_draft(client: WeChatClient, article: DraftArticle) -> Answer:
    """`draft/add`: the draft's `media_id`. Not repeated by itself: an unclear answer may have made one.

    https://developers.weixin.qq.com/doc/service/api/draftbox/draftmanage/api_draft_add
    """
    one: dict[str, object] = {
        "article_type": "news",
        "title": article.title,
        "author": article.author,
        "digest": article.digest,
        "content": article.content,
        "thumb_media_id": article.thumb_media_id,
        "need_open_comment": 0,
        "only_fans_can_comment": 0,
    }
    if article.source_url:
        one["content_source_url"] = article.source_url
    return await client.post("/cgi-bin/draft/add", {"articles": [one]}, "media_id")


def _name(content_type: str) -> str:
    return "picture.png" if content_type == "image/png" else "picture.jpg"
