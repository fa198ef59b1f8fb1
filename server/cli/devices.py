"""`device-token` and `device-revoke`: let a device, or a hospital's gateway, send readings, and stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from server.settings import SettingsError, load_settings


def add_to(app: typer.Typer) -> None:
    app.command(
        "device-token",
        help="Register a device that may send readings to /api/fhir/Observation; its token is printed once."
        "\n\nExample: ./banyi device-token blood-pressure-7 --patient D0000012",
    )(register)
    app.command(
        "device-revoke", help="A device's token opens nothing any more.\n\nExample: ./banyi device-revoke ID"
    )(revoke)


def register(
    name: Annotated[str, typer.Argument(help="for staff: what it is and where it stands")],
    patient: Annotated[
        str, typer.Option(help="record number of whose it is; without it, it may send for everybody")
    ] = "",
) -> None:
    from care.observations import devices
    from care.patients import service as patients
    from store.clock import real_now

    async def work(session: AsyncSession) -> str:
        whose = await patients.get_by_record_number(session, patient) if patient else None
        if patient and whose is None:
            raise SettingsError(f"there is no patient with the record number {patient!r}.")
        row, token = await devices.add(
            session, name, patient_id=whose.id if whose is not None else None, now=real_now()
        )
        return f"✓ device {row.id}\n  Authorization: Bearer {token}\n  The token is not shown again."

    print(_in_database("device-token", work))


def revoke(device: Annotated[str, typer.Argument(help="its id, as device-token printed it")]) -> None:
    from care.observations import devices
    from store.clock import real_now

    async def work(session: AsyncSession) -> str:
        try:
            done = await devices.revoke(session, UUID(device), real_now())
        except ValueError:
            done = False
        if not done:
            raise SettingsError(f"there is no device {device!r} whose token is good.")
        return "✓ its token opens nothing any more"

    print(_in_database("device-revoke", work))


def _in_database(doing: str, work: Callable[[AsyncSession], Awaitable[str]]) -> str:
    from store import crypto
    from store.database import Database

    async def run() -> str:
        settings = load_settings()
        crypto.install(settings.secrets.keyring)
        database = Database(settings.database)
        try:
            async with database.write(doing) as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(run())
