"""revisions and drafts of questionnaires"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "questionnaire_draft",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("writers", sa.JSON(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_by", sa.Uuid(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_questionnaire_draft")),
    )
    with op.batch_alter_table("questionnaire", schema=None) as batch_op:
        batch_op.add_column(sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("published_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_index(batch_op.f("ix_questionnaire_name_version"))
        batch_op.create_index(
            batch_op.f("ix_questionnaire_name_version_revision"), ["name", "version", "revision"], unique=True
        )


def downgrade() -> None:
    with op.batch_alter_table("questionnaire", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_questionnaire_name_version_revision"))
        batch_op.create_index(batch_op.f("ix_questionnaire_name_version"), ["name", "version"], unique=1)
        batch_op.drop_column("retired_at")
        batch_op.drop_column("published_by")
        batch_op.drop_column("revision")

    op.drop_table("questionnaire_draft")
