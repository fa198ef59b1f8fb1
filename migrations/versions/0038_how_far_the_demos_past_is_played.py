"""how far the demo's past is played"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "demo_play",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("come_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("dead_reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demo_play")),
    )
    with op.batch_alter_table("demo_play", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_demo_play_due_at"), ["due_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("demo_play", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_demo_play_due_at"))
    op.drop_table("demo_play")
