"""The templates SMS may say: kept in the database with their review state, read into the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wording.catalogue import Catalogue, Template
from channels.wording.models import SmsTemplateRow


async def register(
    session: AsyncSession,
    templates: Iterable[Template],
    now: datetime,
    *,
    account_id: str,
    state: str = "draft",
) -> list[SmsTemplateRow]:
    """Add what is not known yet, in `state`; returns the new rows. An edited text is a new template with a new code."""
    columns = (SmsTemplateRow.key, SmsTemplateRow.options, SmsTemplateRow.revision)
    of_account = select(*columns).where(SmsTemplateRow.account_id == account_id)
    known = {(key, options, revision) for key, options, revision in await session.execute(of_account)}
    new = []
    for template in templates:
        if (identity := (template.key, template.options, template.revision)) in known:
            continue
        known.add(identity)
        row = SmsTemplateRow(
            account_id=account_id,
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
        Template(code=row.code, key=row.key, options=row.options, revision=row.revision, text=row.text)
        for row in rows
    )
    return rows


class ReviewError(ValueError):
    """Rows of a vendor's review that cannot be taken; the message names each by its number."""


STATES = ("draft", "submitted", "approved", "rejected")


async def review(session: AsyncSession, rows: Sequence[Mapping[str, object]], now: datetime) -> int:
    """Take the vendor's codes and review states: rows of `key`, `options`, `state` and, once approved, the vendor's `code`.

    Concerns the newest text of each key. All or nothing: raises `ReviewError`. Returns how many changed.
    """
    newest = {
        (row.key, row.options): row
        for row in await session.scalars(select(SmsTemplateRow).order_by(SmsTemplateRow.updated_at))
    }
    problems: list[str] = []
    wanted: list[tuple[SmsTemplateRow, str, str]] = []
    for number, row in enumerate(rows, 1):
        options = str(row.get("options") or "0")
        found = newest.get((str(row.get("key", "")), int(options))) if options.isdigit() else None
        state, code = str(row.get("state", "")), str(row.get("code") or "")
        if found is None:
            problems.append(
                f"row {number}: no template {row.get('key')!r} with {options} options; see export sms-templates"
            )
        elif state not in STATES:
            problems.append(f"row {number}: state {state!r} must be one of {', '.join(STATES)}")
        elif state == "approved" and not code:
            problems.append(f"row {number}: an approved template needs the vendor's code")
        else:
            wanted.append((found, code or found.code, state))
    if problems:
        raise ReviewError("\n".join(problems))
    changed = 0
    for found, code, state in wanted:
        if (found.code, found.state) != (code, state):
            found.code, found.state, found.updated_at = code, state, now
            changed += 1
    await session.flush()
    return changed
