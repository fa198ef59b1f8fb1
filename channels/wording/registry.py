"""The templates SMS may say, one set an account: their review states in the database, the approved ones in the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.sms.template import OPT_OUT_TAIL, Kind
from channels.wording.catalogue import Catalogue, Template
from channels.wording.models import SmsSignatureRow, SmsTemplateRow


async def register(
    session: AsyncSession,
    templates: Iterable[Template],
    now: datetime,
    *,
    account_id: str,
    state: str = "draft",
) -> list[SmsTemplateRow]:
    """Add what the account does not know yet, in `state` (a driver that takes free text: approved); returns the new rows.

    An edited text is a new template with a new code.
    """
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
            kind=kind_of(template),
            text=template.text,
            state=state,
            updated_at=now,
        )
        session.add(row)
        new.append(row)
    await session.flush()
    return new


def kind_of(template: Template) -> Kind:
    """What the vendor reviews it as. Who may refuse more of it is sent marketing."""
    if template.key == "bind.code_sms":
        return "code"
    return "marketing" if template.text.endswith(OPT_OUT_TAIL) else "notice"


async def list_templates(
    session: AsyncSession, account_id: str, state: str | None = None
) -> list[SmsTemplateRow]:
    """The account's templates by key, number of options and age, for people to look at."""
    rows = select(SmsTemplateRow).where(SmsTemplateRow.account_id == account_id)
    if state is not None:
        rows = rows.where(SmsTemplateRow.state == state)
    order = (SmsTemplateRow.key, SmsTemplateRow.options, SmsTemplateRow.updated_at, SmsTemplateRow.code)
    return list(await session.scalars(rows.order_by(*order)))


async def signatures(session: AsyncSession, account_id: str) -> list[SmsSignatureRow]:
    """What is known of the account's signatures since the vendor was last asked."""
    rows = select(SmsSignatureRow).where(SmsSignatureRow.account_id == account_id)
    return list(await session.scalars(rows.order_by(SmsSignatureRow.sign)))


async def submit(
    session: AsyncSession, account_id: str, codes: Sequence[str], *, staff_id: UUID | None, now: datetime
) -> int:
    """An operator wants these drafts (or rejected ones, once more) reviewed; `channels.sms.review.sync` takes them to the vendor.

    Returns how many are on their way now; others were submitted or decided already.
    """
    wanted = await session.execute(
        update(SmsTemplateRow)
        .where(
            SmsTemplateRow.account_id == account_id,
            SmsTemplateRow.code.in_(codes),
            SmsTemplateRow.state.in_(("draft", "rejected")),
        )
        .values(
            state="submitted",
            submitted_by=staff_id,
            sent_at=None,
            order_id=None,
            note=None,
            updated_at=now,
        )
        .returning(SmsTemplateRow.code)
        .execution_options(synchronize_session="fetch")
    )
    return len(wanted.all())


async def approved(session: AsyncSession, account_id: str | None = None) -> list[SmsTemplateRow]:
    """Approved templates (of one account), the newest last: it wins where a key has several."""
    rows = select(SmsTemplateRow).where(SmsTemplateRow.state == "approved")
    if account_id is not None:
        rows = rows.where(SmsTemplateRow.account_id == account_id)
    return list(await session.scalars(rows.order_by(SmsTemplateRow.updated_at, SmsTemplateRow.code)))


async def load_into(
    session: AsyncSession, catalogue: Catalogue, accounts: Iterable[str] = ()
) -> list[SmsTemplateRow]:
    """Let the catalogue say what each account has approved now; those of `accounts` without any may say nothing."""
    rows = await approved(session)
    of_account: dict[str, list[SmsTemplateRow]] = defaultdict(list)
    for row in rows:
        of_account[row.account_id].append(row)
    for account_id in {*accounts, *of_account}:
        catalogue.use_templates(map(_template, of_account[account_id]), account_id)
    return rows


def _template(row: SmsTemplateRow) -> Template:
    return Template(code=row.code, key=row.key, options=row.options, revision=row.revision, text=row.text)


class ReviewError(ValueError):
    """Rows of a vendor's review that cannot be taken; the message names each by its number."""


STATES = ("draft", "submitted", "approved", "rejected")


async def review(
    session: AsyncSession, rows: Sequence[Mapping[str, object]], now: datetime, *, account_id: str
) -> int:
    """Take the vendor's codes and review states: rows of `key`, `options`, `state` and, once approved, the vendor's `code`.

    A row may name its `account`; else it is `account_id`'s. Concerns the newest text of each key. All or nothing: raises
    `ReviewError`. Returns how many changed.
    """
    newest = {
        (row.account_id, row.key, row.options): row
        for row in await session.scalars(select(SmsTemplateRow).order_by(SmsTemplateRow.updated_at))
    }
    problems: list[str] = []
    wanted: list[tuple[SmsTemplateRow, str, str]] = []
    for number, row in enumerate(rows, 1):
        options, account = str(row.get("options") or "0"), str(row.get("account") or account_id)
        named = (account, str(row.get("key", "")), int(options) if options.isdigit() else -1)
        found = newest.get(named)
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
