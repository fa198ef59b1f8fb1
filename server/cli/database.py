"""`db`: the schema, and the audit trail's proof."""

from __future__ import annotations

import asyncio

import typer

from server import migrate
from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    db = typer.Typer(help="The database.\n\nExample: ./banyi db upgrade", no_args_is_help=True)
    db.command(help="Bring the schema to the newest revision.\n\nExample: ./banyi db upgrade")(upgrade)
    db.command(help="Say which revision the database is at.\n\nExample: ./banyi db status")(status)
    db.command("verify-audit", help="Walk the audit trail's chain.\n\nExample: ./banyi db verify-audit")(
        verify_audit
    )
    db.command(help="Add the demo hospital.\n\nExample: ./banyi db seed")(seed)
    app.add_typer(db, name="db")


def upgrade() -> None:
    settings = load_settings()
    migrate.upgrade(settings.database)
    print(f"✓ the database is at {migrate.head()}")


def status() -> None:
    current, head = migrate.current(load_settings().database), migrate.head()
    print(
        f"database: {current or 'empty'}; code: {head}"
        + ("" if current == head else " → run ./banyi db upgrade")
    )


def verify_audit() -> None:
    from server.upkeep import audit_sealer
    from store import audit_check
    from store.database import Database

    async def check() -> None:
        settings = load_settings()
        database = Database(settings.database)
        try:
            async with database.write("audit-check") as session:
                begun = await audit_check.begin(session, "system")
            if begun is None:
                raise SettingsError("the audit trail is being checked at this moment; try again in a minute.")
            report = await audit_check.walk(database, audit_sealer(settings, database), begun)
        finally:
            await database.close()
        if report.broken is not None:
            raise SettingsError(
                f"the audit trail is broken at row {report.broken}: a row was changed or is missing, or the end was cut off."
            )
        print(f"✓ {report.sealed} audit rows in an unbroken chain, {report.unsealed} not sealed yet")

    asyncio.run(check())


def seed() -> None:
    from server.serve import prepare

    settings = load_settings()
    if settings.environment != "demo":
        raise SettingsError(
            "the demo hospital is only for BANYI_ENVIRONMENT=demo; load your own data with ./banyi load."
        )

    async def add() -> None:
        house = await prepare(settings)
        await house.close()

    asyncio.run(add())
    print("✓ the demo hospital is there")
