"""links to articles, who read what through them, answers and stopped topics"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("outbound_key", sa.String(length=200), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("arm", sa.String(length=12), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_article_link_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_article_link_token_hash")),
    )
    with op.batch_alter_table("article_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_link_issued_at"), ["issued_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_link_outbound_key"), ["outbound_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_link_patient_id_id"), ["patient_id", "id"], unique=False)
        batch_op.create_index(
            "ix_article_link_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        )

    op.create_table(
        "article_tally",
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("campaign", sa.String(length=36), nullable=False),
        sa.Column("arm", sa.String(length=12), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "article_id", "revision", "day", "campaign", "arm", name=op.f("pk_article_tally")
        ),
    )
    op.create_table(
        "article_feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("word_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_feedback")),
        sa.UniqueConstraint(
            "mark", "article_id", "revision", name=op.f("uq_article_feedback_mark_article_id_revision")
        ),
    )
    with op.batch_alter_table("article_feedback", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_feedback_article_id_at"), ["article_id", "at"], unique=False
        )

    op.create_table(
        "topic_stop",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_topic_stop_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patient_id", "topic", name=op.f("pk_topic_stop")),
    )
    with op.batch_alter_table("topic_stop", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_topic_stop_topic_patient_id"), ["topic", "patient_id"], unique=False
        )

    with op.batch_alter_table("article_read", schema=None) as batch_op:
        batch_op.add_column(sa.Column("link_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("view", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("helpful", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("campaign_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("arm", sa.String(length=12), server_default="", nullable=False))
        batch_op.create_index(
            batch_op.f("ix_article_read_campaign_id_arm"), ["campaign_id", "arm"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_article_read_opened_at"), ["opened_at"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_article_read_link_id_view"), ["link_id", "view"])


def downgrade() -> None:
    with op.batch_alter_table("article_read", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_article_read_link_id_view"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_article_read_opened_at"))
        batch_op.drop_index(batch_op.f("ix_article_read_campaign_id_arm"))
        for name in ("arm", "campaign_id", "helpful", "view", "link_id"):
            batch_op.drop_column(name)
    for table in ("topic_stop", "article_feedback", "article_tally", "article_link"):
        op.drop_table(table)
