"""events keep the number of the transaction that wrote them"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("event_cursor", schema=None) as batch_op:
        batch_op.add_column(sa.Column("writer", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("patient_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("writer", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.create_index(batch_op.f("ix_patient_event_writer_id"), ["writer", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("patient_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_event_writer_id"))
        batch_op.drop_column("writer")
    with op.batch_alter_table("event_cursor", schema=None) as batch_op:
        batch_op.drop_column("writer")
