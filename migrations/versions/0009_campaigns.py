"""campaigns"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "campaign_recipient",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("arm", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("outbound_key", sa.String(length=120), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_campaign_recipient_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id", "occurrence", "patient_id", name=op.f("pk_campaign_recipient")
        ),
    )
    with op.batch_alter_table("campaign_recipient", schema=None) as batch_op:
        batch_op.create_index(
            "ix_campaign_recipient_open",
            ["campaign_id", "state", "settled_at", "patient_id"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'sent', 'uncertain')"),
            postgresql_where=sa.text("state IN ('queued', 'sent', 'uncertain')"),
        )
        batch_op.create_index(
            batch_op.f("ix_campaign_recipient_patient_id_planned_at"),
            ["patient_id", "planned_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_campaign_recipient_planned",
            ["campaign_id", "planned_at", "patient_id"],
            unique=False,
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )

    op.create_table(
        "campaign_tester",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_campaign_tester_contact_id")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_campaign_tester")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("audience_version_id", sa.Uuid(), nullable=False),
        sa.Column("holdout_percent", sa.Integer(), nullable=False),
        sa.Column("choosing", sa.String(length=10), nullable=False),
        sa.Column("goal", sa.String(length=10), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("every", sa.Integer(), nullable=True),
        sa.Column("unit", sa.String(length=6), nullable=True),
        sa.Column("at_time", sa.String(length=5), nullable=True),
        sa.Column("event_kind", sa.String(length=80), nullable=True),
        sa.Column("anchor", sa.String(length=20), nullable=True),
        sa.Column("offset_days", sa.Integer(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("late", sa.String(length=10), nullable=False),
        sa.Column("late_days", sa.Integer(), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("dead_reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "purpose NOT IN ('service_notice', 'follow_up') OR holdout_percent = 0",
            name=op.f("ck_campaign_no_trials_with_care"),
        ),
        sa.CheckConstraint("holdout_percent BETWEEN 0 AND 50", name=op.f("ck_campaign_holdout_percent")),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_campaign_audience_id")),
        sa.ForeignKeyConstraint(
            ["audience_version_id"], ["audience_version.id"], name=op.f("fk_campaign_audience_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_due_at"), ["due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_campaign_state_changed_at"), ["state", "changed_at"], unique=False
        )

    op.create_table(
        "campaign_launch",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audience_version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Uuid(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("span", sa.Integer(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_launch_campaign_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "occurrence", name=op.f("pk_campaign_launch")),
    )
    op.create_table(
        "campaign_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_step_campaign_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_step")),
    )
    with op.batch_alter_table("campaign_step", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_campaign_step_campaign_id_at"), ["campaign_id", "at"], unique=False
        )

    op.create_table(
        "campaign_variant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("arm", sa.String(length=8), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_campaign_variant_article_id")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_variant_campaign_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_variant")),
        sa.UniqueConstraint("campaign_id", "arm", name=op.f("uq_campaign_variant_campaign_id_arm")),
    )


def downgrade() -> None:

    op.drop_table("campaign_variant")
    with op.batch_alter_table("campaign_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_step_campaign_id_at"))

    op.drop_table("campaign_step")
    op.drop_table("campaign_launch")
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_state_changed_at"))
        batch_op.drop_index(batch_op.f("ix_campaign_due_at"))

    op.drop_table("campaign")
    op.drop_table("campaign_tester")
    with op.batch_alter_table("campaign_recipient", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_campaign_recipient_planned",
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )
        batch_op.drop_index(batch_op.f("ix_campaign_recipient_patient_id_planned_at"))
        batch_op.drop_index(
            "ix_campaign_recipient_open",
            sqlite_where=sa.text("state IN ('queued', 'sent', 'uncertain')"),
            postgresql_where=sa.text("state IN ('queued', 'sent', 'uncertain')"),
        )

    op.drop_table("campaign_recipient")
