"""what audiences ask for"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audience",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience")),
        sa.UniqueConstraint("name", name=op.f("uq_audience_name")),
    )
    op.create_table(
        "answer_now",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("questionnaire", sa.String(length=60), nullable=False),
        sa.Column("link_id", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("number", sa.Float(), nullable=True),
        sa.Column("answered_date", sa.Date(), nullable=False),
        sa.Column("response_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_answer_now_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patient_id", "questionnaire", "link_id", name=op.f("pk_answer_now")),
    )
    with op.batch_alter_table("answer_now", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_answer_now_questionnaire_link_id_patient_id"),
            ["questionnaire", "link_id", "patient_id"],
            unique=False,
        )

    op.create_table(
        "article_read",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=True),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dwell", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_article_read_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_read")),
    )
    with op.batch_alter_table("article_read", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_read_article_id_opened_at_patient_id"),
            ["article_id", "opened_at", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_article_read_patient_id_article_id_opened_at"),
            ["patient_id", "article_id", "opened_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_article_read_patient_id_topic_opened_at"),
            ["patient_id", "topic", "opened_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_article_read_topic_opened_at_patient_id"),
            ["topic", "opened_at", "patient_id"],
            unique=False,
        )

    op.create_table(
        "article_sent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=True),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_article_sent_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_sent")),
    )
    with op.batch_alter_table("article_sent", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_sent_patient_id_article_id_sent_at"),
            ["patient_id", "article_id", "sent_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_article_sent_patient_id_topic_sent_at"),
            ["patient_id", "topic", "sent_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_article_sent_topic_sent_at_patient_id"),
            ["topic", "sent_at", "patient_id"],
            unique=False,
        )

    op.create_table(
        "audience_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["audience_id"], ["audience.id"], name=op.f("fk_audience_version_audience_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience_version")),
        sa.UniqueConstraint("audience_id", "number", name=op.f("uq_audience_version_audience_id_number")),
    )
    op.create_table(
        "patient_tag",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.Column("tagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_patient_tag_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patient_id", "tag", name=op.f("pk_patient_tag")),
    )
    with op.batch_alter_table("patient_tag", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_patient_tag_tag_patient_id"), ["tag", "patient_id"], unique=False
        )

    op.create_table(
        "pregnancy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("lmp_date", sa.Date(), nullable=False),
        sa.Column("ended_date", sa.Date(), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_pregnancy_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pregnancy")),
    )
    with op.batch_alter_table("pregnancy", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_pregnancy_lmp_date_ended_date_patient_id"),
            ["lmp_date", "ended_date", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_pregnancy_outcome_ended_date_patient_id"),
            ["outcome", "ended_date", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_pregnancy_patient_id_lmp_date"), ["patient_id", "lmp_date"], unique=True
        )

    op.create_table(
        "encounter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["department_id"], ["healthcare_service.id"], name=op.f("fk_encounter_department_id")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_encounter_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encounter")),
    )
    with op.batch_alter_table("encounter", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_encounter_department_id_start_date_patient_id"),
            ["department_id", "start_date", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_encounter_kind_end_date_patient_id"),
            ["kind", "end_date", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_encounter_kind_start_date_patient_id"),
            ["kind", "start_date", "patient_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_encounter_patient_id_kind_start_date_department_id"),
            ["patient_id", "kind", "start_date", "department_id"],
            unique=True,
        )

    op.create_table(
        "procedure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column(
            "code",
            sa.String(length=20).with_variant(sa.String(length=20, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("display", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("performed_date", sa.Date(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["department_id"], ["healthcare_service.id"], name=op.f("fk_procedure_department_id")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_procedure_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_procedure")),
    )
    with op.batch_alter_table("procedure", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_procedure_patient_id_code_performed_date"),
            ["patient_id", "code", "performed_date"],
            unique=True,
        )
        batch_op.create_index(
            batch_op.f("ix_procedure_status_performed_date_code_patient_id"),
            ["status", "performed_date", "code", "patient_id"],
            unique=False,
        )

    with op.batch_alter_table("condition", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recorded_date", sa.Date(), nullable=True))
    # What was known so far is when it began, or when the patient was first entered.
    op.execute(
        "UPDATE condition SET recorded_date = coalesce(onset_date, (SELECT CAST(created_at AS date) FROM patient"
        " WHERE patient.id = condition.patient_id))"
        if op.get_bind().dialect.name == "postgresql"
        else "UPDATE condition SET recorded_date = coalesce(onset_date, (SELECT date(created_at) FROM patient"
        " WHERE patient.id = condition.patient_id))"
    )
    with op.batch_alter_table("condition", schema=None) as batch_op:
        batch_op.alter_column("recorded_date", existing_type=sa.Date(), nullable=False)
        if op.get_bind().dialect.name == "postgresql":
            batch_op.alter_column(
                "code",
                existing_type=sa.String(20),
                existing_nullable=False,
                type_=sa.String(20, collation="C"),
            )
        batch_op.drop_index(batch_op.f("ix_condition_code_onset_date"))
        batch_op.create_index(
            batch_op.f("ix_condition_code_recorded_date_ended_date_patient_id"),
            ["code", "recorded_date", "ended_date", "patient_id"],
            unique=False,
        )

    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "residence_code",
                sa.String(length=6).with_variant(sa.String(length=6, collation="C"), "postgresql"),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("language", sa.String(length=10), nullable=True))
        batch_op.create_index(batch_op.f("ix_patient_residence_code"), ["residence_code"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_patient_status_birth_year_sex_id"),
            ["status", "birth_year", "sex", "id"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_status_birth_year_sex_id"))
        batch_op.drop_index(batch_op.f("ix_patient_residence_code"))
        batch_op.drop_column("language")
        batch_op.drop_column("residence_code")

    with op.batch_alter_table("condition", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_condition_code_recorded_date_ended_date_patient_id"))
        batch_op.create_index(
            batch_op.f("ix_condition_code_onset_date"), ["code", "onset_date"], unique=False
        )
        batch_op.drop_column("recorded_date")

    with op.batch_alter_table("procedure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_procedure_status_performed_date_code_patient_id"))
        batch_op.drop_index(batch_op.f("ix_procedure_patient_id_code_performed_date"))

    op.drop_table("procedure")
    with op.batch_alter_table("encounter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_encounter_patient_id_kind_start_date_department_id"))
        batch_op.drop_index(batch_op.f("ix_encounter_kind_start_date_patient_id"))
        batch_op.drop_index(batch_op.f("ix_encounter_kind_end_date_patient_id"))
        batch_op.drop_index(batch_op.f("ix_encounter_department_id_start_date_patient_id"))

    op.drop_table("encounter")
    with op.batch_alter_table("pregnancy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pregnancy_patient_id_lmp_date"))
        batch_op.drop_index(batch_op.f("ix_pregnancy_outcome_ended_date_patient_id"))
        batch_op.drop_index(batch_op.f("ix_pregnancy_lmp_date_ended_date_patient_id"))

    op.drop_table("pregnancy")
    with op.batch_alter_table("patient_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_tag_tag_patient_id"))

    op.drop_table("patient_tag")
    op.drop_table("audience_version")
    with op.batch_alter_table("article_sent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_sent_topic_sent_at_patient_id"))
        batch_op.drop_index(batch_op.f("ix_article_sent_patient_id_topic_sent_at"))
        batch_op.drop_index(batch_op.f("ix_article_sent_patient_id_article_id_sent_at"))

    op.drop_table("article_sent")
    with op.batch_alter_table("article_read", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_read_topic_opened_at_patient_id"))
        batch_op.drop_index(batch_op.f("ix_article_read_patient_id_topic_opened_at"))
        batch_op.drop_index(batch_op.f("ix_article_read_patient_id_article_id_opened_at"))
        batch_op.drop_index(batch_op.f("ix_article_read_article_id_opened_at_patient_id"))

    op.drop_table("article_read")
    with op.batch_alter_table("answer_now", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_answer_now_questionnaire_link_id_patient_id"))

    op.drop_table("answer_now")
    op.drop_table("audience")
