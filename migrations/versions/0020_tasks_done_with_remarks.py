"""tasks done with remarks"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("desk_task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remark_sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("outcome", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("desk_task", schema=None) as batch_op:
        batch_op.drop_column("tries")
        batch_op.drop_column("outcome")
        batch_op.drop_column("remark_sealed")
