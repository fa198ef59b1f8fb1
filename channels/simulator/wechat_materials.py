"""The vendor's side of the WeChat stand-in: permanent materials, pictures of articles, the draft box.

https://developers.weixin.qq.com/doc/service/api/material/permanent/api_uploadimage (jpg/png below 1 MB; 40005, 40009),
https://developers.weixin.qq.com/doc/service/api/material/permanent/api_addmaterial (kinds, sizes, how many are kept),
https://developers.weixin.qq.com/doc/service/api/draftbox/draftmanage/api_draft_add (lengths; scripts and outside pictures are
taken out, not refused). The codes of texts that are too long are from the general table
(https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html); 45110 for the author is from memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import filetype  # type: ignore[import-untyped]
from fastapi import FastAPI, Request, Response
from starlette.datastructures import UploadFile

from channels.simulator.chance import Chance
from channels.simulator.controls import json_response
from channels.simulator.wechat_api import add_call, errmsg
from channels.simulator.wechat_rules import Refusal, SimWeChatConfig

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator

PICTURES = "http://mmbiz.qpic.cn/"
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp"})
_SCRIPT = re.compile(
    r"<script\b.*?</script\s*>|\son\w+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.DOTALL | re.IGNORECASE
)
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


@dataclass(slots=True)
class Materials:
    """What an account has stored for good: pictures by URL, materials by media id, drafts by theirs."""

    config: SimWeChatConfig
    chance: Chance
    pictures: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    drafts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def picture(self, content: bytes) -> dict[str, Any]:
        """`media/uploadimg`: the URL for an article's body. 40005 for another type, 40009 from 1 MB on."""
        if _type_of(content) not in ("image/jpeg", "image/png"):
            raise Refusal(40005)
        if len(content) >= self.config.article_image_bytes:
            raise Refusal(40009)
        url = f"{PICTURES}mmbiz_{'png' if _type_of(content) == 'image/png' else 'jpg'}/{self.chance.token(48)}/0"
        self.pictures[url] = content
        return {"url": url, "errcode": 0, "errmsg": "ok"}

    def add(self, kind: str, content: bytes) -> dict[str, Any]:
        """`material/add_material`: a media id for good, for an image its URL too."""
        limits = self.config.media_limits
        if kind not in ("image", "voice", "video", "thumb"):
            raise Refusal(40004)
        if kind == "thumb" and _type_of(content) != "image/jpeg":
            raise Refusal(40005)
        if kind == "image" and _type_of(content) not in IMAGE_TYPES:
            raise Refusal(40005)
        if not content or len(content) > limits[kind]:
            raise Refusal(40009 if kind == "image" else 40012 if kind == "thumb" else 40006)
        most = self.config.material_images if kind == "image" else self.config.material_others
        if sum(one == kind for one, _ in self.kept.values()) >= most:
            raise Refusal(45001)
        media_id = self.chance.token(64)
        self.kept[media_id] = kind, content
        if kind != "image":
            return {"media_id": media_id}
        url = f"{PICTURES}mmbiz_jpg/{self.chance.token(48)}/0?wx_fmt=jpeg"
        self.pictures[url] = content
        return {"media_id": media_id, "url": url}

    def draft(self, payload: Any) -> dict[str, Any]:
        """`draft/add`: the draft's media id."""
        articles = payload.get("articles") if isinstance(payload, dict) else None
        if not isinstance(articles, list) or not all(isinstance(one, dict) for one in articles):
            raise Refusal(47001)
        if not 1 <= len(articles) <= self.config.draft_articles:
            raise Refusal(45008)
        media_id = self.chance.token(64)
        self.drafts[media_id] = [self._article(one) for one in articles]
        return {"media_id": media_id}

    def _article(self, raw: dict[str, Any]) -> dict[str, Any]:
        config = self.config
        for name, most, code in (
            ("title", config.draft_title, 45003),
            ("author", config.draft_author, 45110),
            ("digest", config.draft_digest, 45004),
        ):
            if len(str(raw.get(name) or "")) > most:
                raise Refusal(code)
        content = str(raw.get("content") or "")
        if not raw.get("title") or not content:
            raise Refusal(44004)
        if len(content) >= config.draft_content or len(content.encode()) >= 1 << 20:
            raise Refusal(45002)
        if len(str(raw.get("content_source_url") or "").encode()) > 1024:
            raise Refusal(40039)
        if self.kept.get(str(raw.get("thumb_media_id")), ("",))[0] not in ("image", "thumb"):
            raise Refusal(40007)
        return {**raw, "content": _IMAGE.sub(self._own, _SCRIPT.sub("", content))}

    def _own(self, match: re.Match[str]) -> str:
        """Pictures from elsewhere are taken out without a word."""
        return match[0] if any(url in match[0] for url in self.pictures) else ""


def _type_of(content: bytes) -> str:
    kind = filetype.guess(content)
    return "" if kind is None else str(kind.mime)


def add_material_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Uploads, drafts, counts."""

    def picture(request: Request, content: bytes) -> dict[str, Any]:
        return sim.materials.picture(content)

    def material(request: Request, content: bytes) -> dict[str, Any]:
        return sim.materials.add(request.query_params.get("type", ""), content)

    def add(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        if b"\\u" in raw:
            raise Refusal(40033)
        return sim.materials.draft(payload)

    def one(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        return {"news_item": _known(sim, payload)}

    def delete(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        _known(sim, payload)
        del sim.materials.drafts[payload["media_id"]]
        return {}

    def forget(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        media_id = payload.get("media_id") if isinstance(payload, dict) else None
        if sim.materials.kept.pop(str(media_id), None) is None:
            raise Refusal(40007)
        return {}

    def count(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        return {"total_count": len(sim.materials.drafts)}

    _add_upload(app, sim, "/cgi-bin/media/uploadimg", picture)
    _add_upload(app, sim, "/cgi-bin/material/add_material", material)
    add_call(app, sim, "/cgi-bin/draft/add", add)
    add_call(app, sim, "/cgi-bin/draft/get", one)
    add_call(app, sim, "/cgi-bin/draft/delete", delete)
    add_call(app, sim, "/cgi-bin/draft/count", count, ("GET",))
    add_call(app, sim, "/cgi-bin/material/del_material", forget)


def _known(sim: WeChatSimulator, payload: Any) -> list[dict[str, Any]]:
    found = sim.materials.drafts.get(str(payload.get("media_id")) if isinstance(payload, dict) else "")
    if found is None:
        raise Refusal(40007)
    return found


def _add_upload(
    app: FastAPI, sim: WeChatSimulator, path: str, take: Callable[[Request, bytes], dict[str, Any]]
) -> None:
    async def handle(request: Request) -> Response:
        try:
            sim.rules.check_token(request.query_params.get("access_token", ""))
            sim.rules.count("upload", sim.rules.config.upload_daily)
            given = (await request.form()).get("media")
            if not isinstance(given, UploadFile):
                raise Refusal(41005)
            answer = take(request, await given.read())
        except Refusal as refusal:
            return json_response({"errcode": refusal.code, "errmsg": errmsg(refusal, sim)})
        return json_response(answer)

    app.add_route(path, handle, methods=["POST"])
