"""what waits by lane, and sendings done again"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lane", sa.String(length=200), server_default="", nullable=False))
        batch_op.add_column(sa.Column("first_n", sa.Integer(), server_default="1", nullable=False))
    op.execute(
        "UPDATE outbound_message SET lane = channel || '|' || account_id || '|' || purpose || '|' || coalesce(campaign, '') "
        "WHERE status IN ('queued', 'sending')"
    )
    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbound_message_lane_priority_due_at_id"),
            ["lane", "priority", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'queued' AND priority > 0"),
            postgresql_where=sa.text("status = 'queued' AND priority > 0"),
        )
