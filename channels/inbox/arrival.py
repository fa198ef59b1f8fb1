"""A message's arrival on PostgreSQL in one statement: its row, its conversation made due, the sending window moved.

Each statement is a round trip there; together they are what a callback waits for. SQLite has no round trips and keeps the
statements apart.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, Integer, and_, bindparam, case, exists, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation, SendingWindow
from channels.inbox.models import InboundMessage
from channels.wechat.window import RULES, Grant

_MESSAGE: Any = InboundMessage.__table__
_CONVERSATION: Any = Conversation.__table__
_WINDOW: Any = SendingWindow.__table__
_PREFIX = "of_"
"""Parameters that bear a column's name would be written into every table of the statement."""


async def arrive(
    session: AsyncSession, values: dict[str, Any], *, spoke: bool, kind: Grant | None, now: datetime
) -> bool:
    """Store the row `values` unless its vendor key is known; True if it is new. `spoke`: the patient said something; `kind`
    is what it grants of the sending window. The caller holds the conversation's row."""
    given: dict[str, Any] = {_PREFIX + name: value for name, value in values.items()} | {"arrived": now}
    if kind is not None:
        count, lasts = RULES[kind]
        given |= {"granted": count, "granted_until": now + lasts}
    statement = _statement(tuple(values), spoke, kind is not None)
    return (await session.execute(statement, given)).first() is not None


@cache
def _statement(columns: tuple[str, ...], spoke: bool, grants: bool) -> Executable:
    row: dict[str, Any] = {
        one.name: one.default.arg for one in _MESSAGE.c if one.default is not None and one.default.is_scalar
    }
    row |= {name: bindparam(_PREFIX + name, type_=_MESSAGE.c[name].type) for name in columns}
    stored = insert(_MESSAGE).values(row).on_conflict_do_nothing().returning(_MESSAGE.c.id).cte("stored")
    is_new = exists(select(literal_column("1")).select_from(stored))
    now = bindparam("arrived", type_=_CONVERSATION.c.due_at.type)
    moves = {"inbound_seq": row["seq"], "due_at": now} | ({"last_inbound_at": now} if spoke else {})
    moved = (
        update(_CONVERSATION)
        .where(_CONVERSATION.c.id == row["conversation_id"], is_new)
        .values(moves)
        .returning(_CONVERSATION.c.id)
        .cte("moved")
    )
    further = [moved, _granted(row["contact_id"], now, is_new)] if grants else [moved]
    return select(stored.c.id).add_cte(*further)


def _granted(contact: Any, now: Any, is_new: Any) -> Any:
    """`channels.wechat.window.Window.grant`: while open, the larger count and the later end."""
    count = bindparam("granted", type_=Integer())
    end = bindparam("granted_until", type_=_WINDOW.c.expires_at.type)
    is_open = and_(_WINDOW.c.expires_at > now, _WINDOW.c.remaining > 0)
    put = insert(_WINDOW).from_select(
        ["contact_id", "remaining", "expires_at"], select(contact, count, end).where(is_new)
    )
    return (
        put.on_conflict_do_update(
            index_elements=[_WINDOW.c.contact_id],
            set_={
                "remaining": case(
                    (and_(is_open, _WINDOW.c.remaining > count), _WINDOW.c.remaining), else_=count
                ),
                "expires_at": case(
                    (and_(is_open, _WINDOW.c.expires_at > end), _WINDOW.c.expires_at), else_=end
                ),
            },
        )
        .returning(_WINDOW.c.contact_id)
        .cte("granted")
    )
