"""the staff desk"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("to_staff", sa.Uuid(), nullable=True),
        sa.Column("to_group", sa.String(length=40), nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_entry")),
    )
    with op.batch_alter_table("desk_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_desk_entry_conversation_id_at"), ["conversation_id", "at"], unique=False
        )

    op.create_table(
        "canned_reply",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=600), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["staff_user.id"], name=op.f("fk_canned_reply_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_reply")),
    )
    with op.batch_alter_table("canned_reply", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_canned_reply_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "desk_seen",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_user.id"], name=op.f("fk_desk_seen_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("staff_id", "conversation_id", name=op.f("pk_desk_seen")),
    )
    with op.batch_alter_table("handoff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("owner_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("for_staff", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("for_group", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_handoff_owner_id"), ["owner_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("handoff", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_handoff_owner_id"))
        batch_op.drop_column("answered_at")
        batch_op.drop_column("for_group")
        batch_op.drop_column("for_staff")
        batch_op.drop_column("owner_id")

    op.drop_table("desk_seen")
    with op.batch_alter_table("canned_reply", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_canned_reply_owner_id"))

    op.drop_table("canned_reply")
    with op.batch_alter_table("desk_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_desk_entry_conversation_id_at"))

    op.drop_table("desk_entry")
