"""Articles and the people who write and sign them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from content.articles import service, workflow
from content.articles.doc import ArticleDoc, Source
from content.articles.models import Article, ArticleRevision
from content.articles.stages import ReviewRules
from store.clock import Clock
from store.database import Database
from web.signin.models import Role, StaffUser

RULES = ReviewRules.load()
BODY = """## 为什么要管住血糖

血糖长期偏高会伤到眼睛、肾和脚。管住血糖，是为了以后少受罪。

## 饮食

- 主食吃到七分饱，粗细搭配。
- 蔬菜每天一斤，水果放在两餐之间。

| 食物 | 怎么吃 |
| --- | --- |
| 米饭 | 每餐一拳头大小 |

## 什么时候要马上就医

出现心慌、出冷汗、叫不醒，马上拨打120。
"""
ROLES: Mapping[str, Role] = {
    "editor": Role.EDITOR,
    "editor2": Role.EDITOR,
    "nurse": Role.NURSE,
    "doctor": Role.DOCTOR,
    "reviewer": Role.CLINICAL_REVIEWER,
    "admin": Role.ADMIN,
}


def doc(**values: Any) -> ArticleDoc:
    """An article with nothing to object to; `values` change it."""
    given: dict[str, Any] = {
        "title": "新确诊糖尿病先弄懂这几件事",
        "summary": "血糖能管好，先从吃饭和测血糖开始。有不舒服及时来医院。",
        "topic": "diabetes",
        "stage": "newly_diagnosed",
        "body": BODY,
        "sms": "您关注的健康知识已更新，请回复1查看",
        "conditions": ("E11",),
        "questions": ("糖尿病能吃西瓜吗", "血糖多久测一次"),
        "sources": (Source("中国2型糖尿病防治指南（2020年版）", "中华医学会糖尿病学分会", 2021),),
        "author": "内分泌科",
    }
    return ArticleDoc(**{**given, **values})


async def people(database: Database, prefix: str = "") -> dict[str, StaffUser]:
    """One member of staff a role, by name; two editors. `prefix` is put before their usernames."""
    made = {
        name: StaffUser(
            username=f"{prefix}{name}",
            display_name=name,
            password_hash="-",
            roles=[role.value],
            active=True,
            failed_tries=0,
        )
        for name, role in ROLES.items()
    }
    async with database.write("staff") as session:
        session.add_all(made.values())
    return made


async def signed(
    session: AsyncSession,
    article: Article,
    staff: Mapping[str, StaffUser],
    clock: Clock,
    *,
    by: tuple[str, ...] = ("editor2", "nurse", "reviewer"),
    publish_after: bool = True,
) -> ArticleRevision:
    """Every stage of the revision in review is signed, and it is published."""
    revision = await workflow.pending(session, article)
    for stage, name in zip(RULES.stages, by, strict=True):
        revision = await workflow.sign(
            session,
            article,
            RULES,
            staff=staff[name],
            digest=revision.digest,
            checks=stage.checks,
            now=clock.now(),
            today=clock.local().date(),
            publish_after=publish_after,
        )
    return revision


async def published(
    session: AsyncSession,
    staff: Mapping[str, StaffUser],
    clock: Clock,
    slug: str = "t2dm-first",
    **values: Any,
) -> Article:
    """An article patients can read: written by `editor`, signed by three others."""
    article = await service.create(session, slug, doc(**values), staff=staff["editor"], now=clock.now())
    await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
    await signed(session, article, staff, clock)
    return article
