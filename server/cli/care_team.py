"""`care-team`: who is in charge of a patient, from the server's own terminal: the way into a confidential record nobody may open yet."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        "care-team",
        help="Put a member of staff on a patient's care team: from then on they may open the record, confidential or not."
        "\n\nExample: ./banyi care-team D0000012 nurse1",
    )(join)


def join(
    record: Annotated[str, typer.Argument(help="the patient's record number")],
    username: Annotated[str, typer.Argument(help="the account's user name; a nurse or a doctor")],
) -> None:
    from care.access import service as access
    from care.access.models import TeamRole
    from care.patients import service as patients
    from store import crypto
    from store.clock import real_now
    from store.database import Database
    from web.signin import service
    from web.signin.models import Role

    async def work() -> bool:
        settings = load_settings()
        crypto.install(settings.secrets.keyring)
        database = Database(settings.database)
        try:
            async with database.write("care-team") as session:
                patient = await patients.get_by_record_number(session, record)
                user = await service.find_user(session, username)
                if patient is None:
                    raise SettingsError("no patient has this record number.")
                if user is None or not {Role.NURSE, Role.DOCTOR} & set(user.roles):
                    raise SettingsError(f"there is no nurse or doctor {username!r}.")
                role = TeamRole.DOCTOR if Role.DOCTOR in user.roles else TeamRole.NURSE
                return await access.join_team(session, patient.id, user.id, role, by=None, now=real_now())
        finally:
            await database.close()

    new = asyncio.run(work())
    print(f"✓ {username} {'is' if new else 'was already'} on the care team")
