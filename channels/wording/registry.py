"""The templates SMS may say: kept in the database with their review state, read into the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wording.catalogue import Catalogue, Template
from channels.wording.models import SmsTemplateRow


async def register(
    session: AsyncSession, templates: Iterable[Template], now: datetime, *, state: str = "draft"
) -> list[SmsTemplateRow]:
    """Add what is not known yet, in `state`; returns the new rows. An edited text is a new template with a new code."""
    known = set(await session.scalars(select(SmsTemplateRow.code)))
    new = []
    for template in templates:
        if template.code in known:
            continue
        known.add(template.code)
        row = SmsTemplateRow(
            code=template.code,
            key=template.key,
            options=template.options,
            revision=template.revision,
            kind="code" if template.key == "bind.code_sms" else "notice",
            text=template.text,
            state=state,
            updated_at=now,
        )
        session.add(row)
        new.append(row)
    await session.flush()
    return new


async def approved(session: AsyncSession) -> list[SmsTemplateRow]:
    """Approved templates, the newest last: it wins where a key has several."""
    rows = select(SmsTemplateRow).where(SmsTemplateRow.state == "approved")
    return list(await session.scalars(rows.order_by(SmsTemplateRow.updated_at, SmsTemplateRow.code)))


async def load_into(session: AsyncSession, catalogue: Catalogue) -> list[SmsTemplateRow]:
    """Let the catalogue say what is approved now; a text that is not in use any more does not shadow its successor."""
    rows = await approved(session)
    catalogue.use_templates(
        Template(code=row.code, key=row.key, options=row.options, revision=row.revision, text=row.text) for row in rows
    )
    return rows
