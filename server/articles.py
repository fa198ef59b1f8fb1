"""Articles in the house: review rules, the media library's files, the seed library at the first start."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import samples
from content.articles.draftbox import DraftBox
from content.articles.models import Article
from content.articles.stages import FILE, ReviewRules, StagesError
from content.media.service import Shelf
from server.house import House
from server.settings import Settings, SettingsError
from server.wording import page_words
from store.clock import Clock
from store.database import Database
from web.signin.models import Role, StaffUser

SIGNER = "demo-clinician"
"""The demo's account that has signed the samples. It has no password: nobody signs in with it."""


def review_rules(settings: Settings) -> ReviewRules:
    """The hospital's stages. Raises `SettingsError` when its file is wrong."""
    try:
        return ReviewRules.load(Path(settings.article_review_file) if settings.article_review_file else FILE)
    except StagesError as error:
        raise SettingsError(f"BANYI_ARTICLE_REVIEW_FILE: {error}") from error


def shelf(settings: Settings) -> Shelf:
    return Shelf(settings.var_dir / "media-library")


def draft_box(house: House, account_id: str = "") -> DraftBox:
    """The draft box of a WeChat account (default: the first). Raises `KeyError` for one that is not ours."""
    account = account_id or house.vendors.wechat.account_id
    return DraftBox(
        house.database,
        house.clock,
        shelf(house.settings),
        house.vendors.clients[account],
        page_address=f"{house.settings.base}/read/{{slug}}",
    )


async def first_library(settings: Settings, database: Database, clock: Clock) -> int:
    """Where there is no article yet, the seed library: published samples in the demo, drafts in production. How many."""
    async with database.read("articles-there") as session:
        if await session.scalar(select(Article.id).limit(1)) is not None:
            return 0
    rules, parsed, now = review_rules(settings), samples.read_library(), clock.now()
    try:
        async with database.write("seed-library") as session:
            if settings.environment == "production":
                return await samples.load_drafts(session, parsed, now)
            today = clock.local().date()
            signer = await demo_signer(session)
            return await samples.publish(session, parsed, rules, signer=signer, now=now, today=today)
    except IntegrityError:  # another process, starting at the same moment, was quicker
        return 0


async def demo_signer(session: AsyncSession) -> StaffUser:
    """The account that signs the demo's samples, made if it is not there."""
    found = await session.scalar(select(StaffUser).where(StaffUser.username == SIGNER))
    if found is None:
        found = StaffUser(
            username=SIGNER,
            display_name=page_words()["demo_clinician"],
            password_hash="",
            roles=[Role.CLINICAL_REVIEWER.value],
            active=False,
            failed_tries=0,
        )
        session.add(found)
        await session.flush()
    return found
