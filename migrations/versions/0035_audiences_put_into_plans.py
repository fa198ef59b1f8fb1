"""audiences put into plans"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

BY_ONE = sa.text("enrolment_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "plan_enrolment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan", sa.String(length=60), nullable=False),
        sa.Column("audience_version_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.String(length=60), nullable=False),
        sa.Column("anchor_day", sa.Date(), nullable=True),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("taken_out", sa.Integer(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("dead_reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_enrolment")),
    )
    with op.batch_alter_table("plan_enrolment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_enrolment_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_enrolment_plan"), ["plan"], unique=False)

    with op.batch_alter_table("care_plan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("enrolment_id", sa.Uuid(), nullable=True))
        batch_op.create_index(
            "ix_care_plan_enrolment",
            ["enrolment_id", "status"],
            unique=False,
            sqlite_where=sa.text("enrolment_id IS NOT NULL"),
            postgresql_where=sa.text("enrolment_id IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("care_plan", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_care_plan_enrolment",
            sqlite_where=sa.text("enrolment_id IS NOT NULL"),
            postgresql_where=sa.text("enrolment_id IS NOT NULL"),
        )
        batch_op.drop_column("enrolment_id")

    with op.batch_alter_table("plan_enrolment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_enrolment_plan"))
        batch_op.drop_index(batch_op.f("ix_plan_enrolment_due_at"))

    op.drop_table("plan_enrolment")
