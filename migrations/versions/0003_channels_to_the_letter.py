"""channels to the letter"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_hold")),
    )
    with op.batch_alter_table("delivery_hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_hold_lifted_at"), ["lifted_at"], unique=False)

    op.create_table(
        "wechat_console_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("menu", sa.JSON(), nullable=False),
        sa.Column("welcome", sa.Text(), nullable=False),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wechat_console_version")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq_wechat_console_version_account_id_number")),
    )
    op.create_table(
        "subscription_grant",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=True),
        sa.Column("inbound_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_subscription_grant_contact_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", "template_id", name=op.f("pk_subscription_grant")),
    )
    op.create_table(
        "media_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("media_id", sa.String(length=512), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("transcript_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("dead_reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_media_item_contact_id")),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound_message.id"], name=op.f("fk_media_item_inbound_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_item")),
        sa.UniqueConstraint("inbound_id", name=op.f("uq_media_item_inbound_id")),
    )
    with op.batch_alter_table("media_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_media_item_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_item_due_at"), ["due_at"], unique=False)

    op.create_table(
        "wechat_oauth_state",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("next_path", sa.String(length=500), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_wechat_oauth_state")),
    )
    with op.batch_alter_table("wechat_oauth_state", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wechat_oauth_state_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "binding_qr",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_binding_qr_patient_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_qr")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_binding_qr_token_hash")),
    )
    with op.batch_alter_table("binding_qr", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_binding_qr_created_by_created_at"), ["created_by", "created_at"], unique=False
        )

    op.create_table(
        "sms_signature",
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("sign", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sign", name=op.f("pk_sms_signature")),
    )
    op.create_table(
        "question_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("nearest", sa.JSON(), nullable=False),
        sa.Column("entry_slug", sa.String(length=100), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_group")),
    )
    with op.batch_alter_table("question_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_question_group_state"), ["state"], unique=False)

    op.create_table(
        "unanswered_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("text_hash", sa.String(length=80), nullable=False),
        sa.Column("vector_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(length=64), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("first_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["question_group.id"],
            name=op.f("fk_unanswered_question_group_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unanswered_question")),
        sa.UniqueConstraint("text_hash", name=op.f("uq_unanswered_question_text_hash")),
    )
    with op.batch_alter_table("unanswered_question", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unanswered_question_group_id"), ["group_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_unanswered_question_last_asked_at"), ["last_asked_at"], unique=False
        )

    op.create_table(
        "question_ask",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("asker", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["unanswered_question.id"],
            name=op.f("fk_question_ask_question_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("question_id", "asker", "day", name=op.f("pk_question_ask")),
    )
    with op.batch_alter_table("question_ask", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_question_ask_day"), ["day"], unique=False)

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("holder", sa.String(length=12), server_default="unknown", nullable=False)
        )
        batch_op.add_column(sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("inbound_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("passive_until", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=16), server_default="", nullable=False))
        batch_op.add_column(sa.Column("account_id", sa.String(length=64), server_default="", nullable=False))

    with op.batch_alter_table("delivery_attempt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gate", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("parts", sa.Integer(), nullable=True))

    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=16), server_default="", nullable=False))
        batch_op.add_column(sa.Column("account_id", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("campaign", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("plan", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("rung", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("continues", sa.Uuid(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_outbound_message_campaign_status"), ["campaign", "status"], unique=False
        )
        batch_op.drop_index(batch_op.f("ix_outbound_message_inbound_id"))
        for name in ("inbound_id", "continues"):
            present = sa.text(f"{name} IS NOT NULL")
            batch_op.create_index(
                batch_op.f(f"ix_outbound_message_{name}"),
                [name],
                unique=False,
                sqlite_where=present,
                postgresql_where=present,
            )
        batch_op.drop_index(batch_op.f("ix_outbound_message_status_priority_due_at"))
        batch_op.create_index(
            batch_op.f("ix_outbound_message_status_priority_due_at_id"),
            ["status", "priority", "due_at", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_outbound_message_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outbound_message_patient_id_finished_at"),
            ["patient_id", "finished_at"],
            unique=False,
        )

    _tell_channel("conversation")
    _tell_channel("outbound_message")
    _sms_templates(with_account=True)
    _known_holders()


def downgrade() -> None:
    _sms_templates(with_account=False)
    with op.batch_alter_table("outbound_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbound_message_patient_id_finished_at"))
        batch_op.drop_index(batch_op.f("ix_outbound_message_created_at"))
        batch_op.drop_index(batch_op.f("ix_outbound_message_continues"))
        batch_op.drop_index(batch_op.f("ix_outbound_message_inbound_id"))
        batch_op.create_index(batch_op.f("ix_outbound_message_inbound_id"), ["inbound_id"], unique=False)
        batch_op.drop_index(batch_op.f("ix_outbound_message_status_priority_due_at_id"))
        batch_op.create_index(
            batch_op.f("ix_outbound_message_status_priority_due_at"),
            ["status", "priority", "due_at"],
            unique=False,
        )
        batch_op.drop_index(batch_op.f("ix_outbound_message_campaign_status"))
        batch_op.drop_column("continues")
        batch_op.drop_column("rung")
        batch_op.drop_column("plan")
        batch_op.drop_column("expires_at")
        batch_op.drop_column("campaign")
        batch_op.drop_column("account_id")
        batch_op.drop_column("channel")

    with op.batch_alter_table("delivery_attempt", schema=None) as batch_op:
        batch_op.drop_column("parts")
        batch_op.drop_column("gate")

    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_column("account_id")
        batch_op.drop_column("channel")

    with op.batch_alter_table("inbound_message", schema=None) as batch_op:
        batch_op.drop_column("passive_until")

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_column("muted_until")
        batch_op.drop_column("holder")

    with op.batch_alter_table("media_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_media_item_due_at"))
        batch_op.drop_index(batch_op.f("ix_media_item_contact_id"))

    with op.batch_alter_table("question_ask", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_question_ask_day"))

    op.drop_table("question_ask")
    with op.batch_alter_table("unanswered_question", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unanswered_question_last_asked_at"))
        batch_op.drop_index(batch_op.f("ix_unanswered_question_group_id"))

    op.drop_table("unanswered_question")
    with op.batch_alter_table("question_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_question_group_state"))

    op.drop_table("question_group")
    op.drop_table("sms_signature")
    with op.batch_alter_table("binding_qr", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_binding_qr_created_by_created_at"))
    op.drop_table("binding_qr")
    with op.batch_alter_table("wechat_oauth_state", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_wechat_oauth_state_expires_at"))
    op.drop_table("wechat_oauth_state")
    op.drop_table("media_item")
    op.drop_table("subscription_grant")
    op.drop_table("wechat_console_version")
    with op.batch_alter_table("delivery_hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_hold_lifted_at"))

    op.drop_table("delivery_hold")


def _tell_channel(table: str) -> None:
    """Rows know their contact's channel and account themselves."""
    contact = sa.table("contact", sa.column("id"), sa.column("channel"), sa.column("account_id"))
    rows = sa.table(table, sa.column("contact_id"), sa.column("channel"), sa.column("account_id"))

    def of_contact(column: sa.ColumnClause[str]) -> sa.ScalarSelect[str]:
        return sa.select(column).where(contact.c.id == rows.c.contact_id).scalar_subquery()

    op.execute(
        rows.update().values(
            channel=of_contact(contact.c.channel), account_id=of_contact(contact.c.account_id)
        )
    )


