"""one response record for every channel"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLE = "questionnaire_response"
COUNTED = ("revision", "chased", "attempts")
ADDED = (
    ("name", sa.String(length=60)),
    ("key", sa.String(length=160)),
    ("source", sa.String(length=40)),
    ("appointment_id", sa.Uuid()),
    ("channel", sa.String(length=12)),
    ("reason", sa.String(length=20)),
    ("revision", sa.Integer()),
    ("asking", sa.String(length=60)),
    ("scores", sa.JSON()),
    ("chased", sa.Integer()),
    ("paused_at", sa.DateTime(timezone=True)),
    ("expires_at", sa.DateTime(timezone=True)),
    ("due_at", sa.DateTime(timezone=True)),
    ("attempts", sa.Integer()),
    ("lease_until", sa.DateTime(timezone=True)),
    ("lease_token", sa.Uuid()),
    ("dead_reason", sa.String(length=200)),
)
INDEXES = (["due_at"], ["patient_id", "status"])


def upgrade() -> None:
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        for name, kind in ADDED:
            batch_op.add_column(sa.Column(name, kind, nullable=True))
    op.execute(
        "UPDATE questionnaire_response SET name = (SELECT q.name FROM questionnaire q "
        "WHERE q.id = questionnaire_response.questionnaire_id), "
        "source = 'self', revision = 1, chased = 0, attempts = 0"
    )
    op.execute("UPDATE questionnaire_response SET reason = 'left' WHERE status = 'stopped'")
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.alter_column("name", existing_type=sa.String(length=60), nullable=False)
        batch_op.alter_column("source", existing_type=sa.String(length=40), nullable=False)
        for column in COUNTED:
            batch_op.alter_column(column, existing_type=sa.Integer(), nullable=False)
        # Which item is next follows from the answers.
        batch_op.drop_column("current")
        for columns in INDEXES:
            batch_op.create_index(batch_op.f(f"ix_{TABLE}_{'_'.join(columns)}"), columns, unique=False)
        batch_op.create_unique_constraint(batch_op.f(f"uq_{TABLE}_key"), ["key"])


def downgrade() -> None:
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.add_column(sa.Column("current", sa.Integer(), nullable=False, server_default="0"))
        batch_op.drop_constraint(batch_op.f(f"uq_{TABLE}_key"), type_="unique")
        for columns in INDEXES:
            batch_op.drop_index(batch_op.f(f"ix_{TABLE}_{'_'.join(columns)}"))
        for name, _ in reversed(ADDED):
            batch_op.drop_column(name)
