from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from store.audit import AuditRow
from store.database import Database
from web.signin import service
from web.signin.models import Role, StaffSession, StaffUser

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PASSWORD = "correct horse"


async def a_nurse(database: Database) -> StaffUser:
    async with database.write() as session:
        return await service.create_user(
            session, username=" Zhang ", display_name="张护士", password=PASSWORD, roles=[Role.NURSE]
        )


async def audited(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))


async def test_a_session_opens_ends_and_is_audited(database: Database) -> None:
    nurse = await a_nurse(database)
    assert nurse.username == "zhang"
    assert service.password_fits(nurse, PASSWORD)
    async with database.write() as session:
        token = await service.open_session(session, nurse, NOW)
    async with database.read() as session:
        stored = (await session.scalars(select(StaffSession.token_hash))).one()
        assert token not in stored
        found = await service.staff_of(session, token, NOW + timedelta(minutes=29))
        assert found is not None and found.id == nurse.id and found.roles == ["nurse"]
        assert await service.staff_of(session, token, NOW + timedelta(minutes=30)) is None
        assert await service.staff_of(session, token, NOW + timedelta(hours=11), timedelta(hours=24))
        assert await service.staff_of(session, token, NOW + timedelta(hours=12), timedelta(hours=24)) is None
        assert await service.staff_of(session, token + "x", NOW) is None
    async with database.write() as session:
        await service.close_session(session, token, NOW)
        await service.close_session(session, "nobody's", NOW)
    async with database.read() as session:
        assert await service.staff_of(session, token, NOW) is None
    assert await audited(database) == ["sign_in", "sign_out"]


async def test_five_failures_lock_for_a_while(database: Database) -> None:
    nurse = await a_nurse(database)
    for tries in range(1, 6):
        async with database.write() as session:
            await service.record_failure(session, nurse, NOW)
        async with database.read() as session:
            again = await service.find_user(session, "ZHANG")
        assert again is not None
        assert service.may_try(again, NOW) is (tries < 5)
    assert service.may_try(again, NOW + service.LOCK_LASTS)
    assert await audited(database) == ["sign_in_failed"] * 5


async def test_a_success_forgets_earlier_failures(database: Database) -> None:
    nurse = await a_nurse(database)
    async with database.write() as session:
        for _ in range(4):
            await service.record_failure(session, nurse, NOW)
        await service.open_session(session, nurse, NOW)
    async with database.read() as session:
        again = await service.find_user(session, "zhang")
    assert again is not None and again.failed_tries == 0


async def test_switched_off_accounts_are_out_at_once(database: Database) -> None:
    nurse = await a_nurse(database)
    async with database.write() as session:
        token = await service.open_session(session, nurse, NOW)
    async with database.write() as session:
        stored = await session.get_one(StaffUser, nurse.id)
        stored.active = False
    async with database.read() as session:
        assert await service.staff_of(session, token, NOW) is None
        again = await service.find_user(session, "zhang")
    assert not service.may_try(again, NOW)


async def test_unknown_users_never_fit(database: Database) -> None:
    assert not service.password_fits(None, PASSWORD)
    assert not service.password_fits(None, "nobody has this password")
    async with database.write() as session:
        await service.record_failure(session, None, NOW)
    assert await audited(database) == ["sign_in_failed"]


async def test_ensure_admin_makes_one_and_leaves_it(database: Database) -> None:
    async with database.write() as session:
        assert await service.ensure_admin(session, "root", "first-password")
    async with database.write() as session:
        assert not await service.ensure_admin(session, "ROOT", "second-password")
        admin = await service.find_user(session, "root")
    assert admin is not None and admin.roles == ["admin"]
    assert service.password_fits(admin, "first-password")
    assert not service.password_fits(admin, "second-password")


@pytest.mark.parametrize(
    ("username", "password"), [("", PASSWORD), ("  ", PASSWORD), ("li", "short"), ("zhang", PASSWORD)]
)
async def test_bad_accounts_are_refused_in_chinese(database: Database, username: str, password: str) -> None:
    await a_nurse(database)
    with pytest.raises(service.AccountError, match=r"[一-龥]"):
        async with database.write() as session:
            await service.create_user(
                session, username=username, display_name="", password=password, roles=[]
            )
