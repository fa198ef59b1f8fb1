"""one index of patients for audiences"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_residence_code"))
        batch_op.drop_index(batch_op.f("ix_patient_status_birth_year_sex_id"))
        batch_op.create_index(
            "ix_patient_audiences", ["status", "birth_year", "sex", "residence_code", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_index("ix_patient_audiences")
        batch_op.create_index(
            batch_op.f("ix_patient_status_birth_year_sex_id"),
            ["status", "birth_year", "sex", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_patient_residence_code"), ["residence_code"], unique=False)
