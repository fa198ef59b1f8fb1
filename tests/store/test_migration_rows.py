"""Migrations on a database in use: what was stored is there afterwards, and again when it is taken back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from server import migrate
from tests.factories.servers import Postgres

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


class Old:
    """Plain rows, whatever the revision; what a table needs and a test does not say is filled in."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._tables = sa.MetaData()
        self._tables.reflect(connection)

    def _fit(self, value: Any) -> Any:
        sqlite = self._connection.dialect.name == "sqlite"
        return value.hex if sqlite and isinstance(value, uuid.UUID) else value

    def add(self, name: str, **given: Any) -> uuid.UUID:
        table = self._tables.tables[name]
        values = {key: self._fit(value) for key, value in given.items()}
        made = uuid.uuid4()
        if "id" in table.c and "id" not in values:
            values["id"] = self._fit(made)
        for column in table.c:
            if column.name in values or column.nullable or column.server_default is not None:
                continue
            values[column.name] = _filler(column, self._fit(uuid.uuid4()))
        self._connection.execute(table.insert().values(values))
        return made

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(self._tables.tables[name].select()).mappings()]


def _filler(column: sa.Column[Any], unique: Any) -> Any:
    match column.type:
        case sa.Integer() | sa.Numeric() | sa.Boolean():
            return 0
        case sa.DateTime():
            return NOW
        case sa.LargeBinary():
            return b"sealed"
        case sa.Uuid():
            return unique
        case _:
            return str(unique)[: getattr(column.type, "length", None) or 16]


@contextmanager
def at(url: str, revision: str, *, down: bool = False) -> Iterator[Old]:
    """The database brought to `revision`."""
    engine = migrate.sync_engine(url)
    config = migrate.alembic_config(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if down else command.upgrade)(config, revision)
        with engine.begin() as connection:
            yield Old(connection)
    finally:
        engine.dispose()


def _in_use(old: Old) -> None:
    for channel, account in (("sms", "aliyun"), ("wechat", "hospital")):
        contact = old.add("contact", channel=channel, account_id=account, status="active", created_at=NOW)
        talk = old.add("conversation", contact_id=contact, inbound_seq=3, outbound_seq=2)
        old.add(
            "inbound_message",
            conversation_id=talk,
            contact_id=contact,
            channel=channel,
            account_id=account,
            status="handled",
        )
        said = old.add(
            "outbound_message", conversation_id=talk, contact_id=contact, status="queued", due_at=NOW, seq=1
        )
        old.add("delivery_attempt", outbound_id=said, n=1, verdict="started")
    for n, state in enumerate(("approved", "draft")):
        old.add(
            "sms_template",
            code=f"SMS_{n}",
            key=f"key.{n}",
            options=n,
            revision="r1",
            state=state,
            updated_at=NOW,
        )


def _same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return sorted(map(str, one)) == sorted(map(str, other))


def test_rows_of_the_version_before_survive_up_and_down(url: str) -> None:
    tables = (
        "contact",
        "conversation",
        "inbound_message",
        "outbound_message",
        "delivery_attempt",
        "sms_template",
    )
    with at(url, "0002") as old:
        _in_use(old)
        before = {name: old.rows(name) for name in tables}
    with at(url, "0003") as new:
        for name in ("conversation", "outbound_message"):
            assert sorted((row["channel"], row["account_id"]) for row in new.rows(name)) == [
                ("sms", "aliyun"),
                ("wechat", "hospital"),
            ]
        assert sorted((row["account_id"], row["code"], row["state"]) for row in new.rows("sms_template")) == [
            ("aliyun", "SMS_0", "approved"),
            ("aliyun", "SMS_1", "draft"),
        ]
        assert [row["muted_until"] for row in new.rows("contact")] == [None, None]
    with at(url, "0002", down=True) as old:
        assert all(_same(old.rows(name), before[name]) for name in tables)
    with at(url, "0003") as new:
        assert len(new.rows("sms_template")) == 2


def test_going_back_keeps_one_account_s_templates(url: str) -> None:
    with at(url, "0003") as new:
        for account in ("aliyun", "tencent"):
            new.add(
                "sms_template",
                account_id=account,
                code="SMS_1",
                key="key.1",
                options=0,
                revision="r1",
                state="approved",
            )
        new.add(
            "sms_template",
            account_id="tencent",
            code="SMS_2",
            key="key.2",
            options=0,
            revision="r1",
            state="draft",
        )
    with at(url, "0002", down=True) as old:
        assert sorted(row["code"] for row in old.rows("sms_template")) == ["SMS_1", "SMS_2"]


def test_a_phone_that_was_bound_is_known_after_the_upgrade(url: str) -> None:
    with at(url, "0002") as old:
        patient = old.add("patient", status="active")
        own = old.add("contact", channel="sms", account_id="aliyun")
        son = old.add("contact", channel="sms", account_id="aliyun")
        stranger = old.add("contact", channel="sms", account_id="aliyun")
        openid = old.add("contact", channel="wechat", account_id="hospital")
        for contact, relation in ((own, "self"), (son, "mother"), (openid, "self")):
            old.add(
                "patient_contact", patient_id=patient, contact_id=contact, relation=relation, confirmed_at=NOW
            )
    with at(url, "0003") as new:
        holders = {uuid.UUID(str(row["id"])): row["holder"] for row in new.rows("contact")}
    assert holders == {own: "self", son: "family", stranger: "unknown", openid: "unknown"}


def test_diagnoses_get_the_day_they_were_recorded(url: str) -> None:
    with at(url, "0003") as old:
        patient = old.add("patient", status="active", created_at=NOW)
        for code, onset in (("E11.900", date(2026, 11, 2)), ("I10.x00", None)):
            old.add("condition", patient_id=patient, code=code, onset_date=onset)
    with at(url, "0004") as new:
        found = {row["code"]: row["recorded_date"] for row in new.rows("condition")}
        assert found == {"E11.900": date(2026, 11, 2), "I10.x00": NOW.date()}
    with at(url, "0003", down=True) as old:
        assert len(old.rows("condition")) == 2
