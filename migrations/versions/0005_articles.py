"""articles"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("form", sa.String(length=12), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("ai_made", sa.Boolean(), nullable=False),
        sa.Column("revisions", sa.Integer(), nullable=False),
        sa.Column("live_revision", sa.Integer(), nullable=True),
        sa.Column("pending_revision", sa.Integer(), nullable=True),
        sa.Column("review_by", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
        sa.UniqueConstraint("slug", name=op.f("uq_article_slug")),
    )
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_changed_at"), ["changed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_topic_stage"), ["topic", "stage"], unique=False)

    op.create_table(
        "media_asset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("alt", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("licence", sa.String(length=24), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_asset")),
        sa.UniqueConstraint("digest", name=op.f("uq_media_asset_digest")),
    )
    with op.batch_alter_table("media_asset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_asset_created_at"), ["created_at"], unique=False)

    op.create_table(
        "article_at_wechat",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("vendor_id", sa.String(length=200), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_at_wechat_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_at_wechat")),
    )
    with op.batch_alter_table("article_at_wechat", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_at_wechat_article_id_at"), ["article_id", "at"], unique=False
        )

    op.create_table(
        "article_comment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("answers", sa.Uuid(), nullable=True),
        sa.Column("quote", sa.String(length=300), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_comment_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_comment")),
    )
    with op.batch_alter_table("article_comment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_comment_article_id_at"), ["article_id", "at"], unique=False
        )

    op.create_table(
        "article_draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=True),
        sa.Column("saved_by", sa.Uuid(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_by", sa.Uuid(), nullable=True),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_draft_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_draft")),
        sa.UniqueConstraint("article_id", name=op.f("uq_article_draft_article_id")),
    )
    op.create_table(
        "article_draft_save",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.Column("saved_by", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["article.id"], name=op.f("fk_article_draft_save_article_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_draft_save")),
    )
    with op.batch_alter_table("article_draft_save", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_draft_save_article_id_id"), ["article_id", "id"], unique=False
        )

    op.create_table(
        "article_revision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reading_level", sa.Double(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("from_revision", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_by", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recalled_by", sa.Uuid(), nullable=True),
        sa.Column("recall_reason", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_revision_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_revision")),
        sa.UniqueConstraint("article_id", "number", name=op.f("uq_article_revision_article_id_number")),
    )
    with op.batch_alter_table("article_revision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_revision_state"), ["state"], unique=False)

    op.create_table(
        "article_sign_off",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.String(length=12), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("remark_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_sign_off_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_sign_off")),
    )
    with op.batch_alter_table("article_sign_off", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_sign_off_article_id_number"), ["article_id", "number"], unique=False
        )

    op.create_table(
        "media_at_wechat",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=600), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media_asset.id"], name=op.f("fk_media_at_wechat_media_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_at_wechat")),
        sa.UniqueConstraint(
            "media_id", "account_id", "kind", name=op.f("uq_media_at_wechat_media_id_account_id_kind")
        ),
    )
    op.create_table(
        "media_use",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media_asset.id"], name=op.f("fk_media_use_media_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_use")),
        sa.UniqueConstraint("owner", "number", "media_id", name=op.f("uq_media_use_owner_number_media_id")),
    )
    with op.batch_alter_table("media_use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_use_media_id"), ["media_id"], unique=False)

    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbound_message_content_ref_content_revision"),
            ["content_ref", "content_revision"],
            unique=False,
            sqlite_where=sa.text("content_ref IS NOT NULL"),
            postgresql_where=sa.text("content_ref IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.drop_index(
            batch_op.f("ix_outbound_message_content_ref_content_revision"),
            sqlite_where=sa.text("content_ref IS NOT NULL"),
            postgresql_where=sa.text("content_ref IS NOT NULL"),
        )

    with op.batch_alter_table("media_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_use_media_id"))

    op.drop_table("media_use")
    op.drop_table("media_at_wechat")
    with op.batch_alter_table("article_sign_off", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_sign_off_article_id_number"))

    op.drop_table("article_sign_off")
    with op.batch_alter_table("article_revision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_revision_state"))

    op.drop_table("article_revision")
    with op.batch_alter_table("article_draft_save", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_draft_save_article_id_id"))

    op.drop_table("article_draft_save")
    op.drop_table("article_draft")
    with op.batch_alter_table("article_comment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_comment_article_id_at"))

    op.drop_table("article_comment")
    with op.batch_alter_table("article_at_wechat", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_at_wechat_article_id_at"))

    op.drop_table("article_at_wechat")
    with op.batch_alter_table("media_asset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_asset_created_at"))

    op.drop_table("media_asset")
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_article_topic_stage"))
        batch_op.drop_index(batch_op.f("ix_article_changed_at"))

    op.drop_table("article")
