"""Alembic's entry: always on a connection handed in by `server.migrate`, or one made from its URL (`tools/revision.py`)."""

from alembic import context
from sqlalchemy import Connection

from server.migrate import sync_engine
from server.tables import Base
from store.base import UtcDateTime


def _render(kind: str, value: object, autogen: object) -> str | bool:
    """Our own column types by their plain SQLAlchemy names: a migration must not change when our code does."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=_render,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with sync_engine(context.config.attributes["url"]).begin() as made:
        _run(made)
