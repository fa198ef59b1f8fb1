"""An article into a WeChat account's 草稿箱: its pictures uploaded, its styles inlined. What is put there is signed.

Reading, uploading and noting are three steps: no session is open while WeChat is asked. What WeChat calls a picture is kept, so that
each is uploaded once an account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.client import NotSent, WeChatClient
from channels.wechat.errors import VendorError
from channels.wechat.materials import MISSING_MATERIAL, DraftArticle, add_cover, add_draft, upload_picture
from content.articles import service
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError, say
from content.articles.models import ArticleAtWeChat
from content.articles.rendering import (
    WECHAT_AUTHOR,
    WECHAT_CONTENT,
    WECHAT_DIGEST,
    WECHAT_TITLE,
    render_wechat,
)
from content.media import images
from content.media.models import MediaAsset, MediaAtWeChat
from content.media.service import Shelf, picture_of
from content.media.uses import PATH, first_in, ids_in
from store.clock import Clock
from store.database import Database, assert_no_session
from web.signin.models import StaffUser

SIGNED = ("approved", "published")


@dataclass(frozen=True, slots=True)
class DraftBox:
    """One account's draft box. `page_of`: the address behind 阅读原文, from a slug; empty: none."""

    database: Database
    clock: Clock
    shelf: Shelf
    client: WeChatClient
    page_address: str = ""
    """Address of articles' pages with `{slug}` in it."""

    @property
    def account_id(self) -> str:
        return self.client.account.account_id

    async def put(self, slug: str, number: int, *, staff: StaffUser) -> ArticleAtWeChat:
        """Make a draft of revision `number`. Raises `ArticleError` (Chinese): not signed, too long for WeChat, a picture that is
        not there, or what WeChat said; when that is unclear it says to look before trying again."""
        job = await self._read(slug, number)
        assert_no_session("wechat draft box")
        urls = {one.id: await self._url(one, job.known.get((one.id, "image"))) for one in job.body}
        rendered = render_wechat(job.doc, {one.id: picture_of(one, urls[one.id]) for one in job.body})
        if rendered.missing:
            raise ArticleError("no_media")
        if len(rendered.html) >= WECHAT_CONTENT:
            raise ArticleError("wechat_too_long", length=len(rendered.html), most=WECHAT_CONTENT)
        cover = await self._cover(job.cover, job.known)
        answer = await add_draft(self.client, self._article(slug, job.doc, rendered.html, cover))
        if isinstance(answer, VendorError) and answer.code == MISSING_MATERIAL:
            cover = await self._cover(job.cover, {})
            answer = await add_draft(self.client, self._article(slug, job.doc, rendered.html, cover))
        if not isinstance(answer, dict):
            raise refused(answer)
        return await self._note(slug, number, str(answer["media_id"]), staff)

    def _article(self, slug: str, doc: ArticleDoc, content: str, cover: str) -> DraftArticle:
        return DraftArticle(
            title=doc.title[:WECHAT_TITLE],
            content=content,
            thumb_media_id=cover,
            author=doc.author[:WECHAT_AUTHOR],
            digest=doc.summary[:WECHAT_DIGEST],
            source_url=self.page_address.format(slug=slug),
        )

    async def _read(self, slug: str, number: int) -> _Job:
        async with self.database.read("draft box") as session:
            article = await service.get(session, slug)
            revision = await service.revision(session, article.id, number)
            if revision.state not in SIGNED:
                raise ArticleError("not_approved", number=number)
            doc = ArticleDoc.from_json(revision.doc)
            wanted = ids_in(doc.wechat or doc.body)
            first = first_in(f"{PATH}{doc.cover} {doc.wechat or doc.body}")
            ids = wanted | ({first} if first is not None else set())
            assets = {
                one.id: one for one in await session.scalars(select(MediaAsset).where(MediaAsset.id.in_(ids)))
            }
            rows = await session.scalars(
                select(MediaAtWeChat).where(
                    MediaAtWeChat.media_id.in_(ids), MediaAtWeChat.account_id == self.account_id
                )
            )
            known = {(one.media_id, one.kind): one.value for one in rows}
        if missing := wanted - assets.keys():
            raise ArticleError("picture_gone", count=len(missing))
        body = [assets[one] for one in sorted(wanted)]
        return _Job(doc, body, assets.get(first) if first is not None else None, known)

    async def _url(self, asset: MediaAsset, known: str | None) -> str:
        """The address WeChat shows a picture under; uploaded when it has none yet."""
        if known:
            return known
        raw = await asyncio.to_thread(self.shelf.get, asset)
        content, kind = await asyncio.to_thread(images.shrunk, raw, images.WECHAT_IMAGE_BYTES)
        answer = await upload_picture(self.client, content, kind)
        if not isinstance(answer, dict):
            raise refused(answer)
        return await self._keep(asset.id, "image", str(answer["url"]))

    async def _cover(self, asset: MediaAsset | None, known: Mapping[tuple[UUID, str], str]) -> str:
        """The cover's permanent media id; a plain one where the article has no picture."""
        if asset is not None and (value := known.get((asset.id, "cover"))):
            return value
        if asset is None:
            content, kind = await asyncio.to_thread(images.plain_cover), "image/jpeg"
        else:
            content, kind = await asyncio.to_thread(self.shelf.get, asset), asset.content_type
        answer = await add_cover(self.client, content, kind)
        if not isinstance(answer, dict):
            raise refused(answer)
        value = str(answer["media_id"])
        return await self._keep(asset.id, "cover", value) if asset is not None else value

    async def _keep(self, media_id: UUID, kind: str, value: str) -> str:
        at = self.clock.now()

        async def work(session: AsyncSession) -> None:
            await session.execute(
                delete(MediaAtWeChat).where(
                    MediaAtWeChat.media_id == media_id,
                    MediaAtWeChat.account_id == self.account_id,
                    MediaAtWeChat.kind == kind,
                )
            )
            session.add(
                MediaAtWeChat(media_id=media_id, account_id=self.account_id, kind=kind, value=value, at=at)
            )

        await self.database.transact(work, "picture at wechat")
        return value

    async def _note(self, slug: str, number: int, vendor_id: str, staff: StaffUser) -> ArticleAtWeChat:
        now = self.clock.now()
        async with self.database.write("draft box") as session:
            article = await service.get(session, slug)
            row = ArticleAtWeChat(
                article_id=article.id,
                number=number,
                account_id=self.account_id,
                vendor_id=vendor_id,
                staff_id=staff.id,
                at=now,
            )
            session.add(row)
            service.note(session, staff, "wechat_draft", slug, now, revision=number, account=self.account_id)
        return row


@dataclass(frozen=True, slots=True)
class _Job:
    doc: ArticleDoc
    body: list[MediaAsset]
    cover: MediaAsset | None
    known: Mapping[tuple[UUID, str], str]


def refused(failure: object) -> ArticleError:
    """What an editor hears: WeChat's refusal with its code, that it cannot be reached, or that nobody knows."""
    if isinstance(failure, VendorError):
        words = say("wechat", str(failure.code))
        known = words if words != str(failure.code) else failure.detail[:80]
        return ArticleError("wechat_refused", errcode=failure.code, why=known)
    if isinstance(failure, NotSent):
        return ArticleError("wechat_away")
    return ArticleError("wechat_unclear")


async def put_before(session: AsyncSession, article_id: UUID) -> list[tuple[int, str, datetime]]:
    """(revision, account, when) of every draft made of an article, newest first."""
    rows = await session.execute(
        select(ArticleAtWeChat.number, ArticleAtWeChat.account_id, ArticleAtWeChat.at)
        .where(ArticleAtWeChat.article_id == article_id)
        .order_by(ArticleAtWeChat.at.desc(), ArticleAtWeChat.id.desc())
    )
    return [(number, account, at) for number, account, at in rows]
