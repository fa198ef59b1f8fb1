"""alerts with a chain duty roster and reach of staff"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_handover",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("given_by", sa.Uuid(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("held_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("signed_by", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_handover")),
    )
    with op.batch_alter_table("duty_handover", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duty_handover_signed_at_given_at"), ["signed_at", "given_at"], unique=False
        )

    op.create_table(
        "staff_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedup_key", sa.String(length=160), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outbound_id", sa.Uuid(), nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("vendor_id", sa.String(length=120), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("dead_reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_notice")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_staff_notice_dedup_key")),
    )
    with op.batch_alter_table("staff_notice", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_staff_notice_alert_id_created_at"), ["alert_id", "created_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_staff_notice_due_at"), ["due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_staff_notice_staff_id_created_at"), ["staff_id", "created_at"], unique=False
        )

    op.create_table(
        "alert_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_step_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_step")),
    )
    with op.batch_alter_table("alert_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_step_alert_id_at"), ["alert_id", "at"], unique=False)

    op.create_table(
        "duty_shift",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.String(length=12), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_user.id"], name=op.f("fk_duty_shift_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_shift")),
    )
    with op.batch_alter_table("duty_shift", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duty_shift_ends_at_position"), ["ends_at", "position"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_duty_shift_staff_id_starts_at"), ["staff_id", "starts_at"], unique=False
        )

    op.create_table(
        "staff_reach",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wecom_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("wecom_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_for", sa.String(length=8), nullable=True),
        sa.Column("code_to_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("code_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_tries", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_user.id"], name=op.f("fk_staff_reach_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_reach")),
        sa.UniqueConstraint("staff_id", name=op.f("uq_staff_reach_staff_id")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("severity", sa.String(length=10), server_default="emergency", nullable=False)
        )
        batch_op.add_column(
            sa.Column("source", sa.String(length=12), server_default="message", nullable=False)
        )
        batch_op.add_column(sa.Column("rule", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("title_sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("response_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("department_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("owner_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("level", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("outcome", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lease_token", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("dead_reason", sa.String(length=200), nullable=True))
        batch_op.create_index(batch_op.f("ix_alert_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_response_id"), ["response_id"], unique=False)

    # What nobody has seen yet enters the chain at once.
    op.execute("UPDATE alert SET due_at = opened_at WHERE status = 'open'")
    op.execute("UPDATE alert SET severity = 'urgent' WHERE kind = 'red_flag'")


def downgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_response_id"))
        batch_op.drop_index(batch_op.f("ix_alert_owner_id"))
        batch_op.drop_index(batch_op.f("ix_alert_due_at"))
        batch_op.drop_column("dead_reason")
        batch_op.drop_column("lease_token")
        batch_op.drop_column("lease_until")
        batch_op.drop_column("attempts")
        batch_op.drop_column("due_at")
        batch_op.drop_column("outcome")
        batch_op.drop_column("escalated_at")
        batch_op.drop_column("level")
        batch_op.drop_column("owner_id")
        batch_op.drop_column("department_id")
        batch_op.drop_column("response_id")
        batch_op.drop_column("title_sealed")
        batch_op.drop_column("rule")
        batch_op.drop_column("source")
        batch_op.drop_column("severity")

    op.drop_table("staff_reach")
    with op.batch_alter_table("duty_shift", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duty_shift_staff_id_starts_at"))
        batch_op.drop_index(batch_op.f("ix_duty_shift_ends_at_position"))

    op.drop_table("duty_shift")
    with op.batch_alter_table("alert_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_step_alert_id_at"))

    op.drop_table("alert_step")
    with op.batch_alter_table("staff_notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_notice_staff_id_created_at"))
        batch_op.drop_index(batch_op.f("ix_staff_notice_due_at"))
        batch_op.drop_index(batch_op.f("ix_staff_notice_alert_id_created_at"))

    op.drop_table("staff_notice")
    with op.batch_alter_table("duty_handover", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duty_handover_signed_at_given_at"))

    op.drop_table("duty_handover")