def _known_holders() -> None:
    """A phone bound before has said whose it is: asked again, it would hold up tomorrow's reminders."""
    contact = sa.table("contact", sa.column("id"), sa.column("channel"), sa.column("holder"))
    link = sa.table("patient_contact", sa.column("contact_id"), sa.column("relation"))
    bound = sa.select(link.c.contact_id).where(link.c.contact_id == contact.c.id).correlate(contact)
    phones = contact.update().where(contact.c.channel == "sms")
    op.execute(phones.where(bound.exists()).values(holder="family"))
    op.execute(phones.where(bound.where(link.c.relation == "self").exists()).values(holder="self"))


def _sms_templates(*, with_account: bool) -> None:
    """The table anew, with its rows: a primary key cannot be changed in place on every database."""
    old = sa.table(
        "sms_template",
        *(sa.column(name) for name in _TEMPLATE),
        sa.column("updated_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    rows = [dict(row) for row in connection.execute(sa.select(old)).mappings()]
    op.drop_table("sms_template")
    account = [sa.Column("account_id", sa.String(64), nullable=False)] if with_account else []
    review = (
        [
            sa.Column("order_id", sa.String(64), nullable=True),
            sa.Column("note", sa.String(300), nullable=True),
            sa.Column("submitted_by", sa.Uuid(), nullable=True),
            sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        ]
        if with_account
        else []
    )
    key = ["account_id"] if with_account else []
    new = op.create_table(
        "sms_template",
        *account,
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("options", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *review,
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*key, "code", name=op.f("pk_sms_template")),
        sa.UniqueConstraint(
            *key,
            "key",
            "options",
            "revision",
            name=op.f(f"uq_sms_template_{'account_id_' if with_account else ''}key_options_revision"),
        ),
    )
    op.create_index(op.f("ix_sms_template_key"), "sms_template", ["key"])
    if not rows:
        return
    if with_account:
        known = connection.execute(
            sa.text("SELECT account_id FROM contact WHERE channel = 'sms' ORDER BY created_at LIMIT 1")
        ).scalar()
        rows = [{**row, "account_id": known or "aliyun"} for row in rows]
    else:
        rows = _of_one_account(rows)
    op.bulk_insert(new, rows)


def _of_one_account(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of templates several accounts have, one: an approved one first. The older version knows of one account only."""
    kept: list[dict[str, Any]] = []
    taken: set[object] = set()
    for row in sorted(rows, key=lambda one: one["state"] != "approved"):
        keys = {row["code"], (row["key"], row["options"], row["revision"])}
        if not keys & taken:
            taken |= keys
            kept.append(row)
    return kept


_TEMPLATE = ("code", "key", "options", "revision", "kind", "text", "state")
